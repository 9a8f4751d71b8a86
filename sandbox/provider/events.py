"""What happened, kept for the events list and queued for the account's webhook."""

import json
import random
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from sandbox import switches
from sandbox.provider import objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.objects import Object

API_VERSION = "2026-10-28.endive"

dice = random.Random()


def tell(
    db: sqlite3.Connection,
    merchant: Merchant,
    type: str,
    about: Object,
    *,
    at: float,
    before: dict[str, Any] | None = None,
    key: str | None = None,
) -> Object:
    """Keep the event, with `about` as it is now; `before` holds the changed fields' former values."""
    event = {
        "id": objects.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(at),
        "data": {"object": about} | ({"previous_attributes": before} if before else {}),
        "livemode": False,
        "pending_webhooks": int(merchant.wants(type)),
        "request": {"id": None, "idempotency_key": key},
        "type": type,
    }
    objects.keep(db, merchant.account, event)
    if merchant.wants(type):
        queue(db, merchant, event["id"], type)
    return event


def queue(db: sqlite3.Connection, merchant: Merchant, event: str, type: str) -> None:
    """Put the event on its way, as the switches have it: perhaps late, more than once, or never."""
    told = switches.read(db)
    if told.webhook_drop_percent and dice.uniform(0, 100) < told.webhook_drop_percent:
        _deliveries(db, merchant, event, type, [None], note="dropped")
        return
    copies = 1
    if told.webhook_duplicate_percent and dice.uniform(0, 100) < told.webhook_duplicate_percent:
        copies += told.webhook_duplicate_copies
    at = time.time()
    late = [at + told.webhook_delay_s + dice.uniform(0, told.webhook_spread_s) for _ in range(copies)]
    _deliveries(db, merchant, event, type, late)


def queue_now(db: sqlite3.Connection, merchant: Merchant, event: str, type: str) -> None:
    """Send it whatever the switches say."""
    _deliveries(db, merchant, event, type, [0.0])


def _deliveries(
    db: sqlite3.Connection,
    merchant: Merchant,
    event: str,
    type: str,
    due: Iterable[float | None],
    note: str | None = None,
) -> None:
    db.executemany(
        "INSERT INTO deliveries (account, event, type, due_at, note) VALUES (?, ?, ?, ?, ?)",
        [(merchant.account, event, type, each, note) for each in due],
    )


def body(db: sqlite3.Connection, merchant: Merchant, event: str) -> str:
    """The event as it is sent: compact JSON, as UTF-8."""
    return json.dumps(objects.find(db, merchant.account, event, "event"), ensure_ascii=False)
