"""Registrations: seats of one event, taken by one registrant, in as few trips to the database as it takes.

What is needed is read in one statement, and what is written stands in another, each a transaction of its
own. The second writes nothing unless the event is as the first has read it (published, its limits and words),
seats are left, the registrant is who they were and the key is free: else all is read again. Who registers in
the moment of a rescheduling or cancellation is told of it by announcements.py, as are all who had before.
docs/decisions/0018 says why.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.events import bookings, registrants, seats
from services.events.agenda import visible
from services.events.bookings import Booking, token
from services.events.models import Transaction, database
from services.events.models.events import (
    PER_REGISTRATION_MOST,
    EventNotOpen,
    RegistrationClosed,
    refusal_of,
)
from services.events.models.registrations import STATUSES
from services.events.registration_limits import TooManySeats, slow_down
from shared import telemetry
from shared.auth import Caller, caller
from shared.bodies import FieldsRefused
from shared.clock import now
from shared.db import sqlstate, uuid7
from shared.errors import Conflict, NotFound, Unavailable
from shared.http import Blueprint, IdempotencyKey
from shared.limits import TooMany
from shared.names import PersonName, same_wish
from shared.once import KeyReused, scope_of, wish_hash

routes = Blueprint("registrations", __name__, url_prefix="/api/v1/events/registrations")

TRIES = 5
UNIQUE_VIOLATION = "23505"
"""SQLSTATE of PostgreSQL: a row with this key is there already."""


class AlreadyRegistered(Conflict):
    """You have seats of this event already; give them back to take others."""


class Overtaken(Exception):
    """Somebody else wrote between our reading and our writing."""


class AttendeeWish(Schema):
    """Who comes along."""

    given_name = PersonName(required=True)
    family_name = PersonName(required=True)


class RegistrationWish(Schema):
    """Seats for the registrant and who comes along. Who is signed in may leave name and address out."""

    event_id = fields.UUID(required=True)
    given_name = PersonName()
    family_name = PersonName()
    email = fields.Email(validate=validate.Length(max=254))
    locale = fields.String(load_default="fr", validate=validate.OneOf(["fr", "en"]))
    companions = fields.List(
        fields.Nested(AttendeeWish),
        load_default=list,
        validate=validate.Length(max=PER_REGISTRATION_MOST - 1),
    )


class RegistrationMade(Schema):
    """The seats are theirs; `link` opens the registrant's own page of them."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    event_id = fields.UUID(required=True)
    seats = fields.Integer(required=True)
    link = fields.String(required=True)


@routes.post(
    "",
    allow="anyone",
    refuses=(
        NotFound,
        EventNotOpen,
        RegistrationClosed,
        AlreadyRegistered,
        seats.SoldOut,
        TooMany,
        TooManySeats,
    ),
)
@routes.arguments(RegistrationWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, RegistrationMade)
def create(wish: dict[str, Any], header: dict[str, str]) -> Any:
    """Take seats; they are confirmed at once, and by email."""
    scope = scope_of(header["key"]) | {"wish_hash": wish_hash(same_wish(wish))}
    for _ in range(TRIES):
        with suppress(Overtaken):
            made = _register(wish, scope)
            telemetry.concerns(made["id"])
            return made
    raise Unavailable


def _register(wish: dict[str, Any], scope: dict[str, Any]) -> dict[str, Any]:
    """Each statement by itself, as it mostly goes; else what must happen together, in a transaction."""
    at = now()
    with database.alone() as each:
        found = look(each, wish, scope=scope, by=caller(), at=at)
        if isinstance(found, dict):
            return found
        slow_down(each, caller(), wish, len(found.attendees))
        if found.is_simple:
            return take(each, wish, found, scope=scope, at=at)
    with Transaction() as session:
        return take(session, wish, found, scope=scope, at=at)


@dataclass(frozen=True)
class Found:
    """What LOOK has found, and who will come."""

    event: Row[Any]
    attendees: list[dict[str, str]]
    by: Caller
    mark: str | None
    name_key: str

    @property
    def is_simple(self) -> bool:
        """Whether WRITE alone does it: nobody is to be attached to anybody, or met before their card."""
        if self.by.person_id is not None:
            return self.event.replica_id is not None
        return self.event.guest_of is None and not self.event.owners


def register(
    session: Session, wish: dict[str, Any], *, scope: dict[str, Any], by: Caller, at: datetime
) -> dict[str, Any]:
    """Take seats, or answer for the registration that this key made; Overtaken: begin anew."""
    found = look(session, wish, scope=scope, by=by, at=at)
    return found if isinstance(found, dict) else take(session, wish, found, scope=scope, at=at)


