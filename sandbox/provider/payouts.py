"""Payouts: each day the provider sends to the merchant's bank what is available, and says when it arrived."""

import json
import sqlite3
from datetime import UTC, datetime

from sandbox.provider import events, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object

DAY_S = 86_400
ARRIVES_AFTER_S = DAY_S


def make(db: sqlite3.Connection, merchant: Merchant, *, at: float, early: bool = False) -> list[Object]:
    """Send what is available, one payout a currency; `early`, what is pending too. Debts wait."""
    waiting: dict[str, list[Object]] = {}
    for each in _unpaid(db, merchant, None if early else at):
        waiting.setdefault(each["currency"], []).append(each)
    return [
        _send(db, merchant, currency, moved, at=at)
        for currency, moved in sorted(waiting.items())
        if sum(each["net"] for each in moved) > 0
    ]


def _unpaid(db: sqlite3.Connection, merchant: Merchant, available_at: float | None) -> list[Object]:
    """Movements that are in no payout yet, as far as they are available then."""
    rows = db.execute(
        "SELECT body FROM objects WHERE account = ? AND kind = 'balance_transaction'"
        " AND json_extract(body, '$.sandbox.payout') IS NULL"
        " AND json_extract(body, '$.available_on') <= coalesce(?, 1e18) ORDER BY created, seq",
        (merchant.account, available_at),
    )
    return [json.loads(row["body"]) for row in rows]


def _send(
    db: sqlite3.Connection, merchant: Merchant, currency: str, moved: list[Object], *, at: float
) -> Object:
    payout = {
        "id": objects.new_id("po"),
        "object": "payout",
        "amount": sum(each["net"] for each in moved),
        "arrival_date": int((at + ARRIVES_AFTER_S) // DAY_S * DAY_S),
        "automatic": True,
        "balance_transaction": None,
        "created": int(at),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed",
        "source_type": "card",
        "statement_descriptor": None,
        "status": "in_transit",
        "type": "bank_account",
    }
    left = payments.movement(
        db, merchant, payout, kind="payout", amount=-payout["amount"], fee=0, at=at, available_on=int(at)
    )
    for each in (*moved, left):
        objects.change(db, each | {"status": "available", "sandbox": {"payout": payout["id"]}})
    payout = objects.keep(db, merchant.account, payout | {"balance_transaction": left["id"]})
    events.tell(db, merchant, "payout.created", payout, at=at)
    return payout


def arrive(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> Object:
    """It is at the bank, at the latest on this day."""
    payout = objects.find(db, merchant.account, id, "payout")
    if payout["status"] != "in_transit":
        raise ApiError(400, "Only a payout that is on its way arrives.")
    arrived = {"status": "paid", "arrival_date": min(payout["arrival_date"], int(at // DAY_S * DAY_S))}
    payout = objects.change(db, payout | arrived)
    events.tell(db, merchant, "payout.paid", payout, before={"status": "in_transit"}, at=at)
    return payout


def fail(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> Object:
    """The bank refused it, perhaps after it had seemed to arrive: the money is back in the balance."""
    payout = objects.find(db, merchant.account, id, "payout")
    if payout["status"] not in {"in_transit", "paid"}:
        raise ApiError(400, "This payout has failed already.")
    back = payments.movement(
        db,
        merchant,
        payout,
        kind="payout_failure",
        amount=payout["amount"],
        fee=0,
        at=at,
        available_on=int(at),
    )
    failed = {
        "status": "failed",
        "failure_balance_transaction": back["id"],
        "failure_code": "account_closed",
        "failure_message": "The bank account has been closed.",
    }
    before = {"status": payout["status"]}
    payout = objects.change(db, payout | failed)
    events.tell(db, merchant, "payout.failed", payout, before=before, at=at)
    return payout


def daily(db: sqlite3.Connection, merchant: Merchant, *, began: float, at: float) -> None:
    """What the provider does by itself: payouts arrive on their day, and a new day sends a new one.

    A sandbox that never sent one, and began today (UTC), waits for tomorrow: its past may still be told.
    """
    rows = db.execute(
        "SELECT id, created, json_extract(body, '$.status') AS status,"
        " json_extract(body, '$.arrival_date') AS arrives FROM objects"
        " WHERE account = ? AND kind = 'payout' ORDER BY created DESC",
        (merchant.account,),
    ).fetchall()
    for row in rows:
        if row["status"] == "in_transit" and row["arrives"] <= at:
            arrive(db, merchant, row["id"], at=at)
    latest = rows[0]["created"] if rows else began
    if _day(latest) < _day(at):
        make(db, merchant, at=at)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
