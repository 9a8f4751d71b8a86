"""SEPA direct debits: promised on the page, taken or refused days later, perhaps taken back after that."""

import json
import sqlite3
from typing import Any

from sandbox.provider import checkouts, disputes, invoices, objects, payments, subscriptions
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.events import tell
from sandbox.provider.means import Fate
from sandbox.provider.objects import Object

RETURNED_AFTER_S = 10 * 86_400
FEE = 35
REFUSAL = {
    "type": "invalid_request_error",
    "code": "insufficient_funds",
    "message": "The account has insufficient funds to cover this payment.",
}


def due(db: sqlite3.Connection, *, at: float) -> list[tuple[float, str, str]]:
    """(when, account, id) of the debit that its bank was to decide on first; none when no bank is late."""
    rows = db.execute(
        "SELECT account, id, json_extract(body, '$.sandbox.due_at') AS due_at FROM objects"
        " WHERE kind = 'charge' AND due_at <= ? ORDER BY due_at, seq LIMIT 1",
        (at,),
    )
    return [(row["due_at"], row["account"], row["id"]) for row in rows]


def latest(db: sqlite3.Connection, *, most: int = 20) -> list[dict[str, Any]]:
    """The debits that somebody may decide on now, newest first: account, charge, what the bank can say."""
    rows = db.execute(
        "SELECT account, body FROM objects WHERE kind = 'charge'"
        " AND json_extract(body, '$.payment_method_details.type') = 'sepa_debit'"
        " AND json_extract(body, '$.status') <> 'failed' AND NOT json_extract(body, '$.disputed')"
        " ORDER BY seq DESC LIMIT ?",
        (most,),
    )
    found = [(row["account"], json.loads(row["body"])) for row in rows]
    return [
        {
            "account": account,
            "charge": charge,
            "fates": ("taken", "refused") if charge["status"] == "pending" else ("returned",),
        }
        for account, charge in found
    ]


def decide(
    db: sqlite3.Connection, merchant: Merchant, id: str, *, fate: Fate | None = None, at: float | None = None
) -> Object:
    """What the bank of a debit does next: as its account's fate has it, when due, unless told otherwise."""
    charge = objects.find(db, merchant.account, id, "charge")
    plan = charge.pop("sandbox", {})
    fate, at = fate or plan.get("fate"), at or plan.get("due_at", 0.0)
    if charge["status"] == "succeeded" and fate == "returned":
        return _take_back(db, merchant, charge, at=at)
    if charge["status"] != "pending" or "due_at" not in plan:
        raise ApiError(400, "Its bank has decided on this charge.")
    if fate == "refused":
        return _refuse(db, merchant, charge, at=at)
    charge = _take(db, merchant, charge, at=at)
    if fate == "returned":
        later = {"fate": fate, "due_at": at + RETURNED_AFTER_S}
        charge = objects.change(db, charge | {"sandbox": later})
    return charge


def _take(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    charge = objects.change(db, charge | {"status": "succeeded", "paid": True})
    intent = objects.find(db, merchant.account, charge["payment_intent"], "payment_intent")
    payments.succeed(db, merchant, intent, charge, at=at)
    _tell(db, merchant, intent, "succeeded", at=at)
    return payments.credit(db, merchant, charge, kind="payment", fee=FEE, at=at)


def _refuse(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    objects.change(db, charge)
    intent = objects.find(db, merchant.account, charge["payment_intent"], "payment_intent")
    payments.refuse(db, merchant, intent, error=REFUSAL, charge=charge, at=at)
    _tell(db, merchant, intent, "failed", at=at)
    return objects.find(db, merchant.account, charge["id"], "charge")


def _tell(db: sqlite3.Connection, merchant: Merchant, intent: Object, how: str, *, at: float) -> None:
    """The page learns of it, or the invoice of a subscription."""
    invoice = invoices.of_payment(db, merchant, intent["id"])
    if invoice is None:
        session = payments.session_of(db, merchant, intent["id"])
        if how == "succeeded":
            session = objects.change(db, session | {"payment_status": "paid"})
        tell(db, merchant, f"checkout.session.async_payment_{how}", checkouts.shown(session), at=at)
    elif how == "succeeded":
        invoices.paid(db, merchant, invoice["id"], at=at)
    else:
        about = invoice["parent"]["subscription_details"]["subscription"]
        subscriptions.missed(db, merchant, about, invoice["id"], at=at)


def _take_back(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    """A debit that comes back is a dispute that is lost from the start: nobody is heard."""
    objects.change(db, charge)
    made = disputes.start(db, merchant, charge, reason="insufficient_funds", at=at)
    disputes.close(db, merchant, made["id"], outcome="lost", at=at)
    return objects.find(db, merchant.account, charge["id"], "charge")
