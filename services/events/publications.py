"""Publications, cancellations and reschedulings: whether and when an event takes place, decided by staff.

Each says its message at once; who registered is told of the last two by announcements.py.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema
from sqlalchemy.orm import Session

from services.events.agenda import occasion
from services.events.drafts import EventWritten, Schedule, at_most, check_titles, lock, note, searchable
from services.events.models import Event, Transaction
from services.events.models.events import FIXED, EventAlreadyCancelled, EventInThePast, EventOver
from shared.auth import caller
from shared.clock import now
from shared.errors import Conflict
from shared.http import Blueprint
from shared.i18n import bilingual
from shared.messages import EventCancelled, EventPublished, EventRescheduled
from shared.outbox import publish as say

routes = Blueprint("publications", __name__, url_prefix="/api/v1/events/events")


class EventNotPublished(Conflict):
    """This event is still a draft: change it, nobody needs to be told."""


class CancelWish(Schema):
    """Why, in words for everyone; it may stay unsaid."""

    reason = bilingual(load_default=None, allow_none=True, validate=at_most(500))


@routes.post(
    "/<uuid:event_id>/publications", allow="events.manage", refuses=(EventAlreadyCancelled, EventInThePast)
)
@routes.response(201, EventWritten)
def start(event_id: UUID) -> Any:
    """Put the event in the agenda, and say so; a second time changes nothing."""
    return _decided(publish, event_id)


@routes.post("/<uuid:event_id>/cancellations", allow="events.manage", refuses=(EventOver,))
@routes.arguments(CancelWish)
@routes.response(201, EventWritten)
def call_off(wish: dict[str, Any], event_id: UUID) -> Any:
    """The event will not take place: its registrations are cancelled. A second time changes nothing."""
    return _decided(cancel, event_id, **wish)


@routes.post(
    "/<uuid:event_id>/reschedulings",
    allow="events.manage",
    refuses=(EventNotPublished, EventAlreadyCancelled, EventOver, EventInThePast),
)
@routes.arguments(Schedule)
@routes.response(201, EventWritten)
def move(wish: dict[str, Any], event_id: UUID) -> Any:
    """Another time or place: who registered is told. The same again changes nothing."""
    return _decided(reschedule, event_id, **wish)


def _decided(decision: Any, event_id: UUID, **wish: Any) -> Any:
    with Transaction() as session:
        return decision(session, event_id, by=caller().person_id, at=now(), **wish)


def publish(session: Session, event_id: UUID, *, by: UUID | None, at: datetime) -> Event:
    """Put an event in the agenda; said once."""
    event = lock(session, event_id)
    if event.publish(at=at):
        check_titles(event)
        note(session, "event.published", event_id, by=by, at=at)
        told = {"visibility": event.visibility, "published_at": at}
        say(session, EventPublished(**occasion(event), **told), at=at)
        session.flush()
    return event


def cancel(
    session: Session, event_id: UUID, *, by: UUID | None, at: datetime, reason: dict[str, str] | None = None
) -> Event:
    """Call an event off; said once, and only of what was published."""
    event = lock(session, event_id)
    if event.cancel(reason, at=at):
        note(session, "event.cancelled", event_id, by=by, at=at)
        if event.published_at is not None:
            say(session, EventCancelled(**occasion(event), cancelled_at=at), at=at)
        session.flush()
    return event


def reschedule(session: Session, event_id: UUID, *, by: UUID | None, at: datetime, **schedule: Any) -> Event:
    """Give a published event another time or place, as a new revision; said once a revision."""
    event = lock(session, event_id)
    _check_movable(event, at)
    changed = [name for name in FIXED if getattr(event, name) != schedule[name]]
    if not changed:
        return event
    if schedule["starts_at"] <= at:
        raise EventInThePast
    for name in changed:
        setattr(event, name, schedule[name])
    for name in ("registration_closes_at", "withdraw_until"):
        if (limit := getattr(event, name)) is not None and limit > event.ends_at:
            setattr(event, name, None)
    event.search = searchable(event)
    event.revision, event.rescheduled_at = event.revision + 1, at
    note(session, "event.rescheduled", event_id, by=by, at=at, fields=changed)
    say(session, EventRescheduled(**occasion(event), rescheduled_at=at), at=at)
    session.flush()
    return event


def _check_movable(event: Event, at: datetime) -> None:
    if event.cancelled_at is not None:
        raise EventAlreadyCancelled
    if event.published_at is None:
        raise EventNotPublished
    if event.ends_at <= at:
        raise EventOver
