"""Disputes: the donor's bank takes the money back, for now or for good; each costs a fee."""

import sqlite3
from typing import Literal

from sandbox.provider import events, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object

FEE = 2000

Outcome = Literal["won", "lost"]


def start(
    db: sqlite3.Connection, merchant: Merchant, charge: Object, *, reason: str = "fraudulent", at: float
) -> Object:
    """The bank takes what is left of the charge, and the provider its fee."""
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"] or charge["disputed"] or left == 0:
        raise ApiError(400, "Only a paid charge that was neither disputed nor given back can be disputed.")
    dispute = {
        "id": objects.new_id("dp"),
        "object": "dispute",
        "amount": left,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(at),
        "currency": charge["currency"],
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    moved = payments.movement(db, merchant, dispute, kind="adjustment", amount=-left, fee=FEE, at=at)
    dispute["balance_transactions"] = [moved]
    objects.keep(db, merchant.account, dispute)
    charge = objects.change(db, charge | {"disputed": True, "dispute": dispute["id"]})
    events.tell(db, merchant, "charge.dispute.created", dispute, at=at)
    events.tell(db, merchant, "charge.dispute.funds_withdrawn", dispute, at=at)
    return dispute


def close(db: sqlite3.Connection, merchant: Merchant, id: str, *, outcome: Outcome, at: float) -> Object:
    """The bank has decided: won gives the money back, the fee stays."""
    dispute = objects.find(db, merchant.account, id, "dispute")
    if dispute["status"] in {"won", "lost"}:
        raise ApiError(400, "This dispute is closed.")
    before = {"status": dispute["status"]}
    if outcome == "won":
        moved = payments.movement(
            db, merchant, dispute, kind="adjustment", amount=dispute["amount"], fee=0, at=at
        )
        dispute["balance_transactions"].append(moved)
    dispute = objects.change(db, dispute | {"status": outcome})
    events.tell(db, merchant, "charge.dispute.closed", dispute, before=before, at=at)
    if outcome == "won":
        events.tell(db, merchant, "charge.dispute.funds_reinstated", dispute, at=at)
    return dispute
