"""A registration with everyone and everything it concerns: what is read and written of it, what is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from services.events import seats
from services.events.agenda import occasion
from services.events.models import Registration
from services.events.registrants import searchable
from services.events.settings import current
from shared import links
from shared.messages import RegistrationCancelled, RegistrationConfirmed, seal
from shared.outbox import INSERT, row

PURPOSE = "registration"

READ = text(
    """
    select r.id, r.seats, r.locale, r.email as typed_email, r.link_version, g.person_id,
           party_of(g.id) as party_id, p.version,
           coalesce(nullif(p.given_name, ''), g.given_name) as given_name,
           coalesce(nullif(p.family_name, ''), g.family_name) as family_name,
           coalesce(p.email, g.email) as known_email,
           (select json_agg(json_build_object('given_name', a.given_name, 'family_name', a.family_name)
                            order by a.position) from attendees a where a.registration_id = r.id) as attendees
    from registrations r join registrants g on g.id = r.registrant_id
    left join registrants p on p.id = g.person_id
    where r.id = any(:ids) order by r.id
    """
)


# Nested loops over one row each, found by key: pk_events, pk_event_seats, pk_registrants,
# uq_registrations_caller_route_idempotency_key, uq_registrants_guest; uq_registrations_member only of who is
# signed in, ix_registrants_marks, which holds no guest, only of guests. Nothing grows with what was sold.
LOOK = text(
    """
    select e.id, e.slug, e.title, e.starts_at, e.ends_at, e.time_zone, e.place, e.online_url, e.revision,
           e.visibility, e.published_at, e.cancelled_at, e.per_registration_max,
           e.registration_closes_at, cast(e.xmin as text) as as_read, s.seats_max, s.taken,
           k.id as known_id, k.wish_hash, k.event_id as known_event_id, k.seats as known_seats,
           k.link_version, k.cancelled_at as given_back_at,
           p.id as replica_id, party_of(p.id) as party_id, p.version, p.email, p.given_name, p.family_name,
           g.id as guest_id, g.person_id as guest_of,
           case when cast(:by as uuid) is not null then exists (
             select from registrations m where m.event_id = e.id and m.registrant_id = :by
             and m.signed_in and m.cancelled_at is null) else false end as is_registered,
           case when cast(:mark as text) is not null then array(
             select distinct party_of(v.id) from registrants v
             where v.verified @> array[cast(:mark as text)] and v.verified <> '{}') end as owners
    from events e join event_seats s on s.event_id = e.id
    left join registrations k
      on k.caller = :caller and k.route = :route and k.idempotency_key = :idempotency_key
    left join registrants p on p.id = :by
    left join registrants g on g.email_mark = :mark and g.name_key = :name_key
      and g.id is distinct from g.person_id and g.erased_at is null
    where e.id = :event_id
    """
)
"""The event, its seats, the registration that this key made, person, guest, and whose address it is.

