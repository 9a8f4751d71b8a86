"""The time, read by doors only; use cases receive it as `at`."""

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

ZONE = ZoneInfo("Europe/Paris")
"""Where the school is: its days begin and end there."""


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today(at: datetime) -> date:
    """The day that `at` belongs to where the school is."""
    return at.astimezone(ZONE).date()


def is_zone(name: str) -> bool:
    """Whether `name` is an IANA time zone that everybody means the same by."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}
