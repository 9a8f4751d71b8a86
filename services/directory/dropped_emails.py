"""Dropped emails: addresses that staff corrected or removed, which no file brings back to the person.

Only the HMAC of an address is kept: enough to know it again in a file, and nothing to write to.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.directory import settings
from services.directory.models import DroppedEmail, Person
from shared.messages import email_mark


def drop(session: Session, person_id: uuid.UUID, address: str, *, at: datetime) -> None:
    """Remember that the address is not this person's."""
    values = {"person_id": person_id, "mark": _mark(address), "dropped_at": at}
    session.execute(insert(DroppedEmail).values(values).on_conflict_do_nothing())


def lift(session: Session, person_id: uuid.UUID, address: str) -> None:
    """Forget it again: staff wrote the address down by hand."""
    dropped = delete(DroppedEmail).where(DroppedEmail.person_id == person_id)
    session.execute(dropped.where(DroppedEmail.mark == _mark(address)))


def among(person: Person, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses that were dropped from a person read with `dropped_emails`."""
    marks = {each.mark for each in person.dropped_emails}
    return {each for each in addresses if _mark(each) in marks} if marks else set()


def _mark(address: str) -> str:
    return email_mark(address, settings.current().email_key)
