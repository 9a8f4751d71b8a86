"""Attachments: the calendar file that goes with an email, made at the moment it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.calendars import calendar_file, method

JOIN = {"fr": "Pour vous connecter\u00a0: ", "en": "To join: "}


@dataclass(frozen=True)
class Attachment:
    """A file as it travels; `method` is what a calendar is asked to do (RFC 5546)."""

    name: str
    content: bytes
    method: str


def calendar(told: Mapping[str, Any], locale: str, *, site: str, online_url: str = "") -> Attachment:
    """The calendar file of what is told of an event; where to join exists only here and in the email."""
    cancelled = bool(told["is_cancelled"])
    content = calendar_file(
        subject=UUID(told["subject"]),
        revision=told["revision"],
        site=site,
        title=told["title"],
        starts_at=datetime.fromisoformat(told["starts_at"]),
        ends_at=datetime.fromisoformat(told["ends_at"]),
        time_zone=told["time_zone"],
        place=told["place"] or online_url,
        description=f"{JOIN[locale]}{online_url}" if online_url else "",
        url=told["url"],
        changed_at=datetime.fromisoformat(told["changed_at"]),
        is_cancelled=cancelled,
    )
    return Attachment("invitation.ics", content, method(cancelled))
