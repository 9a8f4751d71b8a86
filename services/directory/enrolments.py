"""Enrolments: what a registrar's file says of one person, over all the rows with their number.

The school's record leads for names, birth date and degrees; an empty cell never erases. City and
language are only filled where nothing is known, because people set these themselves; an address is
added, never replaced, and not brought back once staff corrected or removed it.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from services.directory import cards, consents, dropped_emails
from services.directory.models import OBJECTION_PURPOSES, Degree, Email, ImportRow, Person
from shared.db import uuid7

LED_BY_SCHOOL = ("given_name", "preferred_name", "family_name", "birth_name", "born_on")
IDENTITY = ("given_name", "family_name", "birth_name", "born_on")


@dataclass
class Enrolment:
    """One person of the file: names as in their first row, the degrees and addresses of all."""

    school_id: str
    names: dict[str, Any]
    degrees: list[tuple[str, int]] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    city: str | None = None
    locale: str | None = None
    objects: bool = False

    def takes(self, wish: dict[str, Any]) -> bool:
        """Add a further row of the same number; False when it is about somebody else."""
        names = _names(wish)
        if any(_folded(names[name]) != _folded(self.names[name]) for name in IDENTITY if names[name]):
            return False
        if wish.get("degree") and tuple(wish["degree"]) not in self.degrees:
            self.degrees.append((wish["degree"][0], wish["degree"][1]))
        if wish.get("email") and wish["email"] not in self.emails:
            self.emails.append(wish["email"])
        self.city = self.city or wish.get("city")
        self.locale = self.locale or wish.get("locale")
        self.objects = self.objects or bool(wish.get("objects"))
        return True


def gather(rows: list[ImportRow]) -> tuple[list[Enrolment], list[ImportRow]]:
    """The people that rows (in order of number, then row) tell of, and the rows that disagree."""
    found: dict[str, Enrolment] = {}
    disagreeing = []
    for row in rows:
        assert row.wish is not None and row.school_id is not None
        enrolment = found.setdefault(row.school_id, Enrolment(row.school_id, _names(row.wish)))
        if not enrolment.takes(row.wish):
            disagreeing.append(row)
    return list(found.values()), disagreeing


def known(session: Session, enrolments: list[Enrolment], *, locked: bool = False) -> dict[str, Person]:
    """The people whom the directory has under these numbers, whole and with their dropped addresses."""
    numbers = [each.school_id for each in enrolments]
    read = (*cards.WHOLE, selectinload(Person.dropped_emails))
    statement = select(Person).where(Person.school_id.in_(numbers)).options(*read)
    if locked:
        statement = statement.order_by(Person.id).with_for_update()
    people = session.scalars(statement.execution_options(populate_existing=True))
    return {person.school_id or "": person for person in people}


def changes(enrolment: Enrolment, person: Person) -> dict[str, Any]:
    """What the enrolment would change of a whole person; empty when nothing."""
    found = {
        name: value
        for name, value in enrolment.names.items()
        if value is not None and value != getattr(person, name)
    }
    held = {(each.programme, each.class_year) for each in person.degrees}
    if further := [each for each in enrolment.degrees if each not in held]:
        found["degrees"] = further
    settled = {each.address for each in person.emails} | withheld(enrolment, person)
    if unknown := [each for each in enrolment.emails if each not in settled]:
        found["emails"] = unknown
    if enrolment.city and not person.city:
        found["city"] = enrolment.city
    spoken = {each.purpose for each in person.consents}
    if enrolment.objects and set(OBJECTION_PURPOSES) - spoken:
        found["objects"] = True
    return found


def withheld(enrolment: Enrolment, person: Person) -> set[str]:
    """The addresses of the enrolment that staff corrected or removed, so that they are not added."""
    addresses = {each.address for each in person.emails}
    return dropped_emails.among(person, [each for each in enrolment.emails if each not in addresses])


def enrol(
    session: Session, enrolments: list[Enrolment], *, source: str, informed_by: str | None, at: datetime
) -> Counter[str]:
    """Write the enrolments down, a card for each person that changed; how many `created`, `updated`,
    `unchanged`, and how many addresses `emails_withheld`. The people are locked meanwhile, in the
    order of their ids.
    """
    people = known(session, enrolments, locked=True)
    outcomes: Counter[str] = Counter()
    changed = []
    for each in enrolments:
        person = people.get(each.school_id)
        outcome = "updated" if person else "created"
        person = person or _new(session, each)
        wanted = changes(each, person)
        told = bool(informed_by) and person.inform(informed_by or "", at=at)
        _apply(person, wanted, source=source, at=at)
        if wanted or told or outcome == "created":
            changed.append(person)
        else:
            outcome = "unchanged"
        outcomes[outcome] += 1
        outcomes["emails_withheld"] += len(withheld(each, person))
    cards.publish_cards(session, changed, at=at)
    return outcomes


def _new(session: Session, enrolment: Enrolment) -> Person:
    known_by = {"school_id": enrolment.school_id, "locale": enrolment.locale or "fr"}
    person = Person(id=uuid7(), version=0, **known_by, **enrolment.names)
    person.degrees, person.emails, person.consents, person.dropped_emails = [], [], [], []
    session.add(person)
    return person


def _apply(person: Person, wanted: dict[str, Any], *, source: str, at: datetime) -> None:
    for name in (*LED_BY_SCHOOL, "city"):
        if name in wanted:
            setattr(person, name, wanted[name])
    for programme, class_year in wanted.get("degrees", ()):
        person.degrees.append(Degree(programme=programme, class_year=class_year))
    for address in wanted.get("emails", ()):
        person.emails.append(Email(id=uuid7(), address=address, source=source))
    if wanted.get("objects"):
        consents.object_by_file(person, purposes=OBJECTION_PURPOSES, source=source, at=at)


def _names(wish: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = {name: wish.get(name) for name in LED_BY_SCHOOL}
    if names["born_on"]:
        names["born_on"] = date.fromisoformat(names["born_on"])
    return names


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
