"""SEPA direct debits: promised on the page, taken or refused days later, perhaps taken back after that."""

import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.provider import checkouts, disputes, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.events import tell
from sandbox.provider.objects import Object

DAY_S = 86_400
TAKEN_AFTER_S = 5 * DAY_S
RETURNED_AFTER_S = 10 * DAY_S
FEE = 35

Fate = Literal["taken", "refused", "returned"]


@dataclass(frozen=True)
class BankAccount:
    """A test account; its bank pays, refuses, or pays and takes the money back some days later."""

    iban: str
    fate: Fate

    @property
    def details(self) -> dict[str, Any]:
        """As the API tells of it."""
        plain = self.iban.replace(" ", "")
        known = {"bank_code": plain[4:9], "branch_code": plain[9:14], "country": plain[:2]}
        return known | {"last4": plain[-4:]}


ACCOUNTS = {
    "taken": BankAccount("FR14 2004 1010 0505 0001 3M02 606", "taken"),
    "refused": BankAccount("FR84 2004 1010 0505 0001 3M02 607", "refused"),
    "returned": BankAccount("FR57 2004 1010 0505 0001 3M02 608", "returned"),
}
REFUSAL = {
    "type": "invalid_request_error",
    "code": "insufficient_funds",
    "message": "The account has insufficient funds to cover this payment.",
}


def promise(db: sqlite3.Connection, merchant: Merchant, session: Object, name: str, *, at: float) -> Object:
    """The donor signs the mandate on the page; the debit is on its way."""
    if "sepa_debit" not in session["payment_method_types"] or session["currency"] != "eur":
        raise ApiError(400, "This page takes no SEPA debits.")
    account = ACCOUNTS[name]
    session, intent = payments.begin(db, merchant, session, at=at)
    mandate = _mandate(db, merchant, intent, at=at)
    details = {"type": "sepa_debit", "sepa_debit": account.details | {"mandate": mandate["id"]}}
    email = session["customer_email"]
    charge = payments.charge(db, merchant, intent, details, status="pending", email=email, at=at)
    objects.change(db, charge | {"sandbox": {"fate": account.fate, "due_at": at + TAKEN_AFTER_S}})
    changed = {"status": "processing", "latest_charge": charge["id"], "last_payment_error": None}
    intent = objects.change(db, intent | changed)
    tell(db, merchant, "charge.pending", charge, at=at)
    tell(db, merchant, "payment_intent.processing", intent, at=at)
    checkouts.complete(db, merchant, session, payment_status="unpaid", at=at)
    return intent


def due(db: sqlite3.Connection, *, at: float) -> list[tuple[str, str]]:
    """(account, id) of the debits on which their bank should have decided by now, the first to come first."""
    rows = db.execute(
        "SELECT account, id, json_extract(body, '$.sandbox.due_at') AS due_at FROM objects"
        " WHERE kind = 'charge' AND due_at <= ? ORDER BY due_at, seq",
        (at,),
    )
    return [(row["account"], row["id"]) for row in rows]


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


def _mandate(db: sqlite3.Connection, merchant: Merchant, intent: Object, *, at: float) -> Object:
    """What the donor signed, good for this payment only."""
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
            "single_use": {"amount": intent["amount"], "currency": intent["currency"]},
            "status": "active",
            "type": "single_use",
        },
    )


def _take(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    charge = objects.change(db, charge | {"status": "succeeded", "paid": True})
    intent = objects.find(db, merchant.account, charge["payment_intent"], "payment_intent")
    payments.succeed(db, merchant, intent, charge, at=at)
    _tell_page(db, merchant, intent, "succeeded", at=at)
    return payments.credit(db, merchant, charge, kind="payment", fee=FEE, at=at)


def _refuse(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    objects.change(db, charge)
    intent = objects.find(db, merchant.account, charge["payment_intent"], "payment_intent")
    payments.refuse(db, merchant, intent, error=REFUSAL, charge=charge, at=at)
    _tell_page(db, merchant, intent, "failed", at=at)
    return objects.find(db, merchant.account, charge["id"], "charge")


def _tell_page(db: sqlite3.Connection, merchant: Merchant, intent: Object, how: str, *, at: float) -> None:
    session = payments.session_of(db, merchant, intent["id"])
    if how == "succeeded":
        session = objects.change(db, session | {"payment_status": "paid"})
    tell(db, merchant, f"checkout.session.async_payment_{how}", checkouts.shown(session), at=at)


def _take_back(db: sqlite3.Connection, merchant: Merchant, charge: Object, *, at: float) -> Object:
    """A debit that comes back is a dispute that is lost from the start: nobody is heard."""
    objects.change(db, charge)
    made = disputes.start(db, merchant, charge, reason="insufficient_funds", at=at)
    disputes.close(db, merchant, made["id"], outcome="lost", at=at)
    return objects.find(db, merchant.account, charge["id"], "charge")