def look(
    where: Session | Connection, wish: dict[str, Any], *, scope: dict[str, Any], by: Caller, at: datetime
) -> Found | dict[str, Any]:
    """What there is, when seats may be taken; the answer, when this key made a registration before."""
    is_guest = by.person_id is None and wish.get("email")
    mark = registrants.mark_of(wish["email"]) if is_guest else None
    name_key = registrants.name_key(wish.get("given_name", ""), wish.get("family_name", ""))
    asked = {name: scope[name] for name in ("caller", "route", "idempotency_key")}
    asked |= {"event_id": wish["event_id"], "by": by.person_id, "mark": mark, "name_key": name_key}
    event = where.execute(bookings.LOOK, asked).one_or_none()
    if event is None or not visible(event, to=by):
        raise NotFound(errors={"event_id": ["There is no such event."]})
    if event.known_id is not None:
        return _known(event, scope)
    attendees = _attendees(event, wish)
    _check(event, attendees, at)
    return Found(event, attendees, by, mark, name_key)


def take(
    where: Session | Connection, wish: dict[str, Any], found: Found, *, scope: dict[str, Any], at: datetime
) -> dict[str, Any]:
    """Write it all, unless what was found does not hold any more: Overtaken."""
    registrant, person = _registrant(where, wish, found, at)
    booking = _booking(wish, found, person)
    values = bookings.written(found.event, booking, scope=scope, at=at) | registrant
    try:
        made = where.execute(bookings.WRITE, values).one_or_none()
    except IntegrityError as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        raise Overtaken from None
    if made is None:
        raise Overtaken
    return _told(booking.id, wish["event_id"], booking.seats)


def _known(event: Row[Any], scope: dict[str, Any]) -> dict[str, Any]:
    if bytes(event.wish_hash) != scope["wish_hash"]:
        raise KeyReused
    status = "cancelled" if event.given_back_at else "confirmed"
    return _told(event.known_id, event.known_event_id, event.known_seats, status, event.link_version)


def _told(
    registration_id: UUID, event_id: UUID, taken: int, status: str = "confirmed", link_version: int = 0
) -> dict[str, Any]:
    return {
        "id": registration_id,
        "status": status,
        "event_id": event_id,
        "seats": taken,
        "link": token(registration_id, link_version),
    }


def _attendees(event: Row[Any], wish: dict[str, Any]) -> list[dict[str, str]]:
    """Who comes, the registrant first: under the name typed, else that of their card."""
    names = ("given_name", "family_name")
    registrant = {name: wish.get(name) or getattr(event, name) for name in names}
    missing = [name for name in names if not registrant[name]]
    if not (wish.get("email") or event.email):
        missing.append("email")
    if missing:
        raise FieldsRefused({name: ["Missing data for required field."] for name in missing})
    return [registrant, *wish["companions"]]


def _check(event: Row[Any], attendees: list[Any], at: datetime) -> None:
    """Whether there may be seats; sold out is answered here, before anything is locked."""
    if (refusal := refusal_of(event, at)) is not None:
        raise refusal
    if event.is_registered:
        raise AlreadyRegistered
    if len(attendees) > event.per_registration_max:
        raise FieldsRefused({"companions": [f"At most {event.per_registration_max - 1}."]})
    if event.seats_max is not None and event.taken + len(attendees) > event.seats_max:
        raise seats.SoldOut(seats_left=max(0, event.seats_max - event.taken))


def _registrant(
    where: Session | Connection, wish: dict[str, Any], found: Found, at: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Whose seats they are: as WRITE has to find or make them, and as the message tells them."""
    event, person_id = found.event, found.by.person_id
    names = {name: wish.get(name) for name in ("given_name", "family_name")}
    guest = {**names, "guest_email": wish.get("email"), "mark": found.mark, "name_key": found.name_key}
    row: dict[str, Any] = {**guest, "signed_in": person_id is not None, "is_new": False, "search": ""}
    if person_id is not None:
        if event.replica_id is None:
            where.execute(registrants.STRANGER, {"id": person_id, "at": at})
        told = {"party_id": event.party_id or person_id, "person_id": person_id, "version": event.version}
        return row | {"registrant_id": person_id, "person_id": person_id}, told
    if not found.is_simple:
        assert isinstance(where, Session) and found.mark is not None
        known = {**names, "email": wish["email"], "locale": wish["locale"], "mark": found.mark}
        return _attached(where, row, known, event.owners, at)
    search = registrants.search_text(wish["given_name"], wish["family_name"], wish["email"])
    row |= {"is_new": event.guest_id is None, "search": search, "person_id": None}
    registrant_id = event.guest_id or uuid7()
    told = {"party_id": registrant_id, "person_id": None, "version": None}
    return row | {"registrant_id": registrant_id}, told


def _attached(
    session: Session, row: dict[str, Any], known: dict[str, Any], owners: list[UUID], at: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A guest whose address somebody has verified, who is or becomes theirs."""
    guest_id, person_id, told = registrants.guest(session, owners=owners, at=at, **known)
    return row | {"registrant_id": guest_id, "person_id": person_id}, told


def _booking(wish: dict[str, Any], found: Found, person: dict[str, Any]) -> Booking:
    """The registration as its messages tell it."""
    event, attendees = found.event, found.attendees
    return Booking(
        id=uuid7(),
        seats=len(attendees),
        locale=wish["locale"],
        typed_email=wish.get("email"),
        link_version=0,
        attendees=attendees,
        given_name=event.given_name or attendees[0]["given_name"],
        family_name=event.family_name or attendees[0]["family_name"],
        known_email=event.email,
        **person,
    )
