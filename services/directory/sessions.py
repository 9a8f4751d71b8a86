"""Sessions: signing in, what is signed in where, and signing out."""

import secrets
import uuid
from datetime import datetime, timedelta

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, selectinload

from services.directory import accounts, authenticators, cards, contacts, passwords, sign_in_links, trail
from services.directory.models import Account, SignInSession, Transaction, database
from services.directory.models.sessions import ALUMNI_ABSOLUTE, STAFF_ABSOLUTE
from shared import limits
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.errors import DomainError, NotFound
from shared.http import Blueprint

routes = Blueprint("sessions", __name__, url_prefix="/api/v1/directory/sessions")

SEEN_EVERY = timedelta(minutes=1)


class SignInWish(Schema):
    """Either a link's secret, or an address with its password and, where asked for, a second factor."""

    link = fields.String(validate=validate.Length(max=100))
    email = fields.String(validate=validate.Length(max=254))
    password = fields.String(validate=validate.Length(max=passwords.LENGTH_MAX))
    totp = fields.String(
        validate=validate.Length(max=30), metadata={"description": "six digits, or a recovery code"}
    )
    device = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=200))

    @validates_schema
    def one_way(self, data, **_):
        ways = {
            frozenset({"link"}),
            frozenset({"email", "password"}),
            frozenset({"email", "password", "totp"}),
        }
        if frozenset(data) - {"device"} not in ways:
            raise ValidationError("Give `link`, or `email` and `password`.")


class SessionOpened(Schema):
    secret = fields.String(metadata={"description": "shown once; send it as `Authorization: Session …`"})
    expires_at = fields.AwareDateTime()
    person_id = fields.UUID()
    next = fields.String(allow_none=True, dump_default=None)
    authenticator_missing = fields.Boolean(
        metadata={"description": "staff rights stay closed until an authenticator is added"}
    )


class SessionShown(Schema):
    id = fields.UUID()
    method = fields.String()
    device = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    opened_at = fields.AwareDateTime()
    seen_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()
    current = fields.Boolean()


class SessionList(Schema):
    items = fields.List(fields.Nested(SessionShown))
    next = fields.String(allow_none=True, dump_default=None)


class SignInRefused(DomainError):
    """This does not sign you in: the address, the password, the code or the link is not right."""

    status = 401


class TotpRequired(DomainError):
    """This account needs the code of its authenticator too."""

    status = 401


@routes.post("", allow="anyone", refuses=(SignInRefused, TotpRequired, limits.TooMany))
@routes.arguments(SignInWish)
@routes.response(201, SessionOpened)
def create(wish):
    """Sign in. The session's secret is in this answer and nowhere else."""
    device, address = wish.pop("device"), caller().address
    _limit(limits.network(address), wish.get("email", "").strip().lower())
    with Transaction() as session:
        if "link" in wish:
            return open_by_link(session, wish["link"], device=device, address=address, at=now())
        return open_by_password(session, **wish, device=device, address=address, at=now())


@routes.get("", allow="signed_in")
@routes.response(200, SessionList)
def index():
    """Where the caller is signed in."""
    with Transaction() as session:
        account = accounts.of_person(session, caller().person_id)
        live = of_account(session, account.id, at=now())
        for each in live:
            each.current = str(each.id) == caller().session_id
        return {"items": live}


@routes.delete("/current", allow="signed_in")
@routes.response(204)
def sign_out():
    """End the caller's session."""
    with Transaction() as session:
        end(session, _session_id(caller().session_id), of_person=caller().person_id, at=now())


@routes.delete("/<uuid:session_id>", allow="signed_in")
@routes.response(204)
def revoke(session_id):
    """End another session of the caller."""
    with Transaction() as session:
        end(session, session_id, of_person=caller().person_id, at=now())


def _limit(home: str, email: str) -> None:
    """By network and account together, by each alone, and by all: guesses run dry, neighbours do not."""
    engine = database.engine
    if email:
        limits.limit(engine, "sign_in.pair", f"{home} {email}", most=10, per_s=900)
        limits.limit(engine, "sign_in.email", email, most=50, per_s=900)
    limits.limit(engine, "sign_in.address", home, most=100, per_s=900)
    limits.limit(engine, "sign_in.all", "all", most=1200, per_s=60)


