"""Calendar files are read back by a calendar library, in their own zone."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from icalendar import Calendar

from shared.calendars import calendar_file

DINNER = {
    "subject": UUID("0193a1b2-0000-7000-8000-000000000001"),
    "revision": 3,
    "site": "https://amicale.example/path",
    "title": "Dîner des anciens ; Valmont, été",
    "starts_at": datetime(2027, 6, 12, 17, 30, tzinfo=UTC),
    "ends_at": datetime(2027, 6, 12, 21, 0, tzinfo=UTC),
    "time_zone": "Europe/Paris",
    "place": "Maison des anciens, 3 rue de l’Église\nValmont",
    "description": "Tenue libre.",
    "url": "https://amicale.example/events/diner",
    "changed_at": datetime(2027, 1, 5, 9, 0, tzinfo=UTC),
}


def read(content: bytes) -> Any:
    calendar = Calendar.from_ical(content)
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_a_calendar_reads_what_was_said_in_the_zone_of_the_place() -> None:
    calendar, event = read(calendar_file(**DINNER))

    assert calendar["METHOD"] == "PUBLISH" and event["STATUS"] == "CONFIRMED"
    assert event["SUMMARY"] == DINNER["title"] and event["LOCATION"] == DINNER["place"]
    assert event.decoded("DTSTART") == DINNER["starts_at"] and event.decoded("DTEND") == DINNER["ends_at"]
    assert event["DTSTART"].params["TZID"] == "Europe/Paris" and event.decoded("DTSTART").hour == 19
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Paris"]


def test_a_cancelled_event_takes_itself_out_of_the_calendar_under_the_same_id() -> None:
    calendar, event = read(calendar_file(**DINNER | {"is_cancelled": True}))

    assert calendar["METHOD"] == "CANCEL" and event["STATUS"] == "CANCELLED"
    assert (str(event["UID"]), event["SEQUENCE"]) == (f"{DINNER['subject']}@amicale.example", 7)


@pytest.mark.parametrize("words", ["a\r\nATTENDEE:mailto:x@example.org", "é" * 400, "BEGIN:VEVENT"])
def test_words_never_become_lines_of_their_own(words: str) -> None:
    content = calendar_file(**DINNER | {"title": words, "place": words})

    _, event = read(content)
    assert "ATTENDEE" not in event
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
