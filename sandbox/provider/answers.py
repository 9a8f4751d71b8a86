"""Idempotency keys: the effect and its answer are kept together, and the answer is given again for a day."""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object
from sandbox.store import Store

KEPT_S = 24 * 3600

Work = Callable[[sqlite3.Connection], Object]

_busy: set[tuple[str, str]] = set()
_busy_lock = threading.Lock()


def wish_hash(path: str, pairs: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps([path, sorted(pairs)]).encode()).hexdigest()


def once(store: Store, account: str, key: str, hash: str, work: Work) -> tuple[int, Object, bool]:
    """(status, answer, whether it was given before). Other parameters under the same key are refused, and
    so is a second request while the first one runs."""
    with alone(account, key):
        with store.transaction() as db:
            kept = db.execute(
                "SELECT * FROM answers WHERE account = ? AND key = ? AND at > ?",
                (account, key, time.time() - KEPT_S),
            ).fetchone()
        if kept is None:
            return *_first(store, account, key, hash, work), False
        if kept["wish_hash"] != hash:
            raise ApiError(
                400,
                "Keys for idempotent requests serve only the parameters they were first used with.",
                kind="idempotency_error",
            )
        return kept["status"], json.loads(kept["body"]), True


def _first(store: Store, account: str, key: str, hash: str, work: Work) -> tuple[int, Object]:
    with store.transaction() as db:
        status, answer = _done(db, work)
        db.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
            (account, key, hash, status, json.dumps(answer), time.time()),
        )
    return status, answer


def _done(db: sqlite3.Connection, work: Work) -> tuple[int, Object]:
    """A refusal by the work itself is an answer that sticks to its key, as the provider's do."""
    db.execute("SAVEPOINT work")
    try:
        return 200, work(db)
    except ApiError as error:
        db.execute("ROLLBACK TO work")
        return error.status, {"error": error.body}


@contextmanager
def alone(account: str, key: str) -> Iterator[None]:
    """Nobody else works under this key meanwhile; ApiError 409 when somebody does."""
    with _busy_lock:
        if (account, key) in _busy:
            raise ApiError(
                409,
                "There is currently another in-progress request using this Idempotency Key.",
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        _busy.add((account, key))
    try:
        yield
    finally:
        _busy.discard((account, key))
