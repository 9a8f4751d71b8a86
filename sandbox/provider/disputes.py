"""Disputes: the donor's bank takes the money back, for now or for good; each costs a fee.

As the provider does it: the money leaves when the dispute opens, a fee with it; a question of the bank
(`warning_…`) takes nothing; a dispute that is won closes first, and its money comes again after that.
"""

import sqlite3
from typing import Literal

from sandbox.provider import events, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object

FEE = 2000
ANSWER_WITHIN_S = 9 * 86400
CLOSED = {"won", "lost", "warning_closed"}

Outcome = Literal["won", "lost"]


def start(
    db: sqlite3.Connection,
    merchant: Merchant,
    charge: Object,
    *,
    reason: str = "fraudulent",
    question: bool = False,
    at: float,
) -> Object:
    """The bank takes what is left of the charge, and the provider its fee; or it only asks."""
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"] or charge["disputed"] or left == 0:
        raise ApiError(400, "Only a paid charge that was neither disputed nor given back can be disputed.")
    dispute = {
        "id": objects.new_id("du"),
        "object": "dispute",
        "amount": left,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(at),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence_details": {
            "due_by": int(at) + ANSWER_WITHIN_S,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": question,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4" if reason == "fraudulent" else None,
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "warning_needs_response" if question else "needs_response",
    }
    if not question:
        moved = payments.movement(db, merchant, dispute, kind="adjustment", amount=-left, fee=FEE, at=at)
        dispute["balance_transactions"] = [moved]
    objects.keep(db, merchant.account, dispute)
    objects.change(db, charge | {"disputed": True, "dispute": dispute["id"]})
    events.tell(db, merchant, "charge.dispute.created", dispute, at=at)
    if not question:
        events.tell(db, merchant, "charge.dispute.funds_withdrawn", dispute, at=at)
    return dispute


def close(db: sqlite3.Connection, merchant: Merchant, id: str, *, outcome: Outcome, at: float) -> Object:
    """The bank has decided: won gives the money back, the fee stays."""
    dispute = objects.find(db, merchant.account, id, "dispute")
    if dispute["status"] in CLOSED:
        raise ApiError(400, "This dispute is closed.")
    before = {"status": dispute["status"]}
    question = dispute["status"].startswith("warning")
    refundable = question or outcome == "won"
    status = "warning_closed" if question else outcome
    dispute = objects.change(db, dispute | {"status": status, "is_charge_refundable": refundable})
    events.tell(db, merchant, "charge.dispute.closed", dispute, before=before, at=at)
    if outcome == "won" and not question:
        moved = payments.movement(
            db, merchant, dispute, kind="adjustment", amount=dispute["amount"], fee=0, at=at
        )
        before = {"balance_transactions": list(dispute["balance_transactions"])}
        dispute["balance_transactions"].append(moved)
        objects.change(db, dispute)
        events.tell(db, merchant, "charge.dispute.funds_reinstated", dispute, before=before, at=at)
    return dispute
