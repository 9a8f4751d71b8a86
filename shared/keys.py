"""The directory's public keys: fetched in the background, kept when the directory is away."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.errors import Unavailable

REFRESH_S = 300
RETRY_S = 5
UNKNOWN_KID_S = 60
WAIT_S = 2


class KeysUnavailable(Unavailable):
    """Sign-in cannot be checked at the moment; nothing was lost, try again."""


class PublicKeys(Protocol):
    """Where a verifier finds a key by its id; KeysUnavailable when it never learned any."""

    def find(self, kid: str) -> OKPKey | None: ...


class KnownKeys:
    """Keys read afresh from a function of this process: the directory's own, or a test's."""

    def __init__(self, jwks: Callable[[], Mapping[str, Any]]) -> None:
        self._jwks = jwks

    def find(self, kid: str) -> OKPKey | None:
        return read_keys(self._jwks()).get(kid)


class FetchedKeys:
    """Keys of a JWKS address. The thread starts with the first token seen, so that importing costs nothing.

    A key id that is not known wakes the thread at most once in UNKNOWN_KID_S; the keys learned last stay
    good while the directory does not answer.
    """

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        self._fetch = fetch
        self._keys: dict[str, OKPKey] = {}
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._round = threading.Condition()
        self._rounds = 0
        self._asked_at = -float(UNKNOWN_KID_S)

    def find(self, kid: str) -> OKPKey | None:
        self._start()
        if kid not in self._keys and self._may_ask():
            self._next_round()
        if not self._keys:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="public-keys", daemon=True)
                self._thread.start()

    def _may_ask(self) -> bool:
        """Whether this unknown id may cost a fetch; without any key yet, every caller waits for the first."""
        with self._lock:
            if not self._keys:
                return True
            if time.monotonic() - self._asked_at < UNKNOWN_KID_S:
                return False
            self._asked_at = time.monotonic()
            return True

    def _next_round(self) -> None:
        with self._round:
            before = self._rounds
            if self._keys:
                self._wake.set()
            elif before:
                return
            self._round.wait_for(lambda: self._rounds > before, timeout=WAIT_S)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            learned = self._learn()
            with self._round:
                self._rounds += 1
                self._round.notify_all()
            self._wake.wait(REFRESH_S if learned else RETRY_S)

    def _learn(self) -> bool:
        try:
            found = read_keys(json.loads(self._fetch()))
        except Exception:  # whatever the directory answers, the keys known stay
            return False
        if found:
            self._keys = found
        return bool(found)


def read_keys(jwks: Mapping[str, Any]) -> dict[str, OKPKey]:
    """Ed25519 public keys by their id; others are passed over."""
    found = {}
    for each in jwks.get("keys", ()):
        if not isinstance(each, dict) or each.get("crv") != "Ed25519":
            continue
        public = {name: each[name] for name in ("kty", "crv", "x", "kid") if isinstance(each.get(name), str)}
        try:
            key = OKPKey.import_key(public)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        found[str(public.get("kid") or key.thumbprint())] = key
    return found
