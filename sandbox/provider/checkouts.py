"""Checkout sessions: a page on which one payment is made, a subscription begun, or a means left."""

import sqlite3
from typing import Any
from urllib.parse import urlsplit

from sandbox.provider import events, objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object

OPEN_S = 24 * 3600
LEAST = 50
URL_MAX = 5000

UNDERSTOOD = {
    "mode",
    "currency",
    "customer",
    "submit_type",
    "subscription_data",
    "setup_intent_data",
    "client_reference_id",
    "customer_email",
    "locale",
    "line_items",
    "metadata",
    "payment_intent_data",
    "allowed_payment_method_types",
    "success_url",
    "cancel_url",
    "expires_at",
    "expand",
}


def create(
    db: sqlite3.Connection, merchant: Merchant, wish: dict[str, Any], *, public_url: str, at: float
) -> Object:
    """A new open page."""
    _refuse_what_is_not_played(wish)
    lines = wish.get("line_items") or []
    amount, currency, name = (None, wish.get("currency"), "") if wish["mode"] == "setup" else _sum(lines)
    if "customer" in wish:
        objects.find(db, merchant.account, wish["customer"], "customer")
    id = objects.new_id("cs_test")
    return objects.keep(
        db,
        merchant.account,
        {
            "id": id,
            "object": "checkout.session",
            "amount_subtotal": amount,
            "amount_total": amount,
            "cancel_url": wish.get("cancel_url"),
            "client_reference_id": wish.get("client_reference_id"),
            "created": int(at),
            "currency": currency,
            "customer": wish.get("customer"),
            "customer_details": _details(wish.get("customer_email")),
            "customer_email": wish.get("customer_email"),
            "expires_at": _expiry(wish, at),
            "livemode": False,
            "locale": wish.get("locale"),
            "metadata": wish.get("metadata", {}),
            "invoice": None,
            "mode": wish["mode"],
            "payment_intent": None,
            "payment_method_types": wish.get("allowed_payment_method_types") or ["card"],
            "payment_status": "unpaid",
            "setup_intent": None,
            "status": "open",
            "subscription": None,
            "submit_type": wish.get("submit_type"),
            "success_url": _url(wish, "success_url"),
            "ui_mode": "hosted_page",
            "url": f"{public_url.rstrip('/')}/sandbox/pay/{id}",
            # Beside the API: what the page shows, and what the payment will carry.
            "sandbox": {
                "name": name,
                "payment": wish.get("payment_intent_data", {}),
                "setup": wish.get("setup_intent_data", {}),
                "subscription": wish.get("subscription_data", {}),
                "recurring": lines[0]["price_data"].get("recurring") if lines else None,
            },
        },
    )


def expire(db: sqlite3.Connection, merchant: Merchant, id: str, *, at: float) -> Object:
    """Close an open page, as the provider itself does at `expires_at`."""
    session = objects.find(db, merchant.account, id, "checkout.session")
    if session["status"] != "open":
        raise ApiError(
            400,
            f"Only an open Checkout Session can be expired; this is {session['status']}.",
        )
    objects.change(db, session | {"status": "expired", "url": None})
    session = shown(objects.find(db, merchant.account, id, "checkout.session"))
    events.tell(db, merchant, "checkout.session.expired", session, at=at)
    return session


def complete(
    db: sqlite3.Connection, merchant: Merchant, session: Object, *, payment_status: str, at: float
) -> Object:
    session = objects.change(
        db, session | {"status": "complete", "payment_status": payment_status, "url": None}
    )
    events.tell(db, merchant, "checkout.session.completed", shown(session), at=at)
    return session


def overdue(db: sqlite3.Connection, *, at: float) -> list[tuple[str, str]]:
    """(account, id) of open pages whose time is over."""
    rows = db.execute(
        "SELECT account, id FROM objects WHERE kind = 'checkout.session' AND created > ? - 2 * 86400"
        " AND json_extract(body, '$.status') = 'open' AND json_extract(body, '$.expires_at') <= ?",
        (at, at),
    )
    return [(row["account"], row["id"]) for row in rows]


def shown(session: Object) -> Object:
    """The session as the API has it."""
    return {name: value for name, value in session.items() if name != "sandbox"}


