"""What the sandbox remembers: one SQLite file, written before anything is answered."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.crm import records as crm
from sandbox.traces import spans

TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, kind TEXT NOT NULL,
    created INTEGER NOT NULL, payment_intent TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_listed ON objects (account, kind, created, seq);
CREATE TABLE IF NOT EXISTS answers (
    account TEXT NOT NULL, key TEXT NOT NULL, wish_hash TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL,
    due_at REAL, attempts INTEGER NOT NULL DEFAULT 0, status INTEGER, ended_at REAL, note TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passed (seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS emails (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT, raw BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS emails_of_message ON emails (message_id);
CREATE TABLE IF NOT EXISTS receptions (
    seq INTEGER PRIMARY KEY, receiver TEXT NOT NULL, at REAL NOT NULL, webhook_id TEXT NOT NULL,
    type TEXT, subject TEXT, verified INTEGER, answered INTEGER NOT NULL, headers TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS receptions_listed ON receptions (receiver, seq);
CREATE INDEX IF NOT EXISTS receptions_known ON receptions (receiver, webhook_id);
CREATE TABLE IF NOT EXISTS contacts (
    receiver TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (receiver, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS receivers (name TEXT PRIMARY KEY, secret TEXT NOT NULL) WITHOUT ROWID;
"""


class Store:
    """One connection and one lock: transactions are short, and none spans a network call."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA cache_size = -2000")
        self._connection.executescript(TABLES + spans.TABLES + crm.TABLES)
        crm.seed(self._connection)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit at the end, roll back on any error, that of a commit on a full disk included."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite undoes some errors by itself
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """A thread still in here ends with its transaction undone."""
        with self._lock:
            self._connection.close()
