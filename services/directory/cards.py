"""Cards: all that other services may know of a person, published on `amicale.people`.

A card is published under the person's lock, and its version rises by one each time; so the order of
the outbox is the order of the versions, and a replica keeps the highest.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from services.directory import settings
from services.directory.models import ErasedPerson, Person, allowed
from shared import outbox
from shared.errors import NotFound
from shared.messages import PersonCard, email_mark
from shared.outbox import publish

WHOLE = (selectinload(Person.degrees), selectinload(Person.emails), selectinload(Person.consents))
BATCH = 500


def whole(session: Session, person_id: object) -> Person:
    """The person, locked, with everything that a card is made of."""
    statement = select(Person).where(Person.id == person_id).options(*WHOLE).with_for_update()
    person = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if person is None:
        raise NotFound
    return person


def publish_card(session: Session, person: Person, *, at: datetime) -> None:
    """Tell the other services what `person`, locked and whole, is like now."""
    publish_cards(session, [person], at=at)


def publish_cards(session: Session, people: Sequence[Person], *, at: datetime) -> None:
    """The same for several at once, in two round trips or three."""
    for person in people:
        person.version += 1
        person.changed_at = at
    session.flush()
    if people:
        session.execute(outbox.INSERT, [outbox.row(card(person)) for person in people])


def card(person: Person) -> PersonCard:
    """The card of a whole person, at its version."""
    address = person.email
    permissions = allowed(person.consents, informed=person.informed_at is not None)
    return PersonCard(
        person_id=person.id,
        version=person.version,
        given_name=person.first_name,
        family_name=person.family_name,
        degrees=[
            {"programme": each.programme, "class_year": each.class_year}
            for each in sorted(person.degrees, key=lambda each: (each.class_year, each.programme))
        ],
        city=person.city,
        locale=person.locale,
        status="living",
        contactable=address is not None,
        email=address,
        verified=verified_marks(person),
        permissions=[
            {"purpose": purpose, "channel": "email", "allowed": yes} for purpose, yes in permissions.items()
        ],
    )


def verified_marks(person: Person) -> list[str]:
    """The HMAC of each address that the person has verified: guests are attached by it."""
    key = settings.current().email_key
    return [email_mark(each.address, key) for each in person.emails if each.verified_at]


def erase(session: Session, person: Person, *, at: datetime) -> None:
    """Delete `person`, locked, and tell every replica to keep no more than the id and the version."""
    session.add(ErasedPerson(person_id=person.id, version=person.version + 1, erased_at=at))
    publish(session, PersonCard.tombstone(person.id, person.version + 1))
    session.delete(person)
    session.flush()


def all_cards(session: Session) -> Iterator[PersonCard]:
    """A new card of every person and the tombstone of every erased one, for a broker that lost them.

    People are locked in the order of their ids, and each has a new version, so that no card told before
    follows. Memory holds one batch.
    """
    last = uuid.UUID(int=0)
    while people := session.scalars(_after(last)).all():
        for person in people:
            person.version += 1
        session.flush()
        yield from map(card, people)
        last = people[-1].id
        session.expunge_all()
    for erased in session.scalars(select(ErasedPerson).order_by(ErasedPerson.person_id)):
        yield PersonCard.tombstone(erased.person_id, erased.version)


def _after(person_id: uuid.UUID) -> Select[tuple[Person]]:
    further = select(Person).where(Person.id > person_id).order_by(Person.id).limit(BATCH)
    return further.options(*WHOLE).with_for_update().execution_options(populate_existing=True)