`as_read` changes with whatever changes the event's row: xmin is the transaction that wrote it.
"""

# pk_registrants, then pk_event_seats with registrant and event (pk_events) as its one-time filters: the row
# that all share is locked after the registrant's. The rest only inserts.
WRITE = text(
    """
    with known as (
      select from registrants
      where id = :registrant_id and person_id is not distinct from cast(:person_id as uuid)
      for no key update
    ),
    taken as (
      update event_seats set taken = taken + :seats
      where event_id = :event_id and (seats_max is null or taken + :seats <= seats_max)
        and exists (select from events where id = :event_id and cast(xmin as text) = :event_as_read)
        and (:is_new or exists (select from known))
      returning event_id
    ),
    met as (
      insert into registrants (id, version, given_name, family_name, email, email_mark, verified, locale,
                               name_key, search, created_at)
      select :registrant_id, 0, :given_name, :family_name, :guest_email, :mark, '{}', :locale,
             :name_key, :search, :at from taken where :is_new
    ),
    made as (
      insert into registrations (id, event_id, registrant_id, email, locale, seats, signed_in, created_at,
                                 told_revision, link_version, search, caller, route, idempotency_key,
                                 wish_hash)
      select :id, event_id, :registrant_id, :email, :locale, :seats, :signed_in, :at,
             :revision, 0, :names, :caller, :route, :idempotency_key, :wish_hash from taken
      returning id
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
    select id from made
    """
)
"""Seats, guest, registration, names and message, while the event, its seats and the registrant are as LOOK
found them; else no row, and nothing is written. Who else has the same key, the same seats or the same guest
written meanwhile is found by uq_registrations_caller_route_idempotency_key, uq_registrations_member and
uq_registrants_guest: a unique violation.
"""


@dataclass(frozen=True, kw_only=True)
class Booking:
    """Seats, who takes them, and how to write to them."""

    id: UUID
    party_id: UUID
    """Whom the registrant counts as: the person, after all merges; a guest counts as themselves."""
    person_id: UUID | None
    seats: int
    locale: str
    typed_email: str | None
    known_email: str | None
    given_name: str
    family_name: str
    version: int | None
    link_version: int
    attendees: list[dict[str, str]]

    def said(self, event: Any, *, with_online: bool) -> dict[str, Any]:
        """What every message about this registration says; to a cancelled one, not where to join."""
        return occasion(event) | {
            "registration_id": self.id,
            "party_id": self.party_id,
            "person_id": self.party_id if self.person_id else None,
            "seats": self.seats,
            "contact": self._contact(event.online_url if with_online else None),
        }

    def _contact(self, online_url: str | None) -> dict[str, Any] | None:
        """Whom to write to, with the sealed addresses that are theirs; None when no address is known."""
        email = self.typed_email or self.known_email
        if email is None:
            return None
        key = current().message_key
        return {
            "party_id": self.party_id,
            "person_id": self.party_id if self.person_id else None,
            "email": email,
            "given_name": self.given_name or self.attendees[0]["given_name"],
            "family_name": self.family_name or self.attendees[0]["family_name"],
            "locale": self.locale,
            "typed": self.typed_email is not None,
            "card_version": self.version or 0,
            "attendees": self.attendees,
            "link": seal(address(self.id, self.link_version), key),
            "online_url": seal(online_url, key) if online_url else None,
        }


def written(event: Any, booking: Booking, *, scope: dict[str, Any], at: datetime) -> dict[str, Any]:
    """What WRITE puts in the registration, its attendees and the outbox."""
    message = RegistrationConfirmed(**booking.said(event, with_online=True), confirmed_at=at)
    said = row(message, correlation_id=booking.id, at=at)
    return {
        "id": booking.id,
        "event_id": event.id,
        "event_as_read": event.as_read,
        "email": booking.typed_email,
        "locale": booking.locale,
        "seats": booking.seats,
        "revision": event.revision,
        "names": searchable(each.values() for each in booking.attendees),
        "given_names": [each["given_name"] for each in booking.attendees],
        "family_names": [each["family_name"] for each in booking.attendees],
        "at": at,
        **scope,
        **{f"said_{name}": value for name, value in said.items()},
    }


def read(session: Session, ids: Iterable[UUID]) -> list[Booking]:
    """The registrations of these ids, in their order, with everyone they concern."""
    return [Booking(**each) for each in session.execute(READ, {"ids": list(ids)}).mappings()]


def end(session: Session, event: Any, ids: Sequence[UUID], *, reason: str, at: datetime) -> None:
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
        for each in read(session, [one.id for one in ended])
    ]
    session.execute(INSERT, told)
    seats.free(session, event.id, sum(one.seats for one in ended))


def token(registration_id: UUID, link_version: int) -> str:
    """What opens the registrant's own page."""
    return links.sign(PURPOSE, registration_id, link_version, key=current().link_key)


def address(registration_id: UUID, link_version: int) -> str:
    """Address of the registrant's own page: a secret, sealed wherever it travels in a message."""
    return f"{current().public_url.rstrip('/')}/l/{PURPOSE}/{token(registration_id, link_version)}"
