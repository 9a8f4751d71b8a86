"""Registrations: seats of one event, taken by one registrant, in as few trips to the database as it takes.

What is needed is read in one statement, and what is written stands in another (a guest is one more). The
second writes nothing unless what the first has read still holds: then it is rolled back and read again.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.events import registrants, seats
from services.events.agenda import is_visible
from services.events.bookings import Booking, token
from services.events.models import Transaction, database
from services.events.models.events import PER_REGISTRATION_MOST, EventNotOpen, RegistrationClosed
from shared import telemetry
from shared.auth import Caller, caller
from shared.bodies import FieldsRefused
from shared.clock import now
from shared.db import uuid7
from shared.errors import Conflict, NotFound, Unavailable
from shared.http import Blueprint, IdempotencyKey
from shared.limits import TooMany, limit, network
from shared.messages import RegistrationConfirmed
from shared.names import PersonName, fold, same_wish
from shared.once import KeyReused, scope_of, wish_hash
from shared.outbox import row as outbox_row

routes = Blueprint("registrations", __name__, url_prefix="/api/v1/events/registrations")

TRIES = 5


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
    status = fields.String(required=True)
    event_id = fields.UUID(required=True)
    seats = fields.Integer(required=True)
    link = fields.String(required=True)


LOOK = text(
    """
    select e.id, e.slug, e.title, e.starts_at, e.ends_at, e.time_zone, e.place, e.online_url, e.revision,
           e.visibility, e.published_at, e.cancelled_at, e.per_registration_max,
           coalesce(e.registration_closes_at, e.starts_at) as closes_at, s.seats_max, s.taken,
           k.id as known_id, k.wish_hash, k.event_id as known_event_id, k.seats as known_seats,
           k.link_version, k.cancelled_at as given_back_at,
           p.id as replica_id, party_of(p.id) as party_id, p.version, p.email, p.given_name, p.family_name,
           exists (select from registrations m where m.event_id = e.id and m.registrant_id = :by
                   and m.signed_in and m.cancelled_at is null) as is_registered,
           array(select distinct party_of(v.id) from registrants v
                 where v.verified @> array[cast(:mark as text)]) as owners
    from events e join event_seats s on s.event_id = e.id
    left join registrations k
      on k.caller = :caller and k.route = :route and k.idempotency_key = :idempotency_key
    left join registrants p on p.id = :by
    where e.id = :event_id
    """
)
"""The event and its seats, the registration that this key made, the person, and whose address it is."""

WRITE_SQL = f"""
    with taken as ({seats.TAKE} returning event_id),
    made as (
      insert into registrations (id, event_id, registrant_id, email, locale, seats, signed_in, created_at,
                                 told_revision, link_version, caller, route, idempotency_key, wish_hash)
      select :id, event_id, :registrant_id, :email, :locale, :seats, :signed_in, :at,
             :revision, 0, :caller, :route, :idempotency_key, :wish_hash from taken
      on conflict do nothing returning id
    ),
    named as (
      insert into attendees (registration_id, position, given_name, family_name)
      select made.id, a.position, a.given_name, a.family_name from made,
        unnest(cast(:given_names as text[]), cast(:family_names as text[]))
          with ordinality as a (given_name, family_name, position)
    ),
    said as (
      insert into outbox (id, topic, type, key, correlation_id, headers, payload, contact)
      select cast(:said_id as uuid), :said_topic, :said_type, :said_key, cast(:said_correlation_id as uuid),
             cast(:said_headers as jsonb), :said_payload, :said_contact from made
    )
    select count(*) from made
