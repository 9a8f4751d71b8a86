"""/sandbox/history: payments and refunds of the past, so that demo data has its counterpart at the provider.

Nothing is delivered: who tells the past takes the events from the answer.
"""

import sqlite3
from dataclasses import replace
from typing import Any

from flask import Blueprint, request

from sandbox.provider import attempts, checkouts, objects, payments, payouts, refunds
from sandbox.provider.accounts import Merchant
from sandbox.provider.objects import Object
from sandbox.world import world

routes = Blueprint("history", __name__, url_prefix="/sandbox/history")


@routes.post("/<account>/payments")
def pay(account: str) -> dict[str, Any] | tuple[dict[str, Any], int]:
    """Each item has `at`, `card`, and the `wish` of a checkout; answers in the same order."""
    return _each(account, _payment)


@routes.post("/<account>/refunds")
def give_back(account: str) -> dict[str, Any] | tuple[dict[str, Any], int]:
    """Each item has `at` and the `wish` of a refund; answers in the same order."""
    return _each(account, _refund)


@routes.post("/<account>/payouts")
def pay_out(account: str) -> dict[str, Any] | tuple[dict[str, Any], int]:
    """Each item has `at`: what was available then went to the bank, and arrived the day after."""
    return _each(account, _payouts)


def _each(account: str, work: Any) -> dict[str, Any] | tuple[dict[str, Any], int]:
    merchant = world().merchants.get(account)
    if merchant is None:
        return {"error": "There is no such account."}, 404
    silent = replace(merchant, webhook_url=None)
    with world().store.transaction() as db:
        return {"items": [work(db, silent, item) for item in request.get_json()["items"]]}


def _payment(db: sqlite3.Connection, merchant: Merchant, item: dict[str, Any]) -> dict[str, Any]:
    at, wish = item["at"], item["wish"]
    before = _newest(db)
    session = checkouts.create(db, merchant, wish, public_url=world().settings.public_url, at=at)
    session = attempts.attempt(db, merchant, session, item["card"], at=at)
    paid = payments.intent_of(db, merchant, session)
    charge = objects.find(db, merchant.account, paid["latest_charge"], "charge")
    moved = charge["balance_transaction"]
    return {
        "charge": charge,
        "movement": moved and objects.find(db, merchant.account, moved, "balance_transaction"),
        "events": _events(db, merchant, before),
    }


def _refund(db: sqlite3.Connection, merchant: Merchant, item: dict[str, Any]) -> dict[str, Any]:
    before = _newest(db)
    refunds.create(db, merchant, item["wish"], at=item["at"])
    return {"events": _events(db, merchant, before)}


def _payouts(db: sqlite3.Connection, merchant: Merchant, item: dict[str, Any]) -> dict[str, Any]:
    made = payouts.make(db, merchant, at=item["at"])
    later = item["at"] + payouts.ARRIVES_AFTER_S
    return {"payouts": [payouts.arrive(db, merchant, each["id"], at=later) for each in made]}


def _newest(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) AS seq FROM objects").fetchone()["seq"])


def _events(db: sqlite3.Connection, merchant: Merchant, before: int) -> list[Object]:
    rows = db.execute("SELECT id FROM objects WHERE seq > ? AND kind = 'event' ORDER BY seq", (before,))
    found = [objects.find(db, merchant.account, row["id"], "event") for row in rows.fetchall()]
    return [each for each in found if each["type"] in {"checkout.session.completed", "refund.created"}]
