"""Banks: what one answers when it is asked for money: paid, refused, or promised for some days later."""

import secrets
import sqlite3
from typing import Any, Literal

from sandbox.provider import objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.events import tell
from sandbox.provider.means import ACCOUNTS, CARDS, BankAccount, Card
from sandbox.provider.objects import Object

TAKEN_AFTER_S = 5 * 86_400

Answer = Literal["paid", "refused", "promised"]


def ask(
    db: sqlite3.Connection,
    merchant: Merchant,
    intent: Object,
    name: str,
    *,
    email: str | None,
    away: bool = False,
    at: float,
) -> tuple[Answer, Object]:
    """Charge a payment by the means called `name`, its customer being there or `away`; (answer, charge)."""
    if name in CARDS:
        return _card(db, merchant, intent, CARDS[name], email=email, away=away, at=at)
    return "promised", _debit(db, merchant, intent, ACCOUNTS[name], email=email, at=at)


def _card(
    db: sqlite3.Connection,
    merchant: Merchant,
    intent: Object,
    card: Card,
    *,
    email: str | None,
    away: bool,
    at: float,
) -> tuple[Answer, Object]:
    if reason := card.decline or (card.later if away else None):
        charge = payments.charge(db, merchant, intent, card.details, status="failed", at=at)
        error = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": reason,
            "message": "Your card was declined.",
        }
        payments.refuse(db, merchant, intent, error=error, charge=charge, at=at)
        return "refused", charge
    charge = payments.charge(db, merchant, intent, card.details, status="succeeded", email=email, at=at)
    payments.succeed(db, merchant, intent, charge, at=at)
    return "paid", charge


def _debit(
    db: sqlite3.Connection,
    merchant: Merchant,
    intent: Object,
    account: BankAccount,
    *,
    email: str | None,
    at: float,
) -> Object:
    mandate = _mandate(db, merchant, intent, at=at)
    details: dict[str, Any] = account.details
    details["sepa_debit"]["mandate"] = mandate["id"]
    charge = payments.charge(db, merchant, intent, details, status="pending", email=email, at=at)
    objects.change(db, charge | {"sandbox": {"fate": account.fate, "due_at": at + TAKEN_AFTER_S}})
    changed = {"status": "processing", "latest_charge": charge["id"], "last_payment_error": None}
    intent = objects.change(db, intent | changed)
    tell(db, merchant, "charge.pending", charge, at=at)
    tell(db, merchant, "payment_intent.processing", intent, at=at)
    return charge


def _mandate(db: sqlite3.Connection, merchant: Merchant, intent: Object, *, at: float) -> Object:
    """What the customer signed: for this payment only, or for all of a subscription."""
    once = intent["customer"] is None
    reference = secrets.token_hex(8).upper()
    return objects.keep(
        db,
        merchant.account,
        {
            "id": objects.new_id("mandate"),
            "object": "mandate",
            "created": int(at),
            "customer_acceptance": {"accepted_at": int(at), "type": "online"},
            "livemode": False,
            "payment_method": objects.new_id("pm"),
            "payment_method_details": {
                "sepa_debit": {"reference": reference, "url": f"https://provider.invalid/m/{reference}"},
                "type": "sepa_debit",
            },
            "single_use": {"amount": intent["amount"], "currency": intent["currency"]} if once else None,
            "status": "active",
            "type": "single_use" if once else "multi_use",
        },
    )
