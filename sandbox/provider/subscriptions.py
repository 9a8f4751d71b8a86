"""Subscriptions: payments that come again, are paused, changed, missed, and end."""

import sqlite3
from datetime import UTC, datetime
from typing import Any

from dateutil.relativedelta import relativedelta

from sandbox.provider import invoices, means, objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.events import tell
from sandbox.provider.objects import Object

RETRIED_AFTER_DAYS = (3, 5, 7)
"""When a payment that was missed is tried again; then the subscription ends."""
UNDERSTOOD = {
    "cancel_at",
    "cancel_at_period_end",
    "default_payment_method",
    "expand",
    "items",
    "metadata",
    "pause_collection",
    "proration_behavior",
}
DAY_S = 86_400


def meet(db: sqlite3.Connection, merchant: Merchant, session: Object, intent: Object, *, at: float) -> Object:
    """The customer of a page; its payment is theirs from now on."""
    customer = objects.keep(
        db,
        merchant.account,
        {
            "id": objects.new_id("cus"),
            "object": "customer",
            "created": int(at),
            "currency": session["currency"],
            "email": session["customer_email"],
            "livemode": False,
            "metadata": {},
            "name": None,
        },
    )
    tell(db, merchant, "customer.created", customer, at=at)
    return objects.change(db, intent | {"customer": customer["id"]})


def start(
    db: sqlite3.Connection,
    merchant: Merchant,
    session: Object,
    intent: Object,
    name: str,
    *,
    answer: str,
    at: float,
) -> Object:
    """The first payment was made or promised: the subscription, and the page that names it."""
    method = means.attach(db, merchant, intent["customer"], name, at=at)
    subscription = _made(session, intent, method, at=at)
    objects.keep(db, merchant.account, subscription)
    invoice = invoices.create(
        db, merchant, shown(subscription), "subscription_create", email=session["customer_email"], at=at
    )
    invoices.pay_by(db, merchant, invoice, intent, at=at)
    subscription = objects.change(db, subscription | {"latest_invoice": invoice["id"]})
    tell(db, merchant, "customer.subscription.created", shown(subscription), at=at)
    if answer == "paid":
        invoices.paid(db, merchant, invoice["id"], at=at)
    links = {"customer": intent["customer"], "subscription": subscription["id"], "invoice": invoice["id"]}
    return objects.change(db, session | links)


def _made(session: Object, intent: Object, method: Object, *, at: float) -> Object:
    given, recurring = session["sandbox"]["subscription"], session["sandbox"]["recurring"]
    id = objects.new_id("sub")
    until = _after(at, recurring)
    item = {
        "id": objects.new_id("si"),
        "object": "subscription_item",
        "created": int(at),
        "current_period_start": int(at),
        "current_period_end": int(until),
        "metadata": {},
        "price": _price(session["amount_total"], session["currency"], recurring),
        "quantity": 1,
        "subscription": id,
    }
    return {
        "id": id,
        "object": "subscription",
        "billing_cycle_anchor": int(at),
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": int(at),
        "currency": session["currency"],
        "customer": intent["customer"],
        "default_payment_method": method["id"],
        "description": given.get("description"),
        "ended_at": None,
        "items": {"object": "list", "has_more": False, "data": [item]},
        "latest_invoice": None,
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "pause_collection": None,
        "start_date": int(at),
        "status": "active",
        "trial_end": None,
        "sandbox": {"due_at": until, "anchor": at, "periods": 1, "email": session["customer_email"]},
    }


def _price(amount: int, currency: str, recurring: dict[str, Any]) -> Object:
    return {
        "id": objects.new_id("price"),
        "object": "price",
        "active": True,
        "currency": currency,
        "product": objects.new_id("prod"),
        "recurring": {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
        },
        "type": "recurring",
        "unit_amount": amount,
    }


def _after(anchor: float, recurring: dict[str, Any], periods: int = 1) -> float:
    """When the period that is `periods` after the anchor ends: the 31st is the last day of shorter months."""
    count = periods * recurring.get("interval_count", 1)
    step = relativedelta(**{f"{recurring['interval']}s": count})  # type: ignore[arg-type]
    return (datetime.fromtimestamp(anchor, UTC) + step).timestamp()


def shown(subscription: Object) -> Object:
    """As the API has it."""
    return {name: value for name, value in subscription.items() if name != "sandbox"}


def update(db: sqlite3.Connection, merchant: Merchant, id: str, wish: dict[str, Any], *, at: float) -> Object:
    """Pause or go on, another amount from the next payment on, another means, an end."""
    if unplayed := sorted(set(wish) - UNDERSTOOD):
        raise ApiError(400, f"The sandbox does not play {', '.join(unplayed)}.", param=unplayed[0])
    found = _living(db, merchant, id)
    before = {name: found[name] for name in wish if name in found}
    changed = {name: wish[name] for name in ("cancel_at", "cancel_at_period_end", "metadata") if name in wish}
    if "pause_collection" in wish:
        pause = wish["pause_collection"]
        changed["pause_collection"] = {"resumes_at": None, **pause} if pause else None
    if "default_payment_method" in wish:
        method = objects.find(db, merchant.account, wish["default_payment_method"], "payment_method")
        if method["customer"] != found["customer"]:
            raise ApiError(400, "This means is another customer's.", param="default_payment_method")
        changed["default_payment_method"] = method["id"]
    if "items" in wish:
        changed["items"] = _items(found, wish)
    found = objects.change(db, found | changed)
    tell(db, merchant, "customer.subscription.updated", shown(found), before=before, at=at)
    return shown(found)


