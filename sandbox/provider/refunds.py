"""Refunds: money given back from a charge, whole or in part; the provider keeps its fee."""

import sqlite3
from typing import Any

from sandbox.provider import events, objects, payments
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object

UNDERSTOOD = {"payment_intent", "charge", "amount", "reason", "metadata", "expand"}


def create(
    db: sqlite3.Connection, merchant: Merchant, wish: dict[str, Any], *, at: float, key: str | None = None
) -> Object:
    if unplayed := sorted(set(wish) - UNDERSTOOD):
        raise ApiError(400, f"The sandbox does not play {', '.join(unplayed)}.", param=unplayed[0])
    charge = _charge(db, merchant, wish)
    left = charge["amount"] - charge["amount_refunded"]
    amount = wish.get("amount", left)
    if left == 0:
        raise ApiError(
            400,
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
            param="charge",
        )
    if charge["dispute"] and not _dispute(db, merchant, charge)["is_charge_refundable"]:
        raise ApiError(400, "This charge is disputed.", code="charge_disputed", param="charge")
    if not 0 < amount <= left:
        raise ApiError(
            400,
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            param="amount",
        )
    refund = _refund(charge, wish, amount, at=at)
    moved = payments.movement(
        db, merchant, refund | {"description": None}, kind="refund", amount=-amount, fee=0, at=at
    )
    refund = objects.keep(db, merchant.account, refund | {"balance_transaction": moved["id"]})
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    objects.change(db, charge)
    events.tell(db, merchant, "refund.created", refund, at=at, key=key)
    events.tell(db, merchant, "charge.refunded", charge, before=before, at=at, key=key)
    events.tell(db, merchant, "refund.updated", refund, before={"balance_transaction": None}, at=at, key=key)
    return refund


def _dispute(db: sqlite3.Connection, merchant: Merchant, charge: Object) -> Object:
    return objects.find(db, merchant.account, charge["dispute"], "dispute")


def fail(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> Object:
    """The donor's bank sends it back, days after it left: the account holds it again."""
    refund = objects.find(db, merchant.account, id, "refund")
    if refund["status"] != "succeeded":
        raise ApiError(400, "Only a refund that succeeded comes back.")
    before = {"status": refund["status"], "failure_reason": None}
    source = refund | {"description": None}
    moved = payments.movement(
        db, merchant, source, kind="refund_failure", amount=refund["amount"], fee=0, at=at
    )
    failed = {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": moved["id"],
    }
    refund = objects.change(db, refund | failed)
    charge = objects.find(db, merchant.account, refund["charge"], "charge")
    charge["amount_refunded"] -= refund["amount"]
    objects.change(db, charge | {"refunded": False})
    events.tell(db, merchant, "refund.updated", refund, before=before, at=at)
    events.tell(db, merchant, "refund.failed", refund, before=before, at=at)
    return refund


def _charge(db: sqlite3.Connection, merchant: Merchant, wish: dict[str, Any]) -> Object:
    if "charge" in wish:
        charge = objects.find(db, merchant.account, wish["charge"], "charge")
    elif "payment_intent" in wish:
        intent = objects.find(db, merchant.account, wish["payment_intent"], "payment_intent")
        if not intent["latest_charge"]:
            raise ApiError(
                400, "This PaymentIntent has no successful charge to refund.", param="payment_intent"
            )
        charge = objects.find(db, merchant.account, intent["latest_charge"], "charge")
    else:
        raise ApiError(400, "One of charge and payment_intent is required.", code="parameter_missing")
    if not charge["paid"]:
        raise ApiError(400, "This PaymentIntent has no successful charge to refund.", param="payment_intent")
    return charge


def _refund(charge: Object, wish: dict[str, Any], amount: int, *, at: float) -> Object:
    return {
        "id": objects.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": int(at),
        "currency": charge["currency"],
        "failure_reason": None,
        "metadata": wish.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "reason": wish.get("reason"),
        "receipt_number": None,
        "status": "succeeded",
    }
