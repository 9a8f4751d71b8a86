"""Registration records: who takes the seats of an event, as staff see it."""

from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import CompoundSelect, Select, func, select, union_all
from sqlalchemy.orm import Session, aliased, contains_eager, joinedload, selectinload

from services.events.models import Event, Registrant, Registration, Transaction
from services.events.models.registrations import STATUSES
from services.events.registrants import searchable
from services.events.registration_links import AttendeeShown
from shared.errors import NotFound
from shared.http import Blueprint
from shared.i18n import bilingual
from shared.names import sought
from shared.pages import PageQuery, page, paged

routes = Blueprint("registration_records", __name__, url_prefix="/api/v1/events")


class RecordFilter(Schema):
    """`q` finds names and addresses, whatever their accents and capitals."""

    q = fields.String(validate=validate.Length(1, 100))
    status = fields.String(validate=validate.OneOf(STATUSES))


class RecordQuery(RecordFilter, PageQuery):
    """Which registrations, and which page of them."""


class EventNamed(Schema):
    """What the seats are for."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    title = bilingual(required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    time_zone = fields.String(required=True)


class RegistrationRecord(Schema):
    """A registration as staff see it. `party_id` is the person's id when known, else the guest's own."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    seats = fields.Integer(required=True)
    attendees = fields.List(fields.Nested(AttendeeShown), required=True)
    email = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True)
    party_id = fields.UUID(required=True)
    person_id = fields.UUID(required=True, allow_none=True)
    signed_in = fields.Boolean(required=True)
    confirmed_at = fields.AwareDateTime(required=True)
    cancelled_at = fields.AwareDateTime(allow_none=True)
    cancel_reason = fields.String(allow_none=True)
    event = fields.Nested(EventNamed, required=True)


@routes.get("/registrations", allow="events.read")
@routes.arguments(RecordQuery, location="query")
@routes.response(200, paged(RegistrationRecord))
def index(query: dict[str, Any]) -> Any:
    """Who registered for any event, the latest first."""
    with Transaction() as session:
        return _listed(session, query)


@routes.get("/events/<uuid:event_id>/registrations", allow="events.read")
@routes.arguments(RecordQuery, location="query")
@routes.response(200, paged(RegistrationRecord))
def index_of_event(query: dict[str, Any], event_id: UUID) -> Any:
    """Who registered, the latest first."""
    with Transaction() as session:
        return _listed(session, query, event_id=event_id)


def _listed(session: Session, query: dict[str, Any], *, event_id: UUID | None = None) -> dict[str, Any]:
    asked = {name: query.pop(name) for name in ("q", "status") if name in query}
    matching = search(session, event_id=event_id, **asked)
    found = page(session, matching, keys=[Registration.id.desc()], **query)
    return found | {"items": [record(*row[:3]) for row in found["items"]]}


@routes.get("/registrations/<uuid:registration_id>", allow="events.read")
@routes.response(200, RegistrationRecord)
def show(registration_id: UUID) -> Any:
    """One registration."""
    with Transaction() as session:
        return read(session, registration_id)


def whole() -> Select[Any]:
    """Registrations, each with whom its registrant counts as and the address of their card."""
    person = aliased(Registrant)
    return (
        select(Registration, func.party_of(Registration.registrant_id).label("party_id"), person.email)
        .join(Registration.registrant)
        .join(person, person.id == Registrant.person_id, isouter=True)
        .options(
            contains_eager(Registration.registrant),
            joinedload(Registration.event),
            selectinload(Registration.attendees),
        )
    )


def search(
    session: Session, *, event_id: UUID | None = None, q: str | None = None, status: str | None = None
) -> Select[Any]:
    """The registrations, of an event or of all, that a filter asks for; NotFound for an event that is not."""
    asked = whole()
    if event_id is not None:
        if session.get(Event, event_id) is None:
            raise NotFound
        asked = asked.where(Registration.event_id == event_id)
    if status is not None:
        live = Registration.cancelled_at.is_(None)
        asked = asked.where(live if status == "confirmed" else ~live)
    for word in sought(q):
        asked = asked.where(Registration.id.in_(_named(word)))
    return asked


def _named(word: str) -> CompoundSelect[Any]:
    """The ids of registrations with this in a name of who comes, or in a name or address of who registered.

    By ix_registrations_search, and by ix_registrants_search then ix_registrations_registrant_id: one
    condition over both tables would read them whole.
    """
    theirs = select(Registration.id).where(Registration.search.contains(word, autoescape=True))
    named = Registrant.search.contains(word, autoescape=True)
    return union_all(theirs, select(Registration.id).join(Registration.registrant).where(named))


def fold_older(session: Session, *, most: int = 500) -> int:
    """Fold the names of registrations that were written before these were searched folded; of how many."""
    older = select(Registration).where(Registration.search.is_(None)).order_by(Registration.id).limit(most)
    locked = older.options(selectinload(Registration.attendees)).with_for_update(skip_locked=True)
    found = session.execute(locked).scalars().all()
    for each in found:
        each.search = searchable((one.given_name, one.family_name) for one in each.attendees)
    return len(found)


def read(session: Session, registration_id: UUID) -> dict[str, Any]:
    """The record of one registration, as it stands now; NotFound when there is none."""
    one = whole().where(Registration.id == registration_id).execution_options(populate_existing=True)
    found = session.execute(one).one_or_none()
    if found is None:
        raise NotFound
    return record(*found)


def record(registration: Registration, party_id: UUID, card_email: str | None) -> dict[str, Any]:
    """A registration as staff see it: its own facts, and whom it concerns."""
    names = ("id", "status", "seats", "attendees", "locale", "signed_in", "event")
    dates = ("confirmed_at", "cancelled_at", "cancel_reason")
    registrant = registration.registrant
    return {name: getattr(registration, name) for name in names + dates} | {
        "email": registration.email or card_email or registrant.email,
        "party_id": party_id,
        "person_id": party_id if registrant.person_id else None,
    }