def _items(found: Object, wish: dict[str, Any]) -> Object:
    """One item, at another price; nothing is paid back or asked for between."""
    (item,) = found["items"]["data"]
    if len(wish["items"]) != 1 or wish["items"][0].get("id") != item["id"]:
        raise ApiError(400, "The sandbox changes the one item that there is.", param="items")
    if wish.get("proration_behavior") != "none":
        raise ApiError(400, "The sandbox plays proration_behavior=none only.", param="proration_behavior")
    told = wish["items"][0].get("price_data") or {}
    if "unit_amount" not in told or told["currency"].lower() != found["currency"]:
        raise ApiError(400, "The sandbox wants price_data with unit_amount in its currency.", param="items")
    price = _price(told["unit_amount"], found["currency"], told["recurring"])
    if price["recurring"] != item["price"]["recurring"]:
        raise ApiError(400, "The sandbox does not change the interval.", param="items")
    return found["items"] | {"data": [item | {"price": price}]}


def cancel(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> Object:
    """End it now: nothing more is asked for."""
    found = _living(db, merchant, id)
    ended = {"status": "canceled", "canceled_at": int(at), "ended_at": int(at)}
    found = objects.change(db, found | ended | {"sandbox": found["sandbox"] | {"due_at": None}})
    tell(db, merchant, "customer.subscription.deleted", shown(found), at=at)
    return shown(found)


def _living(db: sqlite3.Connection, merchant: Merchant, id: str) -> Object:
    found = objects.find(db, merchant.account, id, "subscription")
    if found["status"] == "canceled":
        raise ApiError(404, f"No such subscription: {id}", code="resource_missing", param="id")
    return found


def due(db: sqlite3.Connection, *, at: float) -> list[tuple[float, str, str]]:
    """(when, account, id) of the subscription that was to go on first; none when nothing is due."""
    rows = db.execute(
        "SELECT account, id, json_extract(body, '$.sandbox.due_at') AS due_at FROM objects"
        " WHERE kind = 'subscription' AND due_at <= ? ORDER BY due_at, seq LIMIT 1",
        (at,),
    )
    return [(row["due_at"], row["account"], row["id"]) for row in rows]


def go_on(db: sqlite3.Connection, merchant: Merchant, id: str) -> None:
    """What is due: the next payment, another try for the one that was missed, or the end."""
    found = objects.find(db, merchant.account, id, "subscription")
    at = found["sandbox"]["due_at"]
    if missed := found["sandbox"].get("missed"):
        _try(db, merchant, found, missed, at=at)
        return
    (item,) = found["items"]["data"]
    if found["cancel_at_period_end"] or (found["cancel_at"] or at + 1) <= at:
        cancel(db, merchant, id, at=at)
        return
    plan, recurring = found["sandbox"], item["price"]["recurring"]
    until = _after(plan["anchor"], recurring, plan["periods"] + 1)
    item |= {"current_period_start": int(at), "current_period_end": int(until)}
    resumes_at = (found["pause_collection"] or {}).get("resumes_at")
    if resumes_at is not None and resumes_at <= at:
        found["pause_collection"] = None
    found |= {"items": found["items"] | {"data": [item]}}
    found = objects.change(db, found | {"sandbox": plan | {"due_at": until, "periods": plan["periods"] + 1}})
    tell(db, merchant, "customer.subscription.updated", shown(found), at=at)
    invoice = invoices.create(db, merchant, shown(found), "subscription_cycle", email=plan["email"], at=at)
    found = objects.change(db, found | {"latest_invoice": invoice["id"]})
    if found["pause_collection"]:
        invoices.void(db, merchant, invoice["id"], at=at)
        return
    _try(db, merchant, found, invoice["id"], at=at)


def _try(db: sqlite3.Connection, merchant: Merchant, found: Object, invoice: str, *, at: float) -> None:
    method = objects.find(db, merchant.account, found["default_payment_method"], "payment_method")
    answer = invoices.collect(db, merchant, invoice, name=method["sandbox"]["name"], at=at)
    if answer == "refused":
        missed(db, merchant, found["id"], invoice, at=at)
        return
    regular = _after(found["sandbox"]["anchor"], found["items"]["data"][0]["price"]["recurring"],
                     found["sandbox"]["periods"])  # fmt: skip
    plan = {**found["sandbox"], "due_at": max(regular, at + 1), "missed": None}
    found = objects.change(db, found | {"status": "active", "sandbox": plan})


def missed(db: sqlite3.Connection, merchant: Merchant, id: str, invoice: str, *, at: float) -> None:
    """A payment did not come: it is tried again in some days, and in the end the subscription is ended."""
    found = objects.find(db, merchant.account, id, "subscription")
    if found["status"] == "canceled":
        return
    tries = objects.find(db, merchant.account, invoice, "invoice")["attempt_count"]
    if tries > len(RETRIED_AFTER_DAYS):
        invoices.failed(db, merchant, invoice, again_at=None, at=at)
        cancel(db, merchant, id, at=at)
        return
    again_at = at + RETRIED_AFTER_DAYS[tries - 1] * DAY_S
    invoices.failed(db, merchant, invoice, again_at=again_at, at=at)
    before = {"status": found["status"]}
    plan = found["sandbox"] | {"due_at": again_at, "missed": invoice}
    found = objects.change(db, found | {"status": "past_due", "sandbox": plan})
    tell(db, merchant, "customer.subscription.updated", shown(found), before=before, at=at)
