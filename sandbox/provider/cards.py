"""Cards: paid at once, refused, or paid when the bank has seen its customer (3-D Secure)."""

import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox.provider import checkouts, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.events import tell
from sandbox.provider.objects import Object


@dataclass(frozen=True)
class Card:
    """A test card; `decline` is the bank's reason to refuse, `asks` whether it wants to see who pays."""

    number: str
    brand: str
    decline: str | None = None
    asks: bool = False

    @property
    def details(self) -> dict[str, Any]:
        """As the API tells of it."""
        return {"type": "card", "card": {"brand": self.brand, "last4": self.number[-4:]}}


CARDS = {
    "visa": Card("4242 4242 4242 4242", "visa"),
    "mastercard": Card("5555 5555 5555 4444", "mastercard"),
    "secure": Card("4000 0000 0000 3220", "visa", asks=True),
    "insufficient": Card("4000 0000 0000 9995", "visa", "insufficient_funds"),
    "declined": Card("4000 0000 0000 0002", "visa", "generic_decline"),
}
UNSEEN = {
    "type": "card_error",
    "code": "payment_intent_authentication_failure",
    "message": "The bank could not confirm who pays.",
}


def fee(amount_minor: int) -> int:
    """1.5 % and 25 cents, the half cent upwards."""
    return (amount_minor * 15 + 500) // 1000 + 25


def attempt(db: sqlite3.Connection, merchant: Merchant, session: Object, name: str, *, at: float) -> Object:
    """Pay an open page with a card: the payment, which says what the bank answered."""
    card = CARDS[name]
    session, intent = payments.begin(db, merchant, session, at=at)
    if card.asks:
        objects.change(db, session | {"sandbox": session["sandbox"] | {"asked": name}})
        intent = objects.change(db, intent | {"status": "requires_action", "last_payment_error": None})
        tell(db, merchant, "payment_intent.requires_action", intent, at=at)
        return intent
    if card.decline:
        charge = payments.charge(db, merchant, intent, card.details, status="failed", at=at)
        error = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": card.decline,
            "message": "Your card was declined.",
        }
        return payments.refuse(db, merchant, intent, error=error, charge=charge, at=at)
    return _paid(db, merchant, session, intent, card, at=at)


def authenticate(
    db: sqlite3.Connection, merchant: Merchant, session: Object, *, seen: bool, at: float
) -> Object:
    """The bank has seen who pays, or has not."""
    asked = session["sandbox"].get("asked")
    if asked is None or session["status"] != "open":
        raise ApiError(400, "The bank asks nothing about this page.")
    session = objects.change(db, session | {"sandbox": session["sandbox"] | {"asked": None}})
    intent = objects.find(db, merchant.account, session["payment_intent"], "payment_intent")
    if not seen:
        return payments.refuse(db, merchant, intent, error=UNSEEN, at=at)
    return _paid(db, merchant, session, intent, CARDS[asked], at=at)


def _paid(
    db: sqlite3.Connection, merchant: Merchant, session: Object, intent: Object, card: Card, *, at: float
) -> Object:
    email = session["customer_email"]
    charge = payments.charge(db, merchant, intent, card.details, status="succeeded", email=email, at=at)
    payments.succeed(db, merchant, intent, charge, at=at)
    checkouts.complete(db, merchant, session, payment_status="paid", at=at)
    payments.credit(db, merchant, charge, kind="charge", fee=fee(charge["amount"]), at=at)
    return objects.find(db, merchant.account, intent["id"], "payment_intent")
