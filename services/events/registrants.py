"""Registrants: replicas of the directory's people, guests, and who counts as whom."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.events.models import Attendee, Registrant, Registration
from services.events.settings import current
from shared.db import uuid7
from shared.messages import PersonCard, RegistrantAttached, email_mark
from shared.names import fold
from shared.outbox import publish

GUEST = text(
    """
    insert into registrants (id, version, given_name, family_name, email, email_mark, verified, locale,
                             name_key, search, created_at)
    values (:id, 0, :given_name, :family_name, :email, :mark, '{}', :locale, :key, :search, :at)
    on conflict (email_mark, name_key) where id is distinct from person_id and erased_at is null
    do update set email_mark = excluded.email_mark
    returning id, person_id
    """
)
"""The guest behind an address and a name, met now or known, in one trip; locked until the seats are taken."""

STRANGER = text(
    """
    insert into registrants (id, person_id, version, given_name, family_name, verified, locale, name_key,
                             search, created_at)
    values (:id, :id, 0, '', '', '{}', 'fr', '', '', :at) on conflict do nothing
    """
)
"""A person whose card has not come yet."""


def guest(
    session: Session,
    *,
    given_name: str,
    family_name: str,
    email: str,
    mark: str,
    owners: Sequence[UUID],
    locale: str,
    at: datetime,
) -> tuple[UUID, UUID | None, dict[str, Any]]:
    """The guest behind an address and a name: their id, the person they belong to, and whom they count as.

    Whose verified address it is, their guest it becomes; of two owners none, since that is a doubt.
    """
    values = {
        "id": uuid7(),
        "given_name": given_name,
        "family_name": family_name,
        "email": email,
        "mark": mark,
        "locale": locale,
        "key": name_key(given_name, family_name),
        "search": search_text(given_name, family_name, email),
        "at": at,
    }
    found = session.execute(GUEST, values).one()
    person_id = found.person_id
    if person_id is None and len(owners) == 1:
        person_id = owners[0]
        attach(session, session.get_one(Registrant, found.id), person_id=person_id, at=at)
    if person_id is None:
        return found.id, None, {"party_id": found.id, "person_id": None, "version": None}
    party, version = person(session, person_id)
    return found.id, person_id, {"party_id": party, "person_id": person_id, "version": version}


def person(session: Session, person_id: UUID) -> tuple[UUID, int]:
    """Whom a person counts as after all merges, and the version of their card."""
    found = select(func.party_of(Registrant.id), Registrant.version).where(Registrant.id == person_id)
    row = session.execute(found).one_or_none()
    return (row[0], row[1]) if row else (person_id, 0)


def mark_of(email: str) -> str:
    """What an address is compared by with those that cards have verified."""
    return email_mark(email, current().email_key)


def hear(session: Session, card: PersonCard, *, at: datetime) -> bool:
    """Keep the replica at the card's version; False when the replica is as new already."""
    take = forget if card.erased else _keep
    if not take(session, card, at=at):
        return False
    for each in _guests_of(session, card.verified or ()):
        attach(session, each, person_id=card.person_id, at=at)
    return True


def _keep(session: Session, card: PersonCard, *, at: datetime) -> bool:
    given, family, email = card.given_name or "", card.family_name or "", card.email
    values = {
        "version": card.version,
        "merged_into": card.merged_into,
        "given_name": given,
        "family_name": family,
        "email": email,
        "verified": list(card.verified or ()),
        "locale": card.locale or "fr",
        "search": search_text(given, family, email),
    }
    return _guarded(session, card.person_id, values, at=at)


def forget(session: Session, tombstone: PersonCard, *, at: datetime) -> bool:
    """The tombstone of a person: id and version stay, and their registrations without any name."""
    blank = {
        "given_name": "",
        "family_name": "",
        "email": None,
        "locale": "fr",
        "search": "",
        "erased_at": at,
    }
    person = blank | {"version": tombstone.version, "merged_into": None, "verified": []}
    if not _guarded(session, tombstone.person_id, person, at=at):
        return False
    theirs = Registrant.person_id == tombstone.person_id
    guests = update(Registrant).where(theirs, Registrant.id != tombstone.person_id)
    session.execute(guests.values(**blank, email_mark=None, name_key=""))
    own = Registration.registrant_id.in_(select(Registrant.id).where(theirs))
    gone = session.execute(
        update(Registration).where(own).values(email=None, search="").returning(Registration.id)
    )
    named = update(Attendee).where(Attendee.registration_id.in_(list(gone.scalars())))
    session.execute(named.values(given_name="", family_name=""))
    return True


def _guarded(session: Session, person_id: UUID, values: dict[str, Any], *, at: datetime) -> bool:
    """Write the replica unless it is as new already: the version guards, so no inbox row is needed."""
    statement = insert(Registrant).values(id=person_id, person_id=person_id, created_at=at, **values)
    newer = statement.on_conflict_do_update(
        index_elements=["id"], set_=values, where=Registrant.version < statement.excluded.version
    )
    return session.execute(newer.returning(Registrant.id)).scalar_one_or_none() is not None


def _guests_of(session: Session, marks: Iterable[str]) -> list[Registrant]:
    waiting = select(Registrant).where(Registrant.email_mark.in_(list(marks)), Registrant.person_id.is_(None))
    return list(session.execute(waiting.order_by(Registrant.id).with_for_update()).scalars())


def attach(session: Session, guest: Registrant, *, person_id: UUID, at: datetime) -> None:
    """A guest's registrations belong to a person from now on: a card has the address they typed verified."""
    guest.person_id, guest.attached_at = person_id, at
    session.flush()
    publish(session, RegistrantAttached(party_id=guest.id, person_id=person_id, attached_at=at))


def rows_of(session: Session, person_id: UUID) -> list[UUID]:
    """The registrant rows that count as this person: their replica, those merged into it, their guests."""
    family = session.execute(FAMILY, {"id": person_id}).scalars().all()
    own = select(Registrant.id).where(or_(Registrant.id.in_(family), Registrant.person_id.in_(family)))
    party = session.execute(select(func.party_of(person_id))).scalar_one_or_none() or person_id
    return list(session.execute(own.where(func.party_of(Registrant.id) == party)).scalars())


FAMILY = text(
    """
    with recursive family (id) as (
      select cast(:id as uuid)
      union
      select case when r.id = f.id then r.merged_into else r.id end
      from family f join registrants r on (r.id = f.id and r.merged_into is not null) or r.merged_into = f.id
    )
    select id from family
    """
)
"""Every person connected by merges, whatever the direction."""


def name_key(given_name: str, family_name: str) -> str:
    """What tells two guests behind one address apart."""
    return fold(f"{given_name} {family_name}")


def search_text(given_name: str, family_name: str, email: str | None) -> str:
    """What the console's search finds a registrant by."""
    return fold(f"{given_name} {family_name} {email or ''}")


def searchable(names: Iterable[Iterable[str]]) -> str:
    """What it finds a registration by: the names of all who come."""
    return fold(" ".join(" ".join(each) for each in names))
