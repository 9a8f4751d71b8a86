"""Tokens: what the directory signs and every service verifies by itself.

A JWT signed with Ed25519, five minutes at most. Claims: `sub` the person's id, `rights`, `sid` the
session, `aud` the services it is for, `iss` ISSUER, `iat`, `exp`. Header `typ` is `at+jwt` (RFC 9068), so
that no other thing signed with the same key passes for a token.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.errors import DomainError

ALGORITHM = "Ed25519"
TYPE = "at+jwt"
ISSUER = "amicale:directory"
LIFETIME_S = 300
LEEWAY_S = 5
SERVICES = ("directory", "events", "giving", "notify")
SIZE_MAX = 8192


class TokenRefused(DomainError):
    """The token is not valid, or no longer; get a new one."""

    status = 401


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    person_id: UUID
    rights: frozenset[str]
    session_id: str
    expires_at: int


def sign(
    key: OKPKey,
    *,
    person_id: UUID,
    rights: Iterable[str],
    session_id: str,
    at: float,
    lifetime_s: int = LIFETIME_S,
    audience: Iterable[str] = SERVICES,
) -> str:
    """A token for `person_id`, valid from `at` (seconds since 1970) for `lifetime_s`."""
    claims = {
        "iss": ISSUER,
        "aud": list(audience),
        "sub": str(person_id),
        "sid": session_id,
        "rights": sorted(rights),
        "iat": int(at),
        "exp": int(at) + lifetime_s,
    }
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.kid or key.thumbprint()}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def read(
    token: str, *, audience: str, find_key: Callable[[str], OKPKey | None], at: float | None = None
) -> Claims:
    """The claims of a token meant for `audience`; TokenRefused unless everything about it is right."""
    if len(token) > SIZE_MAX:
        raise TokenRefused
    kid = _kid(token)
    key = find_key(kid)
    if key is None:
        raise TokenRefused
    try:
        decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefused from None
    return _claims(decoded.header, decoded.claims, audience, time.time() if at is None else at)


def _kid(token: str) -> str:
    """The key id that the unverified header names."""
    from joserfc.jws import extract_compact

    try:
        header = extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefused from None
    kid = header.get("kid")
    if not isinstance(kid, str) or header.get("alg") != ALGORITHM or header.get("typ") != TYPE:
        raise TokenRefused
    return kid


def _claims(header: dict[str, object], claims: dict[str, object], audience: str, at: float) -> Claims:
    issued, expires, rights = claims.get("iat"), claims.get("exp"), claims.get("rights")
    services, session_id = claims.get("aud"), claims.get("sid")
    sound = (
        header.get("typ") == TYPE
        and claims.get("iss") == ISSUER
        and type(issued) is int
        and type(expires) is int
        and expires - issued <= LIFETIME_S
        and issued <= at + LEEWAY_S
        and expires > at
        and isinstance(services, list)
        and audience in services
        and isinstance(rights, list)
        and all(isinstance(right, str) for right in rights)
        and isinstance(session_id, str)
    )
    if not sound:
        raise TokenRefused
    assert isinstance(rights, list) and isinstance(session_id, str) and isinstance(expires, int)
    return Claims(_person(claims.get("sub")), frozenset(rights), session_id, expires)


def _person(subject: object) -> UUID:
    try:
        return UUID(subject) if isinstance(subject, str) else UUID("")
    except ValueError:
        raise TokenRefused from None
