"""Readings: a person with all their parts, in one statement; what staff read is in the audit trail first."""

from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.directory import settings
from services.directory.models import PersonRules
from shared import audit
from shared.errors import NotFound

PRIVATE = ("born_on", "emails", "school_id")
AS_TEXT = {"id": UUID, **dict.fromkeys(("verified_at", "lost_at", "said_at"), datetime.fromisoformat)}

# pk_people, then one index scan for each kind of parts: uq_degrees_person_id_programme_class_year,
# uq_emails_person_id_address, ix_consents_person_id.
READ = text(
    """
    select id, school_id, given_name, preferred_name, family_name, birth_name, born_on, city, locale,
           informed_at, version, created_at, changed_at,
           (select json_agg(d order by class_year, programme) from (
              select programme, class_year from degrees where person_id = people.id) d) as degrees,
           (select json_agg(e order by id) from (
              select id, address, source, verified_at, lost_at from emails
              where person_id = people.id) e) as emails,
           (select json_agg(c order by said_at, id) from (
              select id, purpose, channel, said, said_at from consents
              where person_id = people.id) c) as consents
    from people where id = :id
    """
)

READ_AND_LOCK = text(f"select * from ({READ.text}) person left join kit_trail_end() on true")
"""The same, and the end of the audit trail, which nobody can follow until this transaction is over."""


class Reading(PersonRules, SimpleNamespace):
    """A person as they were when they were read: to be shown, never to be changed."""


def read(session: Session, person_id: UUID) -> Reading:
    """The person with all their parts, or NotFound."""
    return _reading(session.execute(READ, {"id": person_id}).one_or_none())


def read_for_staff(session: Session, person_id: UUID, *, by: UUID, at: datetime) -> Reading:
    """The same, private fields included, with a row of the audit trail; NotFound leaves none."""
    row = session.execute(READ_AND_LOCK, {"id": person_id}).one_or_none()
    found = _reading(row)
    audit.record(
        session,
        by=by,
        action="person.read",
        subject=("person", person_id),
        right="people.read",
        fields=PRIVATE,
        at=at,
        key=settings.current().link_key,
        end=row,
    )
    return found


def _reading(row: Row | None) -> Reading:
    if row is None:
        raise NotFound
    told = row._mapping
    parts = {name: [_part(each) for each in told[name] or ()] for name in ("degrees", "emails", "consents")}
    return Reading(**{**told, **parts})


def _part(values: dict) -> SimpleNamespace:
    """One of a person's parts, whose id and times JSON has as text."""
    made = {name: AS_TEXT[name](it) for name, it in values.items() if it and name in AS_TEXT}
    return SimpleNamespace(**values | made)
