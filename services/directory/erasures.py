"""Erasures: a record that should not be here goes, and every copy of it with it.

What stays is the id with its tombstone, the erasure in the audit trail, and nothing else.
"""

import uuid
from datetime import datetime

from marshmallow import Schema
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from services.directory import cards, trail
from services.directory.models import Account, ImportRow, Person, SignInLink, Transaction
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.db import uuid7
from shared.errors import Conflict
from shared.http import Blueprint
from shared.names import Name

routes = Blueprint("erasures", __name__, url_prefix="/api/v1/directory/people")


class ErasureWish(Schema):
    reason = Name(required=True, most=200)


class PersonHasAccount(Conflict):
    """This person has an account, so the record is theirs too."""


@routes.post("/<uuid:person_id>/erasures", allow="people.manage", refuses=(PersonHasAccount,))
@routes.arguments(ErasureWish)
@routes.response(204)
def create(wish, person_id):
    """Erase a record that should not be; the other services keep the id and nothing else of it."""
    with Transaction() as session:
        erase(session, person_id, by=caller().person_id, at=now(), **wish)


def erase(session: Session, person_id: uuid.UUID, *, by, at: datetime, reason: str) -> None:
    """Erase a person who has no account; PersonHasAccount otherwise."""
    person = cards.whole(session, person_id)
    if session.scalar(select(Account.id).where(Account.person_id == person_id)):
        raise PersonHasAccount
    _erase_copies(session, person)
    cards.erase(session, person, at=at)
    audit.erase(session, subject=("person", person_id), request_id=uuid7(at))
    trail.note(session, person, by=by, action="person.erased", at=at, detail=reason)


def _erase_copies(session: Session, person: Person) -> None:
    """What files said of the person, the cards told so far, and the addresses that links were sent to."""
    session.execute(delete(ImportRow).where(ImportRow.school_id == person.school_id))
    links = session.scalars(select(SignInLink.id).where(SignInLink.person_id == person.id)).all()
    session.execute(_FORGET_CARDS, {"person_id": person.id})
    session.execute(_FORGET_CONTACTS, {"links": list(links)})


_FORGET_CARDS = text("delete from outbox where correlation_id = :person_id and type = 'person.card'")
_FORGET_CONTACTS = text("update outbox set contact = null where correlation_id = any(:links)")
