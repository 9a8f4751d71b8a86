"""What a partner received, and the contacts that a CRM makes of it."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reception:
    """One delivery as it arrived; `verified` is None while the receiver was not told its secret."""

    seq: int
    receiver: str
    at: float
    webhook_id: str
    type: str | None
    subject: str | None
    verified: bool | None
    answered: int
    headers: dict[str, str]
    body: str

    @property
    def pretty(self) -> str:
        try:
            return json.dumps(json.loads(self.body), indent=2, ensure_ascii=False)
        except ValueError:
            return self.body


def verified(secret: str | None, body: str, headers: dict[str, str]) -> bool | None:
    """By the Standard Webhooks specification, as its own library checks."""
    if not secret:
        return None
    from standardwebhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def keep(
    db: sqlite3.Connection,
    receiver: str,
    *,
    body: str,
    headers: dict[str, str],
    verified: bool | None,
    answered: int,
    at: float,
) -> None:
    """Keep the delivery; when it was taken and not yet known, its state becomes the contact's."""
    told = _told(body)
    subject = _subject(told)
    webhook_id = headers.get("webhook-id", "")
    known = db.execute(
        "SELECT 1 FROM receptions WHERE receiver = ? AND webhook_id = ? AND answered < 300",
        (receiver, webhook_id),
    ).fetchone()
    db.execute(
        "INSERT INTO receptions (receiver, at, webhook_id, type, subject, verified, answered, headers, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (receiver, at, webhook_id, told.get("type"), subject, verified, answered, json.dumps(headers), body),
    )
    if answered < 300 and not known and subject:
        _upsert(db, receiver, subject, told, at)


def _upsert(db: sqlite3.Connection, receiver: str, subject: str, told: dict[str, Any], at: float) -> None:
    """As a plain CRM does: what arrives last is the state; an erased contact is gone."""
    if str(told.get("type", "")).endswith(".erased"):
        db.execute("DELETE FROM contacts WHERE receiver = ? AND id = ?", (receiver, subject))
        return
    db.execute(
        "INSERT INTO contacts VALUES (?, ?, ?, ?) ON CONFLICT (receiver, id)"
        " DO UPDATE SET state = excluded.state, at = excluded.at",
        (receiver, subject, json.dumps(told["data"]), at),
    )


def contacts(db: sqlite3.Connection, receiver: str) -> dict[str, dict[str, Any]]:
    """The latest state of each, by our id."""
    rows = db.execute("SELECT id, state FROM contacts WHERE receiver = ? ORDER BY at DESC", (receiver,))
    return {row["id"]: json.loads(row["state"]) for row in rows}


def listed(db: sqlite3.Connection, receiver: str, *, limit: int = 100) -> list[Reception]:
    rows = db.execute(
        "SELECT * FROM receptions WHERE receiver = ? ORDER BY seq DESC LIMIT ?", (receiver, limit)
    )
    return [_reception(row) for row in rows]


def find(db: sqlite3.Connection, receiver: str, seq: int) -> Reception | None:
    row = db.execute("SELECT * FROM receptions WHERE receiver = ? AND seq = ?", (receiver, seq)).fetchone()
    return _reception(row) if row else None


def receivers(db: sqlite3.Connection) -> list[tuple[str, int, float]]:
    """(name, deliveries, time of the latest) of each that was ever written to."""
    rows = db.execute("SELECT receiver, count(*) AS n, max(at) AS at FROM receptions GROUP BY 1 ORDER BY 1")
    return [(row["receiver"], row["n"], row["at"]) for row in rows]


def forget(db: sqlite3.Connection, receiver: str) -> None:
    for table in ("receptions", "contacts"):
        db.execute(f"DELETE FROM {table} WHERE receiver = ?", (receiver,))


def secret_of(db: sqlite3.Connection, receiver: str) -> str | None:
    row = db.execute("SELECT secret FROM receivers WHERE name = ?", (receiver,)).fetchone()
    return row["secret"] if row else None


def tell_secret(db: sqlite3.Connection, receiver: str, secret: str) -> None:
    db.execute(
        "INSERT INTO receivers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET secret = excluded.secret",
        (receiver, secret),
    )


def _told(body: str) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and isinstance(told.get("data"), dict) else {}


def _subject(told: dict[str, Any]) -> str | None:
    """Our id of who this is about."""
    data = told.get("data", {})
    return next((str(data[name]) for name in ("party_id", "person_id", "id") if data.get(name)), None)


def _reception(row: sqlite3.Row) -> Reception:
    verified = None if row["verified"] is None else bool(row["verified"])
    return Reception(**dict(row) | {"headers": json.loads(row["headers"]), "verified": verified})
