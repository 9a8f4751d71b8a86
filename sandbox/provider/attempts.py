"""Attempts: what a press on the payment page does."""

import sqlite3

from sandbox.provider import banks, checkouts, objects, payments, setups, subscriptions
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.events import tell
from sandbox.provider.means import ACCOUNTS, CARDS
from sandbox.provider.objects import Object

UNSEEN = {
    "type": "card_error",
    "code": "payment_intent_authentication_failure",
    "message": "The bank could not confirm who pays.",
}


def attempt(db: sqlite3.Connection, merchant: Merchant, session: Object, name: str, *, at: float) -> Object:
    """Pay an open page by the means called `name`: the page, as it stands then."""
    if session["status"] != "open":
        raise ApiError(400, "This page can no longer be paid.")
    if name in ACCOUNTS and ("sepa_debit" not in session["payment_method_types"] or not in_euros(session)):
        raise ApiError(400, "This page takes no SEPA debits.")
    if session["mode"] == "setup":
        return setups.complete(db, merchant, session, name, at=at)
    session, intent = payments.begin(db, merchant, session, at=at)
    if name in CARDS and CARDS[name].asks:
        session = objects.change(db, session | {"sandbox": session["sandbox"] | {"asked": name}})
        intent = objects.change(db, intent | {"status": "requires_action", "last_payment_error": None})
        tell(db, merchant, "payment_intent.requires_action", intent, at=at)
        return session
    return _ask(db, merchant, session, intent, name, at=at)


def authenticate(
    db: sqlite3.Connection, merchant: Merchant, session: Object, *, seen: bool, at: float
) -> Object:
    """The bank has seen who pays, or has not."""
    asked = session["sandbox"].get("asked")
    if asked is None or session["status"] != "open":
        raise ApiError(400, "The bank asks nothing about this page.")
    session = objects.change(db, session | {"sandbox": session["sandbox"] | {"asked": None}})
    intent = payments.intent_of(db, merchant, session)
    if not seen:
        payments.refuse(db, merchant, intent, error=UNSEEN, at=at)
        return session
    return _ask(db, merchant, session, intent, asked, at=at)


def in_euros(session: Object) -> bool:
    """Whether the page asks for euros, or for nothing yet."""
    return session["currency"] in {"eur", None}


def _ask(
    db: sqlite3.Connection, merchant: Merchant, session: Object, intent: Object, name: str, *, at: float
) -> Object:
    if session["mode"] == "subscription" and intent["customer"] is None:
        intent = subscriptions.meet(db, merchant, session, intent, at=at)
    answer, charge = banks.ask(db, merchant, intent, name, email=session["customer_email"], at=at)
    if answer == "refused":
        return objects.find(db, merchant.account, session["id"], "checkout.session")
    if session["mode"] == "subscription":
        session = subscriptions.start(db, merchant, session, intent, name, answer=answer, at=at)
    status = "paid" if answer == "paid" else "unpaid"
    session = checkouts.complete(db, merchant, session, payment_status=status, at=at)
    if answer == "paid":
        payments.credit_card(db, merchant, charge, at=at)
    return session
