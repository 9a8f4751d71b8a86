"""When an event is, in the zone where it happens: that is the clock which those who come will look at."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_location
from flask import Flask
from flask_babel import gettext as _

from web.languages import language

TO = "\u2060–\u2060"
"""A dash at which no line is broken."""


def teach(app: Flask) -> None:
    """Make these words known to templates."""
    app.jinja_env.filters.update(occasion=occasion, local_moment=local_moment, local_zone=local_zone)


def occasion(event: dict[str, Any]) -> str:
    """Weekday, day and hours: jeudi 3 décembre 2026, 18:30–21:00; both days when it goes over midnight."""
    starts, ends = _local(event["starts_at"], event), _local(event["ends_at"], event)
    if starts.date() == ends.date():
        return f"{_day(starts)}, {_time(starts)}{TO}{_time(ends)}"
    return f"{_day(starts)}, {_time(starts)} – {_day(ends)}, {_time(ends)}"


def local_moment(when: str, event: dict[str, Any]) -> str:
    """A moment of the event in its own zone: jeudi 3 décembre 2026, 18:30."""
    then = _local(when, event)
    return f"{_day(then)}, {_time(then)}"


def local_zone(event: dict[str, Any]) -> str:
    """Whose clock the hours are of: local time, Paris."""
    city = get_timezone_location(ZoneInfo(event["time_zone"]), locale=_locale(), return_city=True)
    return _("local time, %(city)s", city=city)


def _local(when: str, event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(when).astimezone(ZoneInfo(event["time_zone"]))


def _day(then: datetime) -> str:
    written = format_date(then, "EEEE d MMMM y", locale=_locale())
    return written.replace(" 1 ", " 1er ", 1) if language() == "fr" and then.day == 1 else written


def _time(then: datetime) -> str:
    return format_time(then.timetz().replace(tzinfo=None), "HH:mm", locale=_locale())


def _locale() -> str:
    return {"fr": "fr_FR", "en": "en_GB"}[language()]
