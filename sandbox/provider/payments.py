"""Payments: what becomes of an open page, whatever the means: tried, processing, refused or paid."""

import sqlite3
from typing import Any

from sandbox.provider import events, objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.objects import Object

AVAILABLE_AFTER_S = 2 * 86400


def begin(db: sqlite3.Connection, merchant: Merchant, session: Object, *, at: float) -> tuple[Object, Object]:
    """The open page and its payment: one payment, however often it is tried.

    A page names its payment, but for a subscription's: its invoice does.
    """
    if session["sandbox"].get("intent"):
        return session, intent_of(db, merchant, session)
    given = session["sandbox"]["payment"]
    made = intent(
        db,
        merchant,
        amount=session["amount_total"],
        currency=session["currency"],
        description=given.get("description"),
        metadata=given.get("metadata", {}),
        types=session["payment_method_types"],
        at=at,
    )
    named = {"payment_intent": made["id"]} if session["mode"] == "payment" else {}
    kept = session["sandbox"] | {"intent": made["id"]}
    return objects.change(db, session | named | {"sandbox": kept}), made


def intent_of(db: sqlite3.Connection, merchant: Merchant, session: Object) -> Object:
    """The payment that was begun on a page."""
    return objects.find(db, merchant.account, session["sandbox"]["intent"], "payment_intent")


def intent(
    db: sqlite3.Connection,
    merchant: Merchant,
    *,
    amount: int,
    currency: str,
    description: str | None,
    metadata: dict[str, str],
    types: list[str],
    customer: str | None = None,
    at: float,
) -> Object:
    """A payment that nobody was asked for yet."""
    made = {
        "id": objects.new_id("pi"),
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "capture_method": "automatic_async",
        "created": int(at),
        "currency": currency,
        "customer": customer,
        "description": description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata,
        "payment_method_types": types,
        "receipt_email": None,
        "status": "requires_payment_method",
    }
    objects.keep(db, merchant.account, made)
    events.tell(db, merchant, "payment_intent.created", made, at=at)
    return made


def charge(
    db: sqlite3.Connection,
    merchant: Merchant,
    intent: Object,
    details: dict[str, Any],
    *,
    status: str,
    email: str | None = None,
    at: float,
) -> Object:
    """A try to take the money: `status` is pending, failed or succeeded; `details` say by what means."""
    paid = status == "succeeded"
    return objects.keep(
        db,
        merchant.account,
        {
            "id": objects.new_id("py" if details["type"] == "sepa_debit" else "ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0 if status == "failed" else intent["amount"],
            "amount_refunded": 0,
            "balance_transaction": None,
            "billing_details": {"address": None, "email": email, "name": None, "phone": None},
            "captured": status != "failed",
            "created": int(at),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "dispute": None,
            "disputed": False,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": intent["metadata"],
            "outcome": None,
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method_details": details,
            "receipt_email": None,
            "refunded": False,
            "status": status,
        },
    )


def refuse(
    db: sqlite3.Connection,
    merchant: Merchant,
    intent: Object,
    *,
    error: dict[str, Any],
    charge: Object | None = None,
    at: float,
) -> Object:
    """The bank says no, to a try (`charge`) or before there was one; the payment waits for another."""
    if charge is not None:
        failed = {"failure_code": error["code"], "failure_message": error["message"]}
        reason = {"network_status": "declined_by_network", "reason": error.get("decline_code")}
        charge = objects.change(db, charge | failed | {"outcome": reason, "status": "failed", "paid": False})
        error = error | {"charge": charge["id"]}
        events.tell(db, merchant, "charge.failed", charge, at=at)
    changed: Object = {"last_payment_error": error, "status": "requires_payment_method"}
    if charge is not None:
        changed["latest_charge"] = charge["id"]
    intent = objects.change(db, intent | changed)
    events.tell(db, merchant, "payment_intent.payment_failed", intent, at=at)
    return intent


def succeed(db: sqlite3.Connection, merchant: Merchant, intent: Object, charge: Object, *, at: float) -> None:
    """The money is ours."""
    paid = {"amount_received": intent["amount"], "last_payment_error": None, "status": "succeeded"}
    intent = objects.change(db, intent | paid | {"latest_charge": charge["id"]})
    events.tell(db, merchant, "charge.succeeded", charge, at=at)
    events.tell(db, merchant, "payment_intent.succeeded", intent, at=at)


def credit(
    db: sqlite3.Connection, merchant: Merchant, charge: Object, *, kind: str, fee: int, at: float
) -> Object:
    """The balance moves after the news of success, as with the real provider."""
    moved = movement(db, merchant, charge, kind=kind, amount=charge["amount"], fee=fee, at=at)
    charge = objects.change(db, charge | {"balance_transaction": moved["id"]})
    events.tell(db, merchant, "charge.updated", charge, before={"balance_transaction": None}, at=at)
    return charge


def credit_card(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    """The balance moves by a card's payment, less 1.5 % and 25 cents, the half cent upwards."""
    fee = (charge["amount"] * 15 + 500) // 1000 + 25
    return credit(db, merchant, charge, kind="charge", fee=fee, at=at)


def session_of(db: sqlite3.Connection, merchant: Merchant, payment_intent: str) -> Object:
    """The page on which a payment was begun."""
    row = db.execute(
        "SELECT id FROM objects WHERE account = ? AND kind = 'checkout.session' AND payment_intent = ?",
        (merchant.account, payment_intent),
    ).fetchone()
    return objects.find(db, merchant.account, row["id"], "checkout.session")


def movement(
    db: sqlite3.Connection,
    merchant: Merchant,
    source: Object,
    *,
    kind: str,
    amount: int,
    fee: int,
    at: float,
    available_on: int | None = None,
) -> Object:
    """A line of the account's balance, available two days later unless told."""
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
            "available_on": int(at) + AVAILABLE_AFTER_S if available_on is None else available_on,
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
