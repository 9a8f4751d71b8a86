"""Payments: what happens when the donor presses a button on the page."""

import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox.provider import checkouts, events, objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object

AVAILABLE_AFTER_S = 7 * 86400


@dataclass(frozen=True)
class Card:
    """A test card; `decline` is the bank's reason when it refuses."""

    number: str
    brand: str
    decline: str | None = None

    @property
    def last4(self) -> str:
        return self.number[-4:]


CARDS = {
    "visa": Card("4242 4242 4242 4242", "visa"),
    "mastercard": Card("5555 5555 5555 4444", "mastercard"),
    "declined": Card("4000 0000 0000 0002", "visa", "generic_decline"),
    "insufficient": Card("4000 0000 0000 9995", "visa", "insufficient_funds"),
}


def fee(amount_minor: int) -> int:
    """1.5 % and 25 cents, the half cent upwards."""
    return (amount_minor * 15 + 500) // 1000 + 25


def attempt(db: sqlite3.Connection, merchant: Merchant, session: Object, card: Card, *, at: float) -> Object:
    """Pay an open page with a card; returns the charge, which says whether the bank agreed."""
    if session["status"] != "open":
        raise ApiError(400, "This page can no longer be paid.")
    intent = _intent(db, merchant, session, at=at)
    session = objects.change(db, session | {"payment_intent": intent["id"]})
    if card.decline:
        return _decline(db, merchant, intent, card, at=at)
    return _succeed(db, merchant, session, intent, card, at=at)


def _intent(db: sqlite3.Connection, merchant: Merchant, session: Object, *, at: float) -> Object:
    """The payment of this page: one, however often it is tried."""
    if session["payment_intent"]:
        return objects.find(db, merchant.account, session["payment_intent"], "payment_intent")
    given = session["sandbox"]["payment"]
    intent = {
        "id": objects.new_id("pi"),
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "capture_method": "automatic_async",
        "created": int(at),
        "currency": session["currency"],
        "customer": None,
        "description": given.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "payment_method_types": session["payment_method_types"],
        "receipt_email": None,
        "status": "requires_payment_method",
    }
    objects.keep(db, merchant.account, intent)
    events.tell(db, merchant, "payment_intent.created", intent, at=at)
    return intent


def _charge(intent: Object, session_email: str | None, card: Card, *, at: float) -> Object:
    return {
        "id": objects.new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if card.decline else intent["amount"],
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": session_email, "name": None, "phone": None},
        "captured": not card.decline,
        "created": int(at),
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "dispute": None,
        "disputed": False,
        "failure_code": "card_declined" if card.decline else None,
        "failure_message": "Your card was declined." if card.decline else None,
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": {"network_status": "declined_by_network", "reason": card.decline}
        if card.decline
        else None,
        "paid": not card.decline,
        "payment_intent": intent["id"],
        "payment_method_details": {"type": "card", "card": {"brand": card.brand, "last4": card.last4}},
        "receipt_email": None,
        "refunded": False,
        "status": "failed" if card.decline else "succeeded",
    }


def _decline(db: sqlite3.Connection, merchant: Merchant, intent: Object, card: Card, *, at: float) -> Object:
    charge = objects.keep(db, merchant.account, _charge(intent, None, card, at=at))
    error = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": card.decline,
        "charge": charge["id"],
        "message": "Your card was declined.",
    }
    intent = objects.change(
        db,
        intent
        | {"latest_charge": charge["id"], "last_payment_error": error, "status": "requires_payment_method"},
    )
    events.tell(db, merchant, "charge.failed", charge, at=at)
    events.tell(db, merchant, "payment_intent.payment_failed", intent, at=at)
    return charge


def _succeed(
    db: sqlite3.Connection, merchant: Merchant, session: Object, intent: Object, card: Card, *, at: float
) -> Object:
    """The order of the real provider: the balance transaction comes after the news of success."""
    charge = objects.keep(db, merchant.account, _charge(intent, session["customer_email"], card, at=at))
    intent = objects.change(
        db,
        intent
        | {
            "latest_charge": charge["id"],
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "status": "succeeded",
        },
    )
    events.tell(db, merchant, "charge.succeeded", charge, at=at)
    events.tell(db, merchant, "payment_intent.succeeded", intent, at=at)
    checkouts.complete(db, merchant, session, payment_status="paid", at=at)
    moved = movement(
        db, merchant, charge, kind="charge", amount=charge["amount"], fee=fee(charge["amount"]), at=at
    )
    charge = objects.change(db, charge | {"balance_transaction": moved["id"]})
    events.tell(db, merchant, "charge.updated", charge, before={"balance_transaction": None}, at=at)
    return charge


def movement(
    db: sqlite3.Connection, merchant: Merchant, source: Object, *, kind: str, amount: int, fee: int, at: float
) -> Object:
    """A line of the account's balance."""
    details: list[dict[str, Any]] = [
        {
            "amount": fee,
            "currency": source["currency"],
            "type": "stripe_fee",
            "description": "Processing fees",
        }
    ]
    return objects.keep(
        db,
        merchant.account,
        {
            "id": objects.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": int(at) + AVAILABLE_AFTER_S,
            "balance_type": "payments",
            "created": int(at),
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": "dispute" if kind == "adjustment" else kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        },
    )