def open_by_password(
    session: Session, *, email: str, password: str, at: datetime, totp=None, device=None, address=None
) -> dict:
    """A session for the account of `email`; SignInRefused, TotpRequired. The same work for unknown ones."""
    statement = select(Account).where(Account.email == email.strip().lower(), Account.disabled_at.is_(None))
    account = session.scalars(statement.with_for_update()).one_or_none()
    if not passwords.matches(account.password_hash if account else None, password) or account is None:
        raise SignInRefused
    account = accounts.of_person(session, account.person_id)
    method = "password"
    if account.totp_confirmed_at:
        method = _second_factor(session, account, totp, at=at)
    opened = _open(session, account, method=method, device=device, address=address, at=at)
    return {**opened, "authenticator_missing": account.is_staff and method == "password"}


def _second_factor(session: Session, account: Account, code: str | None, *, at: datetime) -> str:
    if not code:
        raise TotpRequired
    if code.isascii() and code.isdigit() and authenticators.accepts(account, code, at=at):
        return "totp"
    if not authenticators.take_recovery_code(session, account, code, at=at):
        raise SignInRefused
    trail.note(session, account, by=account.person_id, action="recovery_code.used", at=at)
    return "recovery_code"


def open_by_link(session: Session, secret: str, *, at: datetime, device=None, address=None) -> dict:
    """A session for the person whom the link was sent to; their account opens with the first one.

    Opening the link proves the address. What may no longer be opened by it is refused, even when the
    account was opened, or a staff right granted, after the link was sent.
    """
    link = sign_in_links.take(session, secret, at=at)
    if link is None:
        raise SignInRefused
    person = cards.whole(session, link.person_id)
    if not sign_in_links.may_open(session, person.id, link.email):
        raise SignInRefused
    try:
        account = accounts.of_person(session, person.id)
    except NotFound:
        account = accounts.open_account(session, person, email=link.email, at=at)
    else:
        if contacts.verify(session, person, link.email, at=at):
            cards.publish_card(session, person, at=at)
    opened = _open(session, account, method="link", device=device, address=address, at=at)
    return {**opened, "next": link.next}


def _open(session: Session, account: Account, *, method: str, device, address, at: datetime) -> dict:
    secret = secrets.token_urlsafe(16)
    opened = SignInSession(
        account_id=account.id,
        secret_hash=sign_in_links.hashed(secret),
        method=method,
        opened_at=at,
        seen_at=at,
        expires_at=at + (STAFF_ABSOLUTE if account.is_staff else ALUMNI_ABSOLUTE),
        device=device,
        address=address,
    )
    session.add(opened)
    session.flush()
    return {"secret": secret, "expires_at": opened.expires_at, "person_id": account.person_id}


def of_secret(session: Session, secret: str, *, at: datetime) -> SignInSession | None:
    """The live session of this secret, with its account; it counts as seen now."""
    return _live(session, SignInSession.secret_hash == sign_in_links.hashed(secret), at=at, seen=True)


def of_id(session: Session, session_id: str, *, at: datetime) -> SignInSession | None:
    """The live session of a token's `sid`, with its account."""
    try:
        return _live(session, SignInSession.id == uuid.UUID(session_id), at=at)
    except ValueError:
        return None


def _live(session: Session, which, *, at: datetime, seen: bool = False) -> SignInSession | None:
    statement = select(SignInSession).where(which)
    whole = selectinload(SignInSession.account).options(
        selectinload(Account.grants), selectinload(Account.person).options(*cards.WHOLE[:1])
    )
    found = session.scalars(statement.options(whole)).one_or_none()
    if found is None or not found.is_live(at) or found.account.disabled_at:
        return None
    if seen and at - found.seen_at > SEEN_EVERY:
        found.seen_at = at
    return found


def of_account(session: Session, account_id: uuid.UUID, *, at: datetime) -> list[SignInSession]:
    """The live sessions of an account, the latest first."""
    statement = select(SignInSession).where(
        SignInSession.account_id == account_id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > at,
    )
    whole = selectinload(SignInSession.account).selectinload(Account.grants)
    found = session.scalars(statement.options(whole).order_by(SignInSession.seen_at.desc())).all()
    return [each for each in found if each.is_live(at)]


def end(session: Session, session_id: uuid.UUID, *, of_person, at: datetime) -> None:
    """End a session of this person; NotFound when it is not theirs."""
    found = lock(session, SignInSession, session_id)
    if session.scalar(select(Account.person_id).where(Account.id == found.account_id)) != of_person:
        raise NotFound
    found.ended_at = found.ended_at or at


def forget_old(session: Session, *, at: datetime) -> int:
    """Delete sessions a month after their end; the audit log keeps what matters."""
    month_ago = at - timedelta(days=30)
    statement = delete(SignInSession).where(
        (SignInSession.expires_at < month_ago) | (SignInSession.ended_at < month_ago)
    )
    return session.execute(statement).rowcount


def _session_id(text: str | None) -> uuid.UUID:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        raise NotFound from None
