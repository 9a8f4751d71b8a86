"""Accounts: who signs in, with which rights."""

import uuid
from datetime import datetime

from marshmallow import Schema, fields, validate
from sqlalchemy import select, update
from sqlalchemy.orm import Session, selectinload

from services.directory import cards, contacts, passwords, trail
from services.directory.models import Account, Grant, Person, SignInSession, Transaction, database
from services.directory.models.sessions import LINK_LIVES
from shared import limits
from shared.auth import caller, require_session
from shared.clock import now
from shared.db import lock
from shared.errors import Conflict, Forbidden, NotFound
from shared.http import Blueprint
from shared.messages import AccountOpened
from shared.outbox import publish
from shared.pages import PageQuery, page, paged
from shared.rights import RIGHTS

routes = Blueprint("accounts", __name__, url_prefix="/api/v1/directory/accounts")

WITH_GRANTS = (selectinload(Account.grants), selectinload(Account.person).options(*cards.WHOLE[:2]))


class AccountShown(Schema):
    id = fields.UUID()
    person_id = fields.UUID()
    given_name = fields.String(attribute="person.first_name")
    family_name = fields.String(attribute="person.family_name")
    email = fields.String()
    rights = fields.List(fields.String())
    has_password = fields.Function(
        lambda account: account.password_hash is not None, metadata={"type": "boolean"}
    )
    has_authenticator = fields.Function(
        lambda account: account.totp_confirmed_at is not None, metadata={"type": "boolean"}
    )
    opened_at = fields.AwareDateTime()
    disabled_at = fields.AwareDateTime(allow_none=True)


class AccountsQuery(PageQuery):
    staff = fields.Boolean(load_default=False)
    person_id = fields.UUID(load_default=None)


class RightsWish(Schema):
    rights = fields.List(
        fields.String(validate=validate.OneOf(sorted(RIGHTS))),
        required=True,
        validate=validate.Length(max=len(RIGHTS)),
    )


class PasswordWish(Schema):
    password = fields.String(required=True, validate=validate.Length(max=passwords.LENGTH_MAX))
    current_password = fields.String(load_default="", validate=validate.Length(max=passwords.LENGTH_MAX))


class OwnRightsKept(Forbidden):
    """Nobody changes their own rights."""


class RightsBeyondOwn(Forbidden):
    """You can only change what opens rights that you hold yourself."""


class PasswordNeeded(Conflict):
    """An account with staff rights needs a password, because a link never opens it."""


class CurrentPasswordRefused(Forbidden):
    """The current password is not this one."""


class FreshLinkNeeded(Forbidden):
    """To set a first password, sign in by a new link, within the last fifteen minutes."""


class AccountThere(Conflict):
    """This person, or this address, has an account already."""


@routes.get("", allow="rights.manage")
@routes.arguments(AccountsQuery, location="query")
@routes.response(200, paged(AccountShown))
def index(query):
    """Accounts by address; `staff=true` for those with any right, `person_id` for that of one person."""
    statement = select(Account).options(*WITH_GRANTS)
    if query["person_id"]:
        statement = statement.where(Account.person_id == query["person_id"])
    if query["staff"]:
        statement = statement.where(Account.grants.any())
    with Transaction() as session:
        keys = (Account.email, Account.id)
        return page(session, statement, after=query["after"], limit=query["limit"], keys=keys)


@routes.put(
    "/<uuid:account_id>/rights",
    allow="rights.manage",
    refuses=(OwnRightsKept, RightsBeyondOwn, PasswordNeeded),
)
@routes.arguments(RightsWish)
@routes.response(200, AccountShown)
def set_rights(wish, account_id):
    """Give an account exactly these rights. With its first right all its sessions end."""
    with Transaction() as session:
        return grant(session, account_id, rights=wish["rights"], by=caller(), at=now())


@routes.post("/<uuid:account_id>/disablings", allow="rights.manage", refuses=(OwnRightsKept, RightsBeyondOwn))
@routes.response(204)
def disable(account_id):
    """Close an account; its rights go and its sessions end at once."""
    with Transaction() as session:
        close(session, account_id, by=caller(), at=now())


@routes.post("/<uuid:account_id>/reopenings", allow="rights.manage", refuses=(OwnRightsKept, RightsBeyondOwn))
@routes.response(204)
def enable(account_id):
    """Open a closed account again, with no rights."""
    with Transaction() as session:
        reopen(session, account_id, by=caller(), at=now())


@routes.put(
    "/me/password",
    allow="signed_in",
    refuses=(CurrentPasswordRefused, FreshLinkNeeded, passwords.PasswordTooWeak, limits.TooMany),
)
@routes.arguments(PasswordWish)
@routes.response(204)
def change_my_password(wish):
    """Set or change the caller's password; their other sessions end."""
    require_session(caller())
    limits.limit(database.engine, "password", str(caller().person_id), most=10, per_s=900)
    with Transaction() as session:
        account = of_person(session, caller().person_id)
        change_password(session, account.id, keep_session=caller().session_id, at=now(), **wish)


def of_person(session: Session, person_id: uuid.UUID | None) -> Account:
    """The person's account with its rights, or NotFound."""
    statement = select(Account).where(Account.person_id == person_id).options(*WITH_GRANTS)
    account = session.scalars(statement).one_or_none()
    if account is None:
        raise NotFound
    return account


