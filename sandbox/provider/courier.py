"""Brings events to the accounts' webhooks, signed as the provider signs them, until they are taken."""

import http.client
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sandbox import switches
from sandbox.provider import checkouts, clock, debits, events, payouts, subscriptions
from sandbox.provider.accounts import Merchant
from sandbox.store import Store

# The provider tries for three days: here a day is two minutes.
TRIES = 16
PAUSE_LONGEST_S = 30.0
LEASE_S = 60.0
TIMEOUT_S = 10.0
IDLE_S = 2.0
SWEEP_S = 20.0
STOP_S = 1.0
KEPT_S = 7 * 86_400

Send = Callable[[str, bytes, dict[str, str]], int]


def send(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST, without following redirects; the status."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", parts.path or "/", body, headers)
        response = connection.getresponse()
        response.read(65_536)
        return response.status
    finally:
        connection.close()


class Courier:
    """A few threads over the queue in the store; what is on its way when the process dies goes again."""

    def __init__(self, store: Store, merchants: dict[str, Merchant], send: Send = send) -> None:
        self._store, self._merchants, self.send = store, merchants, send
        self._bell = threading.Condition()
        self._stopping = False
        self._began = time.time()
        self._threads: list[threading.Thread] = []

    def start(self, threads: int = 3) -> None:
        with self._store.transaction() as db:
            db.execute("UPDATE deliveries SET due_at = ? WHERE due_at > ?", (time.time(), time.time()))
        jobs = [self._deliver] * threads + [self._sweep]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let go of what is on its way: it goes again at the next start.

        A thread that hangs on somebody else's answer is left behind.
        """
        with self._bell:
            self._stopping = True
            self._bell.notify_all()
        for thread in self._threads:
            thread.join(STOP_S)

    def wake(self) -> None:
        with self._bell:
            self._bell.notify_all()

    def deliver_one(self) -> bool:
        """Bring the next event that is due; False when none is."""
        with self._store.transaction() as db:
            claimed = None if switches.read(db).webhook_paused else _claim(db, time.time())
            if claimed is None:
                return False
            merchant = self._merchants.get(claimed["account"])
            body = events.body(db, merchant, claimed["event"]) if merchant else ""
        status, note = self._sent(merchant, body) if merchant else (0, "no such account")
        with self._store.transaction() as db:
            _record(db, claimed, status, note, at=time.time())
        return True

    def _sent(self, merchant: Merchant, body: str) -> tuple[int, str | None]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks; sandbox)",
            "Stripe-Signature": signature(body, merchant.secrets, at=int(time.time())),
        }
        try:
            return self.send(merchant.webhook_url or "", body.encode(), headers), None
        except Exception as error:
            return 0, type(error).__name__

    def _deliver(self) -> None:
        with self._until_closed():
            while not self._stopping:
                if not self.deliver_one():
                    with self._bell:
                        if not self._stopping:
                            self._bell.wait(self._pause())

    def _pause(self) -> float:
        with self._store.transaction() as db:
            due = db.execute(
                "SELECT min(due_at) AS due_at FROM deliveries WHERE due_at IS NOT NULL"
            ).fetchone()
            paused = switches.read(db).webhook_paused
        if paused or due["due_at"] is None:
            return IDLE_S
        return min(IDLE_S, max(0.005, due["due_at"] - time.time()))

    def _sweep(self) -> None:
        with self._until_closed():
            while not self._stopping:
                self.sweep_once()
                with self._bell:
                    if not self._stopping:
                        self._bell.wait(SWEEP_S)

    @contextmanager
    def _until_closed(self) -> Iterator[None]:
        """A thread that comes back after the end finds the store closed, and ends too."""
        try:
            yield
        except sqlite3.ProgrammingError:
            if not self._stopping:
                raise

    def sweep_once(self) -> None:
        """Close what is over, let banks decide, pay out, and forget what was delivered long ago."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM deliveries WHERE ended_at < ?", (time.time() - KEPT_S,))
            db.execute("DELETE FROM answers WHERE at < ?", (time.time() - KEPT_S,))
        with self._store.transaction() as db:
            at = clock.now(db)
            for account, id in checkouts.overdue(db, at=at):
                if merchant := self._merchants.get(account):
                    checkouts.expire(db, merchant, id, at=at)
            while _next_thing(db, self._merchants, at=at):
                pass
        with self._store.transaction() as db:
            for merchant in self._merchants.values():
                payouts.daily(db, merchant, began=self._began, at=clock.now(db))


def _next_thing(db: sqlite3.Connection, merchants: dict[str, Merchant], *, at: float) -> bool:
    """Do what is due first: a bank decides, a subscription goes on; False when nothing is."""
    due = [(*each, debits.decide) for each in debits.due(db, at=at)]
    due += [(*each, subscriptions.go_on) for each in subscriptions.due(db, at=at)]
    for _, account, id, act in sorted(due, key=lambda each: each[0])[:1]:
        act(db, merchants[account], id)
    return bool(due)


def signature(body: str, secrets: tuple[str, ...], *, at: int) -> str:
    """The SDK's own header; while a secret is being replaced, one signature with each."""
    from stripe import WebhookSignature

    headers = [WebhookSignature.generate_signature_header(body, each, at) for each in secrets]
    return ",".join([headers[0], *(each.split(",", 1)[1] for each in headers[1:])])


def _claim(db: sqlite3.Connection, at: float) -> sqlite3.Row | None:
    return db.execute(
        "UPDATE deliveries SET due_at = ?, attempts = attempts + 1 WHERE seq ="
        " (SELECT seq FROM deliveries WHERE due_at <= ? ORDER BY due_at, seq LIMIT 1) RETURNING *",
        (at + LEASE_S, at),
    ).fetchone()


def _record(
    db: sqlite3.Connection, claimed: sqlite3.Row, status: int, note: str | None, *, at: float
) -> None:
    taken = 200 <= status < 300
    again = None if taken or claimed["attempts"] >= TRIES else at + pause_s(claimed["attempts"])
    db.execute(
        "UPDATE deliveries SET due_at = ?, status = ?, note = ?, ended_at = ? WHERE seq = ?",
        (again, status, note, None if again else at, claimed["seq"]),
    )


def pause_s(attempts: int) -> float:
    """How long to wait after so many attempts: twice as long each time, with jitter."""
    return min(PAUSE_LONGEST_S, 0.25 * 2**attempts) * random.uniform(0.75, 1.25)
