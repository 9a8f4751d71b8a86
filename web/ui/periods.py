"""When a campaign takes gifts, said by the clock of its own time zone."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask

from shared.clock import ZONE, now
from web.ui.occasions import local_zone
from web.ui.writing import day, long_day

TICK = timedelta(microseconds=1)


def teach(app: Flask) -> None:
    """Make these words known to templates."""
    app.jinja_env.filters.update(opening=opening, closing=closing)


def begins_later(campaign: dict[str, Any]) -> bool:
    """Whether its first moment is still to come."""
    return datetime.fromisoformat(campaign["opens_at"]) > now()


def is_over(campaign: dict[str, Any]) -> bool:
    """Whether its end has passed."""
    return datetime.fromisoformat(campaign["closes_at"]) <= now()


def days_left(campaign: dict[str, Any]) -> int:
    """Days of the campaign's own calendar until the end, today counted; 0 once it is over."""
    if is_over(campaign):
        return 0
    today = now().astimezone(ZoneInfo(campaign["time_zone"])).date()
    return (local_end(campaign).date() - today).days + 1


def opening(campaign: dict[str, Any], *, long: bool = False) -> str:
    """The first day, with its hour unless it is whole: 1er décembre; 1er décembre, 08:00."""
    start = _local(campaign, "opens_at")
    return _written(campaign, start, is_whole=_is_midnight(start), long=long)


def closing(campaign: dict[str, Any], *, long: bool = False) -> str:
    """The last day, with its hour unless it is whole: 31 décembre; 31 décembre, 18:00."""
    end = _local(campaign, "closes_at")
    return _written(campaign, local_end(campaign), is_whole=_is_midnight(end), long=long)


def local_end(campaign: dict[str, Any]) -> datetime:
    """The end by the clock there; of a whole last day, its last moment."""
    end = _local(campaign, "closes_at")
    return end - TICK if _is_midnight(end) else end


def _local(campaign: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(campaign[name]).astimezone(ZoneInfo(campaign["time_zone"]))


def _is_midnight(there: datetime) -> bool:
    return there.time() == time()


def _written(campaign: dict[str, Any], there: datetime, *, is_whole: bool, long: bool) -> str:
    """Whose clock it is, is said where it is not the school's."""
    said = (long_day if long else day)(there.date())
    hour = "" if is_whole else f", {there:%H:%M}"
    abroad = there.utcoffset() != there.astimezone(ZONE).utcoffset()
    return f"{said}{hour} ({local_zone(campaign)})" if abroad else f"{said}{hour}"