def open_account(
    session: Session, person: Person, *, email: str, at: datetime, password: str | None = None
) -> Account:
    """An account of `person`, locked and whole, who proved that `email` is theirs; AccountThere if taken.

    Opening it tells them what is held of them, so it counts as information (GDPR article 14).
    """
    email = email.strip().lower()
    if session.scalar(select(Account.id).where((Account.person_id == person.id) | (Account.email == email))):
        raise AccountThere
    account = Account(person=person, person_id=person.id, email=email, opened_at=at, grants=[])
    if password is not None:
        account.password_hash = passwords.hashed(password, email=email)
    session.add(account)
    contacts.verify(session, person, email, at=at)
    person.inform("opened an account", at=at)
    session.flush()
    cards.publish_card(session, person, at=at)
    publish(session, AccountOpened(person_id=person.id, account_id=account.id, opened_at=at), at=at)
    return account


def grant(session: Session, account_id: uuid.UUID, *, rights, by, at: datetime) -> Account:
    """Exactly these rights. `by` is the caller, who grants no more than they hold; None: the school's own."""
    account = lock(session, Account, account_id)
    account = of_person(session, account.person_id)
    wanted, held = set(rights), set(account.rights)
    check_reach(session, account, wanted ^ held, by=by)
    if wanted and account.password_hash is None:
        raise PasswordNeeded
    granter = _person(by)
    for right in sorted(wanted - held):
        account.grants.append(Grant(right=right, granted_by=granter, granted_at=at))
    for gone in [each for each in account.grants if each.right not in wanted]:
        account.grants.remove(gone)
    if wanted != held:
        session.flush()
        end_outgrown_sessions(session, account, first=not held, at=at)
        changed = sorted(wanted ^ held)
        trail.note(session, account, by=granter, action="rights.changed", fields=changed, at=at)
    return account


def check_reach(session: Session, account: Account, rights: set[str], *, by) -> None:
    """`by`, the caller, may touch these rights of this account; None, the school's own, may touch all.

    OwnRightsKept for an account of their own; RightsBeyondOwn unless their session carries each of the
    rights and they hold it at this moment.
    """
    if by is None:
        return
    if by.person_id == account.person_id:
        raise OwnRightsKept
    granted = select(Grant.right).join(Account).where(Account.person_id == by.person_id)
    if not rights <= by.rights & set(session.scalars(granted)):
        raise RightsBeyondOwn


def end_outgrown_sessions(session: Session, account: Account, *, first: bool, at: datetime) -> None:
    """No session survives an account's first right, for none was opened under the limits of staff; no
    session opened by a link or by a password alone survives a further one.
    """
    if account.is_staff:
        which = () if first else (SignInSession.method.in_(("link", "password")),)
        end_sessions(session, account.id, *which, at=at)


def close(session: Session, account_id: uuid.UUID, *, by, at: datetime) -> None:
    """Disable an account, take its rights and end its sessions; whom `by` may not is in `check_reach`."""
    account = lock(session, Account, account_id)
    account = of_person(session, account.person_id)
    check_reach(session, account, set(account.rights), by=by)
    account.disabled_at = account.disabled_at or at
    account.grants.clear()
    end_sessions(session, account.id, at=at)
    trail.note(session, account, by=_person(by), action="account.disabled", at=at)


def reopen(session: Session, account_id: uuid.UUID, *, by, at: datetime) -> None:
    """A closed account signs in again; rights are granted anew. Nothing changes for one that is open."""
    account = lock(session, Account, account_id)
    account = of_person(session, account.person_id)
    check_reach(session, account, set(account.rights), by=by)
    if account.disabled_at is not None:
        account.disabled_at = None
        trail.note(session, account, by=_person(by), action="account.reopened", at=at)


def _person(by) -> uuid.UUID | None:
    return by.person_id if by is not None else None


def change_password(
    session: Session,
    account_id: uuid.UUID,
    *,
    password: str,
    current_password: str,
    keep_session,
    at: datetime,
) -> None:
    """A new password; every other session ends.

    The proof is the present password, or for a first one a session (`keep_session`) just begun by a link:
    FreshLinkNeeded, because a device left open must not become a password.
    """
    account = lock(session, Account, account_id)
    if account.password_hash:
        check_password(account, current_password)
    elif not _is_fresh_link(session, account_id, keep_session, at=at):
        raise FreshLinkNeeded
    account.password_hash = passwords.hashed(password, email=account.email)
    end_sessions(session, account.id, SignInSession.id != keep_session, at=at)
    trail.note(session, account, by=account.person_id, action="password.changed", at=at)


def _is_fresh_link(session: Session, account_id: uuid.UUID, session_id, *, at: datetime) -> bool:
    fresh = select(SignInSession.id).where(
        SignInSession.id == session_id,
        SignInSession.account_id == account_id,
        SignInSession.method == "link",
        SignInSession.opened_at > at - LINK_LIVES,
        SignInSession.ended_at.is_(None),
    )
    return session.scalar(fresh) is not None


def check_password(account: Account, password: str) -> None:
    """CurrentPasswordRefused unless this is the account's password."""
    if not passwords.matches(account.password_hash, password):
        raise CurrentPasswordRefused


def end_sessions(session: Session, account_id: uuid.UUID, *which, at: datetime) -> None:
    """End the account's sessions, or `which` of them."""
    statement = update(SignInSession).where(
        SignInSession.account_id == account_id, SignInSession.ended_at.is_(None), *which
    )
    session.execute(statement.values(ended_at=at).execution_options(synchronize_session=False))