def _refuse_what_is_not_played(wish: dict[str, Any]) -> None:
    mode = wish.get("mode")
    if mode is None:
        raise ApiError(400, "Missing required param: mode.", code="parameter_missing", param="mode")
    _refuse_what_its_mode_does_not_take(wish, mode)
    if unplayed := sorted(set(wish) - UNDERSTOOD):
        raise ApiError(400, f"The sandbox does not play {', '.join(unplayed)}.", param=unplayed[0])
    for data in ("payment_intent_data", "subscription_data", "setup_intent_data"):
        if unplayed := sorted(set(wish.get(data, {})) - {"metadata", "description"}):
            raise ApiError(400, f"The sandbox does not play {data} {unplayed}.", param=unplayed[0])
    if unplayed := sorted(set(wish.get("allowed_payment_method_types", [])) - {"card", "sepa_debit"}):
        raise ApiError(400, f"The sandbox does not take {', '.join(unplayed)}.", param=unplayed[0])
    email = wish.get("customer_email", "a@b.c")
    if "@" not in email or len(email) > 512 or any(each.isspace() for each in email):
        raise ApiError(400, f"Invalid email address: {email}", code="email_invalid", param="customer_email")


ONLY_FOR = {
    "payment_intent_data": {"payment"},
    "submit_type": {"payment"},
    "subscription_data": {"subscription"},
    "setup_intent_data": {"setup"},
    "line_items": {"payment", "subscription"},
}


def _refuse_what_its_mode_does_not_take(wish: dict[str, Any], mode: str) -> None:
    for name, modes in ONLY_FOR.items():
        if name in wish and mode not in modes:
            raise ApiError(400, f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if mode == "setup" and "customer" not in wish:
        raise ApiError(400, "The sandbox wants a customer in setup mode.", param="customer")
    recurring = [line.get("price_data", {}).get("recurring") for line in wish.get("line_items", [])]
    if any((mode == "subscription") is not bool(each) for each in recurring):
        least = "needs recurring prices" if mode == "subscription" else "takes no recurring prices"
        raise ApiError(400, f"Checkout in `{mode}` mode {least}.", param="line_items")


def _sum(lines: list[dict[str, Any]]) -> tuple[int, str, str]:
    if not lines:
        raise ApiError(
            400, "Missing required param: line_items.", code="parameter_missing", param="line_items"
        )
    prices = [line.get("price_data") or {} for line in lines]
    if any("unit_amount" not in price or "product_data" not in price for price in prices):
        raise ApiError(
            400, "The sandbox wants price_data with unit_amount and product_data.", param="line_items"
        )
    currencies = {price["currency"].lower() for price in prices}
    if len(currencies) > 1:
        raise ApiError(400, "All prices of a session must have one currency.", param="line_items")
    if any(price["unit_amount"] < 0 for price in prices):
        raise ApiError(
            400, "Invalid non-negative integer", code="parameter_invalid_integer", param="line_items"
        )
    amount = sum(
        price["unit_amount"] * line.get("quantity", 1) for price, line in zip(prices, lines, strict=True)
    )
    if amount < LEAST:
        raise ApiError(
            400, "The amount due must be at least 0.50.", code="amount_too_small", param="line_items"
        )
    if amount > 99_999_999:
        raise ApiError(400, "The amount due must be no more than 999,999.99.", code="amount_too_large")
    return amount, currencies.pop(), prices[0]["product_data"]["name"]


def _expiry(wish: dict[str, Any], at: float) -> int:
    expires = wish.get("expires_at", int(at) + OPEN_S)
    if not at + 1800 - 60 <= expires <= at + OPEN_S + 60:
        raise ApiError(
            400, "`expires_at` must be between 30 minutes and 24 hours from now.", param="expires_at"
        )
    return int(expires)


def _url(wish: dict[str, Any], name: str) -> str:
    url = wish.get(name, "")
    if len(url) > URL_MAX or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise ApiError(400, f"Not a valid URL: {name}", code="url_invalid", param=name)
    return url


def _details(email: str | None) -> dict[str, Any] | None:
    return None if email is None else {"address": None, "email": email, "name": None, "phone": None}
