"""Tokens for tests: signed by a key of their own, which `trust` makes a service accept."""

import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from joserfc.jwk import OKPKey

from shared import current, tokens
from shared.auth import Caller
from shared.keys import KnownKeys
from shared.rights import RIGHTS

KEY: OKPKey = OKPKey.generate_key("Ed25519", {"kid": "test"})
JWKS: dict[str, Any] = {"keys": [{**KEY.as_dict(private=False), "kid": "test"}]}


class LiveRightsOfTests:
    """What the directory would say now: the token's rights, but for sessions ended and rights taken away."""

    def __init__(self) -> None:
        self.ended: set[UUID] = set()
        self.taken: set[tuple[UUID, str]] = set()
        self.asked = 0

    def __call__(self, caller: Caller) -> frozenset[str] | None:
        self.asked += 1
        assert caller.person_id is not None
        if caller.person_id in self.ended:
            return None
        return frozenset(right for right in caller.rights if (caller.person_id, right) not in self.taken)


def trust(app: Flask) -> LiveRightsOfTests:
    """Make `app` accept the tokens made here; what it returns ends sessions and takes rights away."""
    live = LiveRightsOfTests()
    keeper = app.extensions[current.EXTENSION].doorkeeper
    keeper.keys, keeper.live_rights = KnownKeys(lambda: JWKS), live
    return live


def token_for(person_id: UUID | None = None, rights: Iterable[str] = (), **options: Any) -> str:
    """A valid token of `person_id` (anyone when None) with `rights`."""
    unknown = set(rights) - RIGHTS
    assert not unknown, unknown
    defaults: dict[str, Any] = {
        "session_id": str(uuid4()),
        "at": time.time(),
        "audience": (*tokens.SERVICES, "small"),
    }
    return tokens.sign(KEY, person_id=person_id or uuid4(), rights=rights, **{**defaults, **options})


def bearer(person_id: UUID | None = None, rights: Iterable[str] = (), **options: Any) -> dict[str, str]:
    """Headers that carry such a token."""
    return {"Authorization": f"Bearer {token_for(person_id, rights, **options)}"}
