"""Tokens: five minutes of identity and rights, signed for the services; and the keys to verify them."""

from datetime import datetime

from flask import request
from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from services.directory import sessions, settings
from services.directory.models import SignInSession, Transaction
from shared import tokens
from shared.auth import Caller, SessionEnded, caller
from shared.clock import now
from shared.http import Blueprint

routes = Blueprint("tokens", __name__, url_prefix="/api/v1/directory")


class TokenPerson(Schema):
    id = fields.UUID()
    given_name = fields.String(attribute="first_name")
    family_name = fields.String()
    locale = fields.String()
    class_year = fields.Integer(allow_none=True)


class TokenIssued(Schema):
    token = fields.String()
    expires_in_s = fields.Integer()
    person = fields.Nested(TokenPerson)
    rights = fields.List(fields.String())


class RightsNow(Schema):
    active = fields.Boolean()
    rights = fields.List(fields.String())


class PublicKey(Schema):
    kty = fields.String()
    crv = fields.String()
    x = fields.String()
    kid = fields.String()
    use = fields.String()
    alg = fields.String()


class PublicKeys(Schema):
    keys = fields.List(fields.Nested(PublicKey))


@routes.post("/tokens", allow="anyone", refuses=(SessionEnded,))
@routes.doc(security=[{"session": []}])
@routes.response(201, TokenIssued)
def create():
    """A token for the session whose secret stands in `Authorization: Session <secret>`."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "session" or not secret.strip():
        raise SessionEnded
    with Transaction() as session:
        return issue(session, secret.strip(), at=now())


@routes.get("/tokens/current", allow="signed_in")
@routes.response(200, RightsNow)
def show_current():
    """What the caller may do at this moment, whatever their token says."""
    rights = live_rights(caller())
    return {"active": rights is not None, "rights": sorted(rights or ())}


@routes.get("/jwks", allow="anyone")
@routes.response(200, PublicKeys)
def show_keys():
    """The public keys that tokens are verified with (RFC 7517)."""
    return jwks()


def issue(session: Session, secret: str, *, at: datetime) -> dict:
    """A token for the session of `secret`; SessionEnded when there is none, or none any more."""
    found = sessions.of_secret(session, secret, at=at)
    if found is None:
        raise SessionEnded
    person, rights = found.account.person, rights_of(found)
    key = settings.current().signing_key
    token = tokens.sign(key, person_id=person.id, rights=rights, session_id=str(found.id), at=at.timestamp())
    return {"token": token, "expires_in_s": tokens.LIFETIME_S, "person": person, "rights": rights}


def rights_of(found: SignInSession) -> list[str]:
    """What a session may do: the account's rights when a second factor opened it, else none."""
    return found.account.rights if found.is_strong else []


def live_rights(who: Caller) -> frozenset[str] | None:
    """What `who` may do at this moment, asked by every use of a right in `rights.LIVE`."""
    with Transaction() as session:
        found = sessions.of_id(session, who.session_id or "", at=now())
        return None if found is None else frozenset(rights_of(found))


def jwks() -> dict[str, list[dict[str, str]]]:
    """The key set: the public half of the signing key, named by its thumbprint."""
    key = settings.current().signing_key
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    return {"keys": [{**public, "kid": key.kid or key.thumbprint(), "use": "sig", "alg": tokens.ALGORITHM}]}
