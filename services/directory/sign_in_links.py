"""Sign-in links: 128 bits sent to an address on file, good for fifteen minutes, once.

The door leaves the same row for every address; the worker issues the links. So neither the answer nor
its time tells whether the address is known. An account with staff rights gets no link.
"""

import secrets
import uuid
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlencode

from marshmallow import Schema, fields, validate
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from services.directory import settings
from services.directory.models import (
    LOCALES,
    Account,
    Email,
    Grant,
    Person,
    SignInLink,
    SignInRequest,
    Transaction,
    database,
)
from services.directory.models.sessions import LINK_LIVES
from shared import limits
from shared.auth import caller
from shared.clock import now
from shared.db import uuid7
from shared.http import Blueprint
from shared.messages import SignInLinkIssued, seal
from shared.outbox import publish

routes = Blueprint("sign_in_links", __name__, url_prefix="/api/v1/directory/sign-in-links")

LOCAL_PATH = r"/(?![/\\])[!-\[\]-~]*\Z"
BATCH = 50


class LinkRequest(Schema):
    email = fields.Email(required=True, validate=validate.Length(max=254))
    locale = fields.String(load_default="fr", validate=validate.OneOf(LOCALES))
    next = fields.String(
        load_default=None,
        allow_none=True,
        validate=[validate.Length(max=500), validate.Regexp(LOCAL_PATH)],
        metadata={"description": "path on this site to go to after signing in"},
    )


@routes.post("", allow="anyone", refuses=(limits.TooMany,))
@routes.arguments(LinkRequest)
@routes.response(202)
def create(wish):
    """Ask for a link by email. The answer is the same whether or not the address is known."""
    email = wish["email"].strip().lower()
    limits.limit(database.engine, "sign_in_link.email", email, most=5, per_s=900)
    home = limits.network(caller().address)
    limits.limit(database.engine, "sign_in_link.address", home, most=30, per_s=900)
    limits.limit(database.engine, "sign_in_link.all", "all", most=600, per_s=60)
    with Transaction() as session:
        ask(session, email=email, locale=wish["locale"], next=wish["next"], at=now())


def ask(session: Session, *, email: str, locale: str, next: str | None, at: datetime) -> None:
    """Somebody wants a link sent to `email`."""
    session.add(SignInRequest(email=email, locale=locale, next=next, asked_at=at))


def issue_waiting(session: Session, *, at: datetime) -> int:
    """Issue the links that were asked for, for addresses that belong to somebody; how many were asked for."""
    waiting = select(SignInRequest).order_by(SignInRequest.id).limit(BATCH).with_for_update(skip_locked=True)
    requests = session.scalars(waiting).all()
    for request in requests:
        person = owner(session, request.email)
        if person is not None and at - request.asked_at < LINK_LIVES:
            issue(session, person, email=request.email, locale=request.locale, next=request.next, at=at)
        session.delete(request)
    return len(requests)


def owner(session: Session, email: str) -> Person | None:
    """Whom a link to `email` signs in: the account's person, else the only person with that address.

    Nobody when several share the address, when the account is disabled, when it holds a staff right, or
    when the person has an account and never proved that this further address is theirs.
    """
    account = select(Person).join(Account, Account.person_id == Person.id).where(Account.email == email)
    found = session.scalars(account).all()
    if not found:
        found = session.scalars(
            select(Person).where(Person.id.in_(select(Email.person_id).where(Email.address == email)))
        ).all()
    return found[0] if len(found) == 1 and may_open(session, found[0].id, email) else None


def may_open(session: Session, person_id: uuid.UUID, email: str) -> bool:
    """Whether a link sent to `email` may sign this person in.

    Staff and imports write addresses down: one of these opens a first account, never one that is there, and
    nothing once it was corrected or removed.
    """
    held = select(Email.id).where(Email.person_id == person_id, Email.address == email)
    proved = held.where(Email.verified_at.is_not(None))
    owned = select(Account.id).where(Account.person_id == person_id, Account.email == email)
    closed = select(Account.id).where(
        Account.person_id == person_id,
        Account.disabled_at.is_not(None)
        | Account.id.in_(select(Grant.account_id))
        | ((Account.email != email) & ~proved.exists()),
    )
    still_theirs = select(held.exists() | owned.exists())
    return session.scalar(closed) is None and bool(session.scalar(still_theirs))


def issue(
    session: Session, person: Person, *, email: str, locale: str, next: str | None, at: datetime
) -> str:
    """A new link for `person`; its secret leaves sealed, in the message that notify writes the email from."""
    secret = secrets.token_urlsafe(16)
    link = SignInLink(
        id=uuid7(),
        person_id=person.id,
        email=email,
        secret_hash=hashed(secret),
        next=next,
        issued_at=at,
        expires_at=at + LINK_LIVES,
    )
    session.add(link)
    session.flush()
    told = settings.current()
    address = f"{told.public_url.rstrip('/')}/l/sign-in/{secret}"
    if next:
        address += f"?{urlencode({'next': next})}"
    contact = {
        "party_id": person.id,
        "person_id": person.id,
        "email": email,
        "given_name": person.first_name,
        "family_name": person.family_name,
        "locale": locale,
        "typed": True,
        "card_version": person.version,
        "link": seal(address, told.message_key),
    }
    publish(session, SignInLinkIssued(link_id=link.id, expires_at=link.expires_at, contact=contact))
    return secret


def take(session: Session, secret: str, *, at: datetime) -> SignInLink | None:
    """The link of this secret, used from now on; None when it was used, is too old, or never was."""
    statement = (
        update(SignInLink)
        .where(
            SignInLink.secret_hash == hashed(secret),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > at,
        )
        .values(used_at=at)
        .returning(SignInLink)
    )
    return session.scalars(statement).one_or_none()


def forget_old(session: Session, *, at: datetime) -> int:
    """Delete links a day after they ended."""
    statement = delete(SignInLink).where(SignInLink.expires_at < at - 96 * LINK_LIVES)
    return session.execute(statement).rowcount


def hashed(secret: str) -> bytes:
    """What the database keeps of a secret of 128 random bits."""
    return sha256(secret.encode("utf-8", "replace")).digest()