"""
WRITE = text(WRITE_SQL)
"""Seats, registration, names and message, or nothing of them."""


@routes.post(
    "",
    allow="anyone",
    refuses=(NotFound, EventNotOpen, RegistrationClosed, AlreadyRegistered, seats.SoldOut, TooMany),
)
@routes.arguments(RegistrationWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, RegistrationMade)
def create(wish: dict[str, Any], header: dict[str, str]) -> Any:
    """Take seats; they are confirmed at once, and by email."""
    scope = scope_of(header["key"]) | {"wish_hash": wish_hash(same_wish(wish))}
    for _ in range(TRIES):
        with suppress(Overtaken), Transaction() as session:
            slowed = partial(slow_down, caller(), wish)
            made = register(session, wish, scope=scope, by=caller(), at=now(), slowed=slowed)
            telemetry.concerns(made["id"])
            return made
    raise Unavailable


def register(
    session: Session,
    wish: dict[str, Any],
    *,
    scope: dict[str, Any],
    by: Caller,
    at: datetime,
    slowed: Callable[[], None],
) -> dict[str, Any]:
    """Take seats, or answer for the registration that this key made; Overtaken: begin anew.

    `slowed` counts what would be a new registration, and raises when there are too many.
    """
    mark = registrants.mark_of(wish["email"]) if wish.get("email") and by.person_id is None else None
    asked = {name: scope[name] for name in ("caller", "route", "idempotency_key")}
    event = session.execute(
        LOOK, {"event_id": wish["event_id"], "by": by.person_id, "mark": mark, **asked}
    ).one_or_none()
    if event is None or not is_visible(event, to=by):
        raise NotFound
    if event.known_id is not None:
        return _known(event, scope)
    attendees = _attendees(event, wish)
    _check(event, attendees, at)
    slowed()
    registrant_id, booking = _booking(session, event, wish, attendees, by=by, mark=mark, at=at)
    values = _written(event, booking, scope, at) | {
        "registrant_id": registrant_id,
        "signed_in": by.person_id is not None,
    }
    if not session.execute(WRITE, values).scalar_one():
        raise Overtaken
    return _told(booking.id, wish["event_id"], booking.seats)


def slow_down(who: Caller, wish: dict[str, Any]) -> None:
    """Who would fill a hall, or somebody's mailbox, is slowed: by network, and by the address typed.

    Nothing counts everyone together: a popular event is not an attack.
    """
    limit(database.engine, "events.address", network(who.address), most=20, per_s=600)
    if wish.get("email"):
        limit(database.engine, "events.email", fold(wish["email"]), most=10, per_s=600)


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
    if event.published_at is None or event.cancelled_at is not None:
        raise EventNotOpen
    if at >= min(event.closes_at, event.ends_at):
        raise RegistrationClosed
    if event.is_registered:
        raise AlreadyRegistered
    if len(attendees) > event.per_registration_max:
        raise FieldsRefused({"companions": [f"At most {event.per_registration_max - 1}."]})
    if event.seats_max is not None and event.taken + len(attendees) > event.seats_max:
        raise seats.SoldOut(seats_left=max(0, event.seats_max - event.taken))


def _booking(
    session: Session,
    event: Row[Any],
    wish: dict[str, Any],
    attendees: list[dict[str, str]],
    *,
    by: Caller,
    mark: str | None,
    at: datetime,
) -> tuple[UUID, Booking]:
    """Whose seats they are: the id of the registrant, and the registration as its messages tell it."""
    if by.person_id is not None:
        registrant_id, person = by.person_id, _person(session, event, by.person_id, at)
    else:
        assert mark is not None
        names = {name: wish[name] for name in ("given_name", "family_name", "email", "locale")}
        registrant_id, person = registrants.guest(session, mark=mark, owners=event.owners, at=at, **names)
    booking = Booking(
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
    return registrant_id, booking


def _person(session: Session, event: Row[Any], person_id: UUID, at: datetime) -> dict[str, Any]:
    if event.replica_id is None:
        session.execute(registrants.STRANGER, {"id": person_id, "at": at})
    return {"party_id": event.party_id or person_id, "person_id": person_id, "version": event.version}


def _written(event: Row[Any], booking: Booking, scope: dict[str, Any], at: datetime) -> dict[str, Any]:
    """What WRITE puts in the registration, its attendees and the outbox."""
    message = RegistrationConfirmed(**booking.said(event, with_online=True), confirmed_at=at)
    said = outbox_row(message, correlation_id=booking.id, at=at)
    return {
        "id": booking.id,
        "event_id": event.id,
        "email": booking.typed_email,
        "locale": booking.locale,
        "seats": booking.seats,
        "revision": event.revision,
        "given_names": [each["given_name"] for each in booking.attendees],
        "family_names": [each["family_name"] for each in booking.attendees],
        "at": at,
        **scope,
        **{f"said_{name}": value for name, value in said.items()},
    }
