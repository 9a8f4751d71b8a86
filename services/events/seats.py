"""Seats: how many there are, and given back; bookings.WRITE takes them, and sells none twice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.events.models import Event
from services.events.models.events import STATUSES
from shared.errors import Conflict

FREE = text(
    """
    update event_seats
    set taken = taken - :seats, overbooked_by = greatest(0, taken - :seats - seats_max)
    where event_id = :event_id
    """
)
LIMIT = text(
    """
    update event_seats
    set seats_max = :seats_max, overbooked_by = greatest(0, taken - cast(:seats_max as integer))
    where event_id = :event_id
    """
)


class SoldOut(Conflict):
    """There are not so many seats left."""


class SeatsShown(Schema):
    """How many seats; `is_open` says whether registrations are taken, be there seats left or not."""

    seats_max = fields.Integer(required=True, allow_none=True)
    seats_taken = fields.Integer(required=True)
    seats_left = fields.Integer(required=True, allow_none=True)
    is_open = fields.Boolean(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))


def counted(event: Event, *, at: datetime) -> dict[str, Any]:
    """What everyone may know of an event's seats."""
    return {
        "seats_max": event.seats.seats_max,
        "seats_taken": event.seats.taken,
        "seats_left": event.seats.left,
        "is_open": event.is_open(at),
        "status": event.status,
    }


def free(session: Session, event_id: UUID, seats: int) -> None:
    """Seats can be taken by others from the end of this transaction on."""
    session.execute(FREE, {"event_id": event_id, "seats": seats})


def limit(session: Session, event_id: UUID, seats_max: int | None) -> None:
    """So many seats there are; what is taken beyond stays taken and is counted as overbooked."""
    session.execute(LIMIT, {"event_id": event_id, "seats_max": seats_max})
