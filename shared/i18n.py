"""French and English: words in both, and dates."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from marshmallow import Schema, fields, validate

from shared.clock import ZONE

LOCALES = ("fr", "en")
DEFAULT = "fr"


class Bilingual(Schema):
    """A text in both languages."""

    fr = fields.String(required=True, validate=validate.Length(max=20_000))
    en = fields.String(required=True, validate=validate.Length(max=20_000))


def words(texts: Mapping[str, str], locale: str) -> str:
    """The text in `locale`, or in the other language when it was not written in that one."""
    return texts.get(locale) or texts.get(DEFAULT) or next((text for text in texts.values() if text), "")


def format_day(day: date, locale: str) -> str:
    """`23 novembre 2026`, `23 November 2026`."""
    from babel.dates import format_date

    return format_date(day, "d MMMM y", locale=_babel(locale))


def format_moment(moment: datetime, locale: str) -> str:
    """Day and time as people write them, where the school is."""
    from babel.dates import format_datetime

    pattern = "d MMMM y 'à' HH:mm" if locale == "fr" else "d MMMM y 'at' HH:mm"
    return format_datetime(moment, pattern, tzinfo=ZONE, locale=_babel(locale))


def _babel(locale: str) -> str:
    return "en_GB" if locale == "en" else locale


def bilingual(**options: Any) -> fields.Nested:
    """A marshmallow field of a text in both languages."""
    return fields.Nested(Bilingual, **options)
