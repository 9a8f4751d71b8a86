"""Authenticators: the second factor of an account with staff rights (TOTP, RFC 6238), and the recovery
codes for the day the telephone is lost.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

import pyotp
from marshmallow import Schema, fields, validate
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from services.directory import accounts, passwords, settings, trail
from services.directory.models import Account, RecoveryCode, SignInSession, Transaction, database
from shared import limits
from shared.auth import caller, require_session
from shared.clock import now
from shared.db import lock
from shared.errors import Conflict, NotFound, Refused
from shared.http import Blueprint
from shared.messages import reveal, seal

routes = Blueprint("authenticators", __name__, url_prefix="/api/v1/directory/accounts")

STEP_S = 30
UNCONFIRMED_KEPT = timedelta(minutes=10)
CODES = 10


class AuthenticatorShown(Schema):
    """To be typed or scanned into the authenticator now: it is never shown again."""

    secret = fields.String()
    uri = fields.String()


class PasswordGiven(Schema):
    password = fields.String(required=True, validate=validate.Length(max=passwords.LENGTH_MAX))


class CodeWish(Schema):
    code = fields.String(required=True, validate=validate.Regexp(r"\d{6}\Z"))


class CodesShown(Schema):
    recovery_codes = fields.List(fields.String())


class AuthenticatorThere(Conflict):
    """This account has an authenticator; staff with the right to manage rights can take it away."""


class AuthenticatorNotStarted(Conflict):
    """Ask for an authenticator's secret first; it waits ten minutes for a code."""


class CodeRefused(Refused):
    """This code is not the one the authenticator shows now."""


@routes.post(
    "/me/authenticator",
    allow="signed_in",
    refuses=(AuthenticatorThere, accounts.CurrentPasswordRefused, limits.TooMany),
)
@routes.arguments(PasswordGiven)
@routes.response(201, AuthenticatorShown)
def create(wish):
    """A new secret for the caller's authenticator; it counts once a code of it was given.

    The password is asked for again, so that a session left open or stolen cannot open staff rights.
    """
    require_session(caller())
    limits.limit(database.engine, "password", str(caller().person_id), most=10, per_s=900)
    with Transaction() as session:
        account = accounts.of_person(session, caller().person_id)
        accounts.check_password(account, wish["password"])
        secret = start(session, account.id, at=now())
        uri = pyotp.TOTP(secret).provisioning_uri(
            name=account.email, issuer_name=settings.current().school_name
        )
        return {"secret": secret, "uri": uri}


@routes.post(
    "/me/authenticator/confirmations",
    allow="signed_in",
    refuses=(AuthenticatorThere, AuthenticatorNotStarted, CodeRefused, limits.TooMany),
)
@routes.arguments(CodeWish)
@routes.response(201, CodesShown)
def confirm_mine(wish):
    """Prove that the authenticator works; this session counts as signed in with it from now on."""
    require_session(caller())
    limits.limit(database.engine, "authenticator", str(caller().person_id), most=10, per_s=900)
    with Transaction() as session:
        account = accounts.of_person(session, caller().person_id)
        codes = confirm(session, account.id, code=wish["code"], at=now())
        statement = update(SignInSession).where(SignInSession.id == caller().session_id)
        session.execute(statement.values(method="totp"))
        return {"recovery_codes": codes}


@routes.delete(
    "/<uuid:account_id>/authenticator",
    allow="rights.manage",
    refuses=(accounts.OwnRightsKept, accounts.RightsBeyondOwn),
)
@routes.response(204)
def delete_of_account(account_id):
    """Take away an authenticator whose owner lost telephone and recovery codes; its sessions end."""
    with Transaction() as session:
        take_away(session, account_id, by=caller(), at=now())


def start(session: Session, account_id, *, at: datetime, secret: str | None = None) -> str:
    """Keep a new secret, sealed, for ten minutes; AuthenticatorThere when one was confirmed before."""
    account = lock(session, Account, account_id)
    if account.totp_confirmed_at:
        raise AuthenticatorThere
    secret = secret or pyotp.random_base32()
    account.totp_sealed = seal(secret, settings.current().authenticator_key)
    account.totp_begun_at = at
    return secret


def confirm(session: Session, account_id, *, code: str, at: datetime) -> list[str]:
    """The authenticator shows the right code, so it counts; the recovery codes, shown this once."""
    account = lock(session, Account, account_id)
    if account.totp_confirmed_at:
        raise AuthenticatorThere
    if account.totp_begun_at is None or at >= account.totp_begun_at + UNCONFIRMED_KEPT:
        raise AuthenticatorNotStarted
    if not accepts(account, code, at=at):
        raise CodeRefused
    account.totp_confirmed_at = at
    trail.note(session, account, by=account.person_id, action="authenticator.confirmed", at=at)
    return new_codes(session, account)


def accepts(account: Account, code: str, *, at: datetime) -> bool:
    """Whether the authenticator of a locked account shows `code` now, or did a step ago; once a code."""
    if account.totp_sealed is None:
        return False
    totp = pyotp.TOTP(reveal(account.totp_sealed, settings.current().authenticator_key))
    this_step = int(at.timestamp()) // STEP_S
    for step in (this_step, this_step - 1, this_step + 1):
        if step > (account.totp_step or 0) and hmac.compare_digest(totp.generate_otp(step), code):
            account.totp_step = step
            return True
    return False


def take_recovery_code(session: Session, account: Account, code: str, *, at: datetime) -> bool:
    """Whether `code` is one of the account's that were not used; it is used now."""
    statement = (
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account.id,
            RecoveryCode.code_hash == _hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=at)
        .returning(RecoveryCode.id)
    )
    return session.scalar(statement) is not None


def new_codes(session: Session, account: Account) -> list[str]:
    """Ten recovery codes of 80 bits in place of those there were."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    codes = [secrets.token_hex(10) for _ in range(CODES)]
    session.add_all(RecoveryCode(account_id=account.id, code_hash=_hash(code)) for code in codes)
    return ["-".join(code[at : at + 5] for at in range(0, 20, 5)) for code in codes]


def take_away(session: Session, account_id, *, by, at: datetime) -> None:
    """The account has no authenticator and no recovery codes any more, and its sessions end.

    Staff rights wait until its owner adds a new one. `by` is the caller: OwnRightsKept for their own,
    RightsBeyondOwn for one that guards more than they may do; NotFound when there is none.
    """
    account = lock(session, Account, account_id)
    account = accounts.of_person(session, account.person_id)
    accounts.check_reach(session, account, set(account.rights), by=by)
    if account.totp_sealed is None:
        raise NotFound
    account.totp_sealed = account.totp_begun_at = account.totp_confirmed_at = account.totp_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    accounts.end_sessions(session, account.id, at=at)
    trail.note(session, account, by=by.person_id, action="authenticator.taken_away", at=at)


def forget_unconfirmed(session: Session, *, at: datetime) -> int:
    """Delete secrets whose first code did not come within ten minutes; how many."""
    late = Account.totp_confirmed_at.is_(None) & (Account.totp_begun_at <= at - UNCONFIRMED_KEPT)
    statement = update(Account).where(late).values(totp_sealed=None, totp_begun_at=None)
    return session.execute(statement).rowcount


def _hash(code: str) -> bytes:
    return sha256(code.replace("-", "").strip().lower().encode()).digest()
