"""Who is calling, and whether they may.

Services verify the directory's tokens themselves and trust no identity header. A route declares its
policy (`allow`), checked before anything of the request is parsed. Rights in `rights.LIVE` are asked from
the directory at each use, and refused when it does not answer.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast
from uuid import UUID

from flask import g, request

from shared import current, outbound, tokens
from shared.errors import DomainError, Forbidden, NotFound, Unavailable
from shared.keys import FetchedKeys, PublicKeys
from shared.rights import LIVE, RIGHTS

VERIFIED_S = 15
VERIFIED_MAX = 2048
VISITOR_HEADER = "Amicale-Visitor"
"""An anonymous browser's own random id: it scopes idempotency keys and limits, and gives no right."""


class SignInRequired(DomainError):
    """Sign in first."""

    status = 401


class SessionEnded(DomainError):
    """This session has ended; sign in again."""

    status = 401


class RightMissing(Forbidden):
    """Your account does not have the right to do this."""


class RightsUnavailable(Unavailable):
    """Your rights cannot be checked at the moment; nothing was done, try again."""


@dataclass(frozen=True)
class Caller:
    """Who is calling: a person by their token, or nobody in particular."""

    person_id: UUID | None
    rights: frozenset[str]
    session_id: str | None
    address: str
    visitor: str = ""
    token: str = field(default="", repr=False)

    def has(self, right: str) -> bool:
        """Whether the token carries `right` (one of shared.rights)."""
        assert right in RIGHTS, right
        return right in self.rights

    @property
    def key(self) -> str:
        """Stable name of the caller for idempotency keys and limits."""
        return f"person:{self.person_id}" if self.person_id else f"guest:{self.visitor}"


class LiveRights(Protocol):
    """Asks what a caller may do at this moment: None when the session has ended."""

    def __call__(self, who: Caller, /) -> frozenset[str] | None: ...


@dataclass
class Doorkeeper:
    """How a service checks its callers."""

    audience: str
    keys: PublicKeys
    live_rights: LiveRights
    _verified: dict[bytes, tuple[float, tokens.Claims]] = field(default_factory=dict, repr=False)

    def identify(self) -> Caller:
        """The caller of the current request; TokenRefused for a token that is not valid."""
        address = request.remote_addr or ""
        visitor = request.headers.get(VISITOR_HEADER, "")
        visitor = visitor if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", visitor) else ""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return Caller(None, frozenset(), None, address, visitor)
        claims = self._claims(token.strip())
        rights = claims.rights & RIGHTS
        return Caller(claims.person_id, rights, claims.session_id, address, visitor, token.strip())

    def _claims(self, token: str) -> tokens.Claims:
        """What a token says; once verified, it is not verified again for VERIFIED_S."""
        now, digest = time.time(), hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._verified.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        claims = tokens.read(token, audience=self.audience, find_key=self.keys.find, at=now)
        if len(self._verified) >= VERIFIED_MAX:
            self._verified.clear()
        self._verified[digest] = (min(claims.expires_at, now + VERIFIED_S), claims)
        return claims


def caller() -> Caller:
    """Who calls the current request; identified once, before the handler."""
    if "caller" not in g:
        g.caller = current.service().doorkeeper.identify()
    return cast(Caller, g.caller)


def require(allow: str) -> None:
    """Let the current request through the policy `allow`, or raise why not."""
    if allow == "internal":
        return _only_from_inside()
    who = caller()
    if allow != "signed_in" and allow not in RIGHTS:
        return
    if who.person_id is None:
        raise SignInRequired
    if allow in RIGHTS and allow not in who.rights:
        raise RightMissing
    if allow in LIVE:
        require_live(who, allow)


def require_live(who: Caller, right: str) -> None:
    """Ask the directory now whether `who` still has `right`; no answer means no."""
    if right not in require_session(who):
        raise RightMissing


def require_session(who: Caller) -> frozenset[str]:
    """What `who` may do at this moment; SessionEnded when their token outlived its session."""
    rights = current.service().doorkeeper.live_rights(who)
    if rights is None:
        raise SessionEnded
    return rights


def _only_from_inside() -> None:
    """The gateway always sets X-Forwarded-For; probes and metrics collectors inside never do."""
    if request.environ.get("HTTP_X_FORWARDED_FOR"):
        raise NotFound


def ask_directory(directory_url: str) -> tuple[PublicKeys, LiveRights]:
    """How a service other than the directory checks its callers."""
    base = f"{directory_url.rstrip('/')}/api/v1/directory"

    def get(path: str, *headers: tuple[str, str]) -> outbound.Answer:
        return outbound.send("GET", base + path, headers=dict(headers), timeout_s=3, inside=True)

    def live(who: Caller) -> frozenset[str] | None:
        try:
            answer = get("/tokens/current", ("Authorization", f"Bearer {who.token}"))
            return None if answer.status == 401 else _rights_said(answer)
        except (outbound.NotSent, ValueError):
            raise RightsUnavailable from None

    return FetchedKeys(_jwks(get)), live


def _rights_said(answer: outbound.Answer) -> frozenset[str] | None:
    """The rights in the directory's answer, None when it says that the session ended; else ValueError."""
    said = json.loads(answer.body) if answer.status == 200 else None
    if not isinstance(said, dict) or not isinstance(said.get("active"), bool):
        raise ValueError("not an answer")
    if not said["active"]:
        return None
    if not isinstance(said.get("rights"), list):
        raise ValueError("not an answer")
    return frozenset(map(str, said["rights"]))


def _jwks(get: Callable[..., outbound.Answer]) -> Callable[[], bytes]:
    def fetch() -> bytes:
        answer = get("/jwks")
        if answer.status != 200:
            raise ValueError("no keys")
        return answer.body

    return fetch
