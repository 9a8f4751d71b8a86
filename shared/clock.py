"""The time, read by doors only; use cases receive it as `at`."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Paris")
"""Where the school is: its days begin and end there."""


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today(at: datetime) -> date:
    """The day that `at` belongs to where the school is."""
    return at.astimezone(ZONE).date()
