"""How amounts, dates and counts are written, in the language of the page."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol
from flask import Flask, current_app, request
from flask_babel import gettext as _
from markupsafe import Markup

from shared import clock
from shared.clock import ZONE
from shared.money import CURRENCIES, format_money
from shared.typography import NARROW
from web.languages import language


def teach(app: Flask) -> None:
    """Make these words known to templates."""
    app.jinja_env.filters.update(
        money=money,
        exact_money=exact_money,
        day=day,
        long_day=long_day,
        moment=moment,
        ago=ago,
        number=number,
        percent=percent,
        paragraphs=paragraphs,
        grouped=grouped,
    )
    app.jinja_env.globals.update(
        school=lambda: current_app.extensions["settings"].school_name,
        office=lambda: current_app.extensions["settings"].contact_email,
        officer=_officer,
        public_url=lambda: current_app.extensions["settings"].public_url.rstrip("/"),
        demo=lambda: current_app.extensions["settings"].demo,
        currency_symbol=lambda code: get_currency_symbol(code, locale=language()),
        now=lambda: datetime.now(UTC),
        with_query=with_query,
    )


def _officer() -> str:
    """Whom to write to about one's data: the officer, or the office where none was named."""
    settings = current_app.extensions["settings"]
    return settings.dpo_email or settings.contact_email


def money(minor: int, currency: str = "EUR") -> str:
    """An amount of minor units; the cents are written only when there are some: 120 €, 40,80 €."""
    return format_money(minor, currency, language())


def exact_money(minor: int, currency: str = "EUR") -> str:
    """An amount with its cents, as ledgers and receipts write it: 120,00 €, and −1,42 € with a true minus."""
    written = format_currency(Decimal(minor).scaleb(-CURRENCIES[currency]), currency, locale=language())
    return written.replace("-", "−")


def number(value: int | float | Decimal) -> str:
    """A count: 6 438."""
    return format_decimal(value, locale=language())


def percent(part: float, whole: float, digits: int = 0) -> str:
    """A share, rounded towards zero so that 99.9 % of a goal is never shown as reached."""
    if not whole:
        return format_percent(0, locale=language())
    scale = 100 * 10**digits
    share = Decimal(int(Decimal(part) * scale // Decimal(whole))) / scale
    pattern = "#,##0" + ("." + "0" * digits if digits else "") + (f"{NARROW}%" if language() == "fr" else "%")
    return format_percent(share, pattern, locale=language())


def today() -> date:
    """The day where the school is."""
    return clock.today(clock.now())


def day(when: str | date | datetime) -> str:
    """A day as people say it: 31 décembre; the year when it is not this one."""
    then = _date(when)
    this_year = then.year == today().year
    pattern = {"fr": "d MMMM", "en": "d MMMM"}[language()]
    return _first(format_date(then, pattern if this_year else pattern + " y", locale=_locale()), then)


def long_day(when: str | date | datetime) -> str:
    """A day with its year: 31 décembre 2026."""
    return _first(format_date(_date(when), "d MMMM y", locale=_locale()), _date(when))


def moment(when: str | datetime) -> str:
    """A day and a time where the school is: 23 novembre 2026, 10:42."""
    return format_datetime(_instant(when), "d MMMM y, HH:mm", tzinfo=ZONE, locale=_locale())


def ago(when: str | datetime) -> str:
    """How long ago; the day, once it is more than a week."""
    since = datetime.now(UTC) - _instant(when)
    if since < timedelta(minutes=1):
        return _("just now")
    if since > timedelta(days=7):
        return day(_instant(when))
    return format_timedelta(-since, add_direction=True, locale=_locale(), threshold=1)


def paragraphs(text: str) -> Markup:
    """Plainly typed text as paragraphs: an empty line begins another."""
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts)


def grouped(key: str) -> str:
    """A key in groups of four, as people read it out."""
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))


def with_query(**changes: str | None) -> str:
    """The address of this page with some of its query changed; None takes a part away."""
    query = {**request.args.to_dict(), **changes}
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def _locale() -> str:
    return {"fr": "fr_FR", "en": "en_GB"}[language()]


def _first(written: str, then: date) -> str:
    return written.replace("1 ", "1er ", 1) if language() == "fr" and then.day == 1 else written


def _date(when: str | date | datetime) -> date:
    if isinstance(when, str):
        when = datetime.fromisoformat(when) if "T" in when else date.fromisoformat(when)
    return clock.today(when) if isinstance(when, datetime) else when


def _instant(when: str | datetime) -> datetime:
    return datetime.fromisoformat(when) if isinstance(when, str) else when
