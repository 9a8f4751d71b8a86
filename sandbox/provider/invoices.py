"""Invoices: what a subscription asks for in one period, and how it was paid."""

import sqlite3

from sandbox.provider import banks, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.events import tell
from sandbox.provider.objects import Object


def create(
    db: sqlite3.Connection,
    merchant: Merchant,
    subscription: Object,
    why: str,
    *,
    email: str | None,
    at: float,
) -> Object:
    """An open invoice for the period that a subscription has just begun."""
    (item,) = subscription["items"]["data"]
    amount = item["price"]["unit_amount"]
    about = {"subscription": subscription["id"], "metadata": subscription["metadata"]}
    invoice = {
        "id": objects.new_id("in"),
        "object": "invoice",
        "amount_due": amount,
        "amount_paid": 0,
        "amount_remaining": amount,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "billing_reason": why,
        "collection_method": "charge_automatically",
        "created": int(at),
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_email": email,
        "description": subscription["description"],
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "parent": {"type": "subscription_details", "subscription_details": about},
        "period_end": item["current_period_end"],
        "period_start": item["current_period_start"],
        "status": "open",
        "status_transitions": {"finalized_at": int(at), "paid_at": None, "voided_at": None},
        "total": amount,
    }
    objects.keep(db, merchant.account, invoice)
    tell(db, merchant, "invoice.created", invoice, at=at)
    tell(db, merchant, "invoice.finalized", invoice, at=at)
    return invoice


def collect(db: sqlite3.Connection, merchant: Merchant, id: str, *, name: str, at: float) -> banks.Answer:
    """Ask the bank for what is due, the customer being away."""
    invoice = objects.find(db, merchant.account, id, "invoice")
    types = ["card", "sepa_debit"]
    intent = payments.intent(
        db,
        merchant,
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        description=invoice["description"],
        metadata={},
        types=types,
        customer=invoice["customer"],
        at=at,
    )
    pay_by(db, merchant, invoice, intent, at=at)
    answer, charge = banks.ask(db, merchant, intent, name, email=invoice["customer_email"], away=True, at=at)
    if answer == "paid":
        paid(db, merchant, id, at=at)
        payments.credit_card(db, merchant, charge, at=at)
    return answer


def pay_by(db: sqlite3.Connection, merchant: Merchant, invoice: Object, intent: Object, *, at: float) -> None:
    """A payment is made for an invoice: one try of several, perhaps."""
    objects.change(db, invoice | {"attempt_count": invoice["attempt_count"] + 1, "attempted": True})
    objects.keep(
        db,
        merchant.account,
        {
            "id": objects.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_remaining"],
            "created": int(at),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
        },
    )


def paid(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> None:
    """The money is ours."""
    invoice = objects.find(db, merchant.account, id, "invoice")
    times = invoice["status_transitions"] | {"paid_at": int(at)}
    whole = {"amount_paid": invoice["total"], "amount_remaining": 0, "next_payment_attempt": None}
    invoice = objects.change(db, invoice | whole | {"status": "paid", "status_transitions": times})
    payment = _payment(db, merchant, id)
    objects.change(db, payment | {"status": "paid", "amount_paid": invoice["total"]})
    tell(db, merchant, "invoice.paid", invoice, at=at)
    tell(db, merchant, "invoice.payment_succeeded", invoice, at=at)


def failed(db: sqlite3.Connection, merchant: Merchant, id: str, *, again_at: float | None, at: float) -> None:
    """A try failed; the next one comes, or none."""
    invoice = objects.find(db, merchant.account, id, "invoice")
    again = None if again_at is None else int(again_at)
    invoice = objects.change(db, invoice | {"next_payment_attempt": again})
    objects.change(db, _payment(db, merchant, id) | {"status": "canceled"})
    tell(db, merchant, "invoice.payment_failed", invoice, at=at)


def void(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> None:
    """Nothing is asked for this period."""
    invoice = objects.find(db, merchant.account, id, "invoice")
    times = invoice["status_transitions"] | {"voided_at": int(at)}
    invoice = objects.change(db, invoice | {"status": "void", "status_transitions": times})
    tell(db, merchant, "invoice.voided", invoice, at=at)


def of_payment(db: sqlite3.Connection, merchant: Merchant, payment_intent: str) -> Object | None:
    """The invoice that a payment is for; None for a payment of a page of its own."""
    row = db.execute(
        "SELECT json_extract(body, '$.invoice') AS invoice FROM objects WHERE account = ?"
        " AND kind = 'invoice_payment' AND json_extract(body, '$.payment.payment_intent') = ?",
        (merchant.account, payment_intent),
    ).fetchone()
    return objects.find(db, merchant.account, row["invoice"], "invoice") if row else None


def _payment(db: sqlite3.Connection, merchant: Merchant, invoice: str) -> Object:
    """The last try."""
    row = db.execute(
        "SELECT id FROM objects WHERE account = ? AND kind = 'invoice_payment'"
        " AND json_extract(body, '$.invoice') = ? ORDER BY seq DESC LIMIT 1",
        (merchant.account, invoice),
    ).fetchone()
    return objects.find(db, merchant.account, row["id"], "invoice_payment")
