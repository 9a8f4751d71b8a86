"""Calendar files (RFC 5545, RFC 5546): an event as any calendar takes it over, and takes it over anew.

The same subject (a registration, or an event looked at by who holds no seat) replaces what a calendar holds
when its revision is higher, and is removed when it is cancelled, whichever service made the file.
"""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

PRODUCT = "-//Amicale//Amicale//FR"


def calendar_file(
    *,
    subject: UUID,
    revision: int,
    site: str,
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
    """An event as `text/calendar; charset=utf-8; method=…`, in its own time zone (IANA name).

    `subject` is what the reader has of it, a registration or the event itself; `site` the portal's address.
    """
    zone = ZoneInfo(time_zone)
    event = Event()
    event.add("uid", f"{subject}@{urlsplit(site).hostname}")
    event.add("sequence", 2 * revision + is_cancelled)
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
