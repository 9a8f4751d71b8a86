"""Calendar files (RFC 5545, RFC 5546): an event as any calendar takes it over, and takes it over anew.

The same `uid` with a higher `sequence` replaces what a calendar holds, or removes it when cancelled.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

PRODUCT = "-//Amicale//Amicale//FR"


def calendar_file(
    *,
    uid: str,
    sequence: int,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    time_zone: str,
    place: str,
    description: str,
    url: str,
    changed_at: datetime,
    is_cancelled: bool = False,
) -> bytes:
    """One event as `text/calendar; charset=utf-8; method=PUBLISH` (or CANCEL), in its own time zone."""
    zone = ZoneInfo(time_zone)
    event = Event()
    event.add("uid", uid)
    event.add("sequence", sequence)
    event.add("dtstamp", changed_at)
    event.add("dtstart", starts_at.astimezone(zone))
    event.add("dtend", ends_at.astimezone(zone))
    event.add("summary", title)
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    for name, value in (("location", place), ("description", description), ("url", url)):
        if value:
            event.add(name, value)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method(is_cancelled))
    calendar.add_component(event)
    calendar.add_missing_timezones()
    content: bytes = calendar.to_ical()
    return content


def method(is_cancelled: bool) -> str:
    """What a calendar is asked to do: RFC 5546's PUBLISH or CANCEL."""
    return "CANCEL" if is_cancelled else "PUBLISH"
