"""French and English: words in both, and dates."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

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


def format_occasion(starts_at: datetime, ends_at: datetime, time_zone: str, locale: str) -> str:
    """When something takes place, in its own time zone (IANA name), which is named unless it is the school's.

    `samedi 12 juin 2027, de 19 h 30 à 23 h 00`; `Saturday 12 June 2027, 19:30 to 23:00`.
    """
    zone = ZoneInfo(time_zone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    day, hour = _weekday(start, locale), _hour(start, locale)
    if start.date() == end.date():
        until = f"de {hour} à {_hour(end, locale)}" if locale == "fr" else f"{hour} to {_hour(end, locale)}"
        said = f"{day}, {until}"
    elif locale == "fr":
        said = f"du {day} à {hour} au {_weekday(end, locale)} à {_hour(end, locale)}"
    else:
        said = f"from {day} at {hour} to {_weekday(end, locale)} at {_hour(end, locale)}"
    return said + _whose_time(start, time_zone, locale)


def _whose_time(start: datetime, time_zone: str, locale: str) -> str:
    """Nothing where clocks show the school's time, else whose time it is."""
    from babel.dates import get_timezone_location

    if start.utcoffset() == start.astimezone(ZONE).utcoffset():
        return ""
    city = get_timezone_location(time_zone, locale=_babel(locale), return_city=True)
    return f" (heure locale\u00a0: {city})" if locale == "fr" else f" ({city} time)"


def _weekday(moment: datetime, locale: str) -> str:
    from babel.dates import format_date

    return format_date(moment.date(), "EEEE d MMMM y", locale=_babel(locale))


def _hour(moment: datetime, locale: str) -> str:
    return f"{moment:%H}\u00a0h\u00a0{moment:%M}" if locale == "fr" else f"{moment:%H:%M}"


def _babel(locale: str) -> str:
    return "en_GB" if locale == "en" else locale


def bilingual(**options: Any) -> fields.Nested:
    """A marshmallow field of a text in both languages."""
    return fields.Nested(Bilingual, **options)
