"""Announcements: each registration of an event that was rescheduled or cancelled is told, once.

The event's own row says what is to be told; each registration says, in the transaction of its message, what
it was told. So the job may be killed anywhere, run twice at once, or come long after; and an event that moves
on meanwhile is told of by the next run.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.events import bookings
from services.events.models import Event
from shared.messages import RegistrationRescheduled
from shared.outbox import INSERT, row

BATCH = 500
LATE = timedelta(days=30)
"""So long after its end an event is still looked at: nobody wants to hear of it any later."""

WAITING = text(
    """
    select e.id from events e
    where e.ends_at > :since and (e.revision > 0 or e.cancelled_at is not null)
      and exists (select from registrations r where r.event_id = e.id and r.cancelled_at is null
                  and (r.told_revision < e.revision or e.cancelled_at is not null))
    order by e.id limit 1
    """
)
"""An event with registrations to be told; few were rescheduled or cancelled, and one index finds the rest."""

LOCK = text(
    """
    select id from registrations
    where event_id = :event_id and cancelled_at is null and (:is_cancelled or told_revision < :revision)
    order by id limit :most for update
    """
)
TOLD = text("update registrations set told_revision = :revision where id = any(:ids)")


def announce(session: Session, *, at: datetime, most: int = BATCH) -> int:
    """Tell the next registrations of an event; how many."""
    event_id = session.execute(WAITING, {"since": at - LATE}).scalar_one_or_none()
    if event_id is None:
        return 0
    event = session.get_one(Event, event_id)
    asked = {"is_cancelled": event.cancelled_at is not None, "revision": event.revision}
    found = session.execute(LOCK, {"event_id": event_id, "most": most, **asked})
    if ids := list(found.scalars()):
        if event.cancelled_at is not None:
            bookings.end(session, event, ids, reason="event_cancelled", at=at)
        else:
            _rescheduled(session, event, ids, at=at)
    return len(ids)


def _rescheduled(session: Session, event: Event, ids: list[Any], *, at: datetime) -> None:
    told = [
        row(
            RegistrationRescheduled(
                **each.said(event, with_online=True), rescheduled_at=event.rescheduled_at
            ),
            correlation_id=each.id,
            at=at,
        )
        for each in bookings.read(session, ids)
    ]
    session.execute(INSERT, told)
    session.execute(TOLD, {"ids": ids, "revision": event.revision})
