"""Seats given back: by who took them, by staff, or because the event will not take place."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from services.events import bookings, seats
from services.events.models import Registration
from shared.messages import RegistrationCancelled
from shared.outbox import INSERT, row


def cancel(session: Session, event: Any, ids: Sequence[UUID], *, reason: str, at: datetime) -> None:
    """Live registrations of one event, locked by the caller, end: their seats are free, and each is told."""
    gone = update(Registration).where(Registration.id.in_(ids), Registration.cancelled_at.is_(None))
    ended = session.execute(
        gone.values(cancelled_at=at, cancel_reason=reason).returning(Registration.id, Registration.seats)
    ).all()
    if not ended:
        return
    why = {"note": event.cancel_reason} if reason == "event_cancelled" and event.cancel_reason else {}
    facts = {"cancelled_at": at, "reason": reason, **why}
    told = [
        row(
            RegistrationCancelled(**each.said(event, with_online=False), **facts),
            correlation_id=each.id,
            at=at,
        )
        for each in bookings.read(session, [one.id for one in ended])
    ]
    session.execute(INSERT, told)
    seats.free(session, event.id, sum(one.seats for one in ended))
