"""Contacts: a person's email addresses."""

import uuid
from datetime import datetime

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.directory import cards, dropped_emails, trail
from services.directory.models import Account, Email, Person, Transaction
from services.directory.people import EmailShown
from shared.auth import caller
from shared.clock import now
from shared.errors import Conflict, NotFound
from shared.http import Blueprint

routes = Blueprint("contacts", __name__, url_prefix="/api/v1/directory/people/<uuid:person_id>/emails")

EMAILS_MAX = 10


class EmailWish(Schema):
    address = fields.Email(required=True, validate=validate.Length(max=254))


class EmailHeld(Conflict):
    """This person already has this address."""


class TooManyEmails(Conflict):
    """A person has ten addresses at most; remove one first."""


class EmailOfAnother(Conflict):
    """Somebody else has proved that this address is theirs."""


class EmailSignsIn(Conflict):
    """The person signs in with this address, so it stays."""


@routes.post("", allow="people.manage", refuses=(EmailHeld, EmailOfAnother, TooManyEmails))
@routes.arguments(EmailWish)
@routes.response(201, EmailShown)
def create(wish, person_id):
    """Write down an address; it counts as verified only once the person has opened a link sent to it."""
    with Transaction() as session:
        return add(session, person_id, by=caller().person_id, at=now(), **wish)


@routes.patch("/<uuid:email_id>", allow="people.manage", refuses=(EmailHeld, EmailOfAnother, EmailSignsIn))
@routes.arguments(EmailWish)
@routes.response(200, EmailShown)
def update(wish, person_id, email_id):
    """Correct an address; what is typed here is not verified, whatever was there before."""
    with Transaction() as session:
        return correct(session, person_id, email_id, by=caller().person_id, at=now(), **wish)


@routes.delete("/<uuid:email_id>", allow="people.manage", refuses=(EmailSignsIn,))
@routes.response(204)
def delete(person_id, email_id):
    """Remove an address."""
    with Transaction() as session:
        remove(session, person_id, email_id, by=caller().person_id, at=now())


def add(session: Session, person_id: uuid.UUID, *, address: str, by, at: datetime) -> Email:
    """A further address of a person; EmailHeld when it is not further, EmailOfAnother when it is theirs."""
    person = cards.whole(session, person_id)
    address = _free(session, person, address)
    if len(person.emails) >= EMAILS_MAX:
        raise TooManyEmails
    dropped_emails.lift(session, person.id, address)
    email = Email(address=address, source="staff")
    person.emails.append(email)
    cards.publish_card(session, person, at=at)
    trail.note(session, person, by=by, action="email.added", fields=("emails",), at=at)
    return email


def correct(
    session: Session, person_id: uuid.UUID, email_id: uuid.UUID, *, address: str, by, at: datetime
) -> Email:
    """Another address in place of a wrong one, unverified until its owner opens a link sent to it.

    Links already sent to the wrong one open nothing any more, and no file brings it back. EmailSignsIn when
    the person's account has the wrong one: who could replace it would sign in as them.
    """
    person = cards.whole(session, person_id)
    email = _held(person, email_id)
    if address.strip().lower() == email.address:
        return email
    address = _free(session, person, address)
    _check_let_go(session, person, email)
    before, email.address, email.source = email.address, address, "staff"
    dropped_emails.lift(session, person.id, address)
    dropped_emails.drop(session, person.id, before, at=at)
    email.verified_at = email.lost_at = None
    cards.publish_card(session, person, at=at)
    detail = {"before": before}
    trail.note(session, person, by=by, action="email.corrected", fields=("emails",), detail=detail, at=at)
    return email


def remove(session: Session, person_id: uuid.UUID, email_id: uuid.UUID, *, by, at: datetime) -> None:
    """Take an address away, for files too; EmailSignsIn when it is that of the person's account."""
    person = cards.whole(session, person_id)
    email = _held(person, email_id)
    _check_let_go(session, person, email)
    person.emails.remove(email)
    dropped_emails.drop(session, person.id, email.address, at=at)
    cards.publish_card(session, person, at=at)
    trail.note(session, person, by=by, action="email.removed", fields=("emails",), at=at)


def _held(person: Person, email_id: uuid.UUID) -> Email:
    email = next((each for each in person.emails if each.id == email_id), None)
    if email is None:
        raise NotFound
    return email


def _free(session: Session, person: Person, address: str) -> str:
    """The address as it is kept, when the person has it not yet and nobody else has proved it."""
    address = address.strip().lower()
    if any(each.address == address for each in person.emails):
        raise EmailHeld
    if session.scalar(select(Email.id).where(Email.address == address, Email.verified_at.is_not(None))):
        raise EmailOfAnother
    return address


def _check_let_go(session: Session, person: Person, email: Email) -> None:
    account = select(Account.id).where(Account.email == email.address, Account.person_id == person.id)
    if session.scalar(account):
        raise EmailSignsIn


def verify(session: Session, person: Person, address: str, *, at: datetime) -> bool:
    """The person, locked and whole, has proved that `address` is theirs; True when that is news.

    False also when somebody else has proved it before: an address is verified for one person only.
    """
    taken = select(Email.id).where(Email.address == address, Email.verified_at.is_not(None))
    if session.scalar(taken):
        return False
    email = next((each for each in person.emails if each.address == address), None)
    if email is None:
        email = Email(address=address, source="person")
        person.emails.append(email)
    email.verified_at, email.lost_at = at, None
    return True
