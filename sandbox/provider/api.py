"""The provider's API under /v1, as the real SDK calls it."""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from sandbox import switches
from sandbox.provider import (
    answers,
    checkouts,
    clock,
    events,
    objects,
    parameters,
    refunds,
    subscriptions,
)
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.provider.objects import Object
from sandbox.world import world

routes = Blueprint("provider", __name__, url_prefix="/v1")

Work = Callable[[sqlite3.Connection, Merchant, dict[str, Any]], Object]


@routes.post("/checkout/sessions")
def create_session() -> Response:
    def work(db: sqlite3.Connection, merchant: Merchant, wish: dict[str, Any]) -> Object:
        public_url, at = world().settings.public_url, clock.now(db)
        return checkouts.shown(checkouts.create(db, merchant, wish, public_url=public_url, at=at))

    return _post("checkout.SessionCreateParams", work)


@routes.post("/checkout/sessions/<id>/expire")
def expire_session(id: str) -> Response:
    return _post(
        "checkout.SessionExpireParams",
        lambda db, who, wish: checkouts.expire(db, who, id, at=clock.now(db)),
    )


@routes.post("/refunds")
def create_refund() -> Response:
    return _post(
        "RefundCreateParams",
        lambda db, who, wish: refunds.create(db, who, wish, at=clock.now(db), key=_key()),
    )


@routes.post("/subscriptions/<id>")
def update_subscription(id: str) -> Response:
    return _post(
        "SubscriptionUpdateParams",
        lambda db, who, wish: subscriptions.update(db, who, id, wish, at=clock.now(db)),
    )


@routes.delete("/subscriptions/<id>")
def cancel_subscription(id: str) -> Response:
    return _post(
        "SubscriptionCancelParams", lambda db, who, wish: subscriptions.cancel(db, who, id, at=clock.now(db))
    )


LISTS = {
    "checkout/sessions": ("checkout.session", "checkout.SessionListParams", {"status", "payment_intent"}),
    "payment_intents": ("payment_intent", "PaymentIntentListParams", set()),
    "charges": ("charge", "ChargeListParams", {"payment_intent"}),
    "refunds": ("refund", "RefundListParams", {"charge", "payment_intent"}),
    "disputes": ("dispute", "DisputeListParams", {"charge", "payment_intent"}),
    "subscriptions": ("subscription", "SubscriptionListParams", {"customer", "status"}),
    "invoices": ("invoice", "InvoiceListParams", {"customer", "status"}),
    "invoice_payments": ("invoice_payment", "InvoicePaymentListParams", {"invoice", "status"}),
    "payouts": ("payout", "PayoutListParams", {"status"}),
    "events": ("event", "EventListParams", {"type", "types"}),
    "balance_transactions": (
        "balance_transaction",
        "BalanceTransactionListParams",
        {"type", "currency", "source", "payout"},
    ),
}

ONES = {
    "checkout/sessions": ("checkout.session", "checkout.SessionRetrieveParams"),
    "payment_intents": ("payment_intent", "PaymentIntentRetrieveParams"),
    "charges": ("charge", "ChargeRetrieveParams"),
    "refunds": ("refund", "RefundRetrieveParams"),
    "disputes": ("dispute", "DisputeRetrieveParams"),
    "subscriptions": ("subscription", "SubscriptionRetrieveParams"),
    "invoices": ("invoice", "InvoiceRetrieveParams"),
    "invoice_payments": ("invoice_payment", "InvoicePaymentRetrieveParams"),
    "customers": ("customer", "CustomerRetrieveParams"),
    "payment_methods": ("payment_method", "PaymentMethodRetrieveParams"),
    "setup_intents": ("setup_intent", "SetupIntentRetrieveParams"),
    "payouts": ("payout", "PayoutRetrieveParams"),
    "events": ("event", "EventRetrieveParams"),
    "balance_transactions": ("balance_transaction", "BalanceTransactionRetrieveParams"),
    "mandates": ("mandate", "MandateRetrieveParams"),
}


def listed(nouns: str) -> Response:
    kind, params, filters = LISTS[nouns]

    def work(db: sqlite3.Connection, merchant: Merchant, wish: dict[str, Any]) -> Object:
        known = filters | {"limit", "starting_after", "ending_before", "created", "expand"}
        if unplayed := sorted(set(wish) - known):
            raise ApiError(400, f"The sandbox does not filter by {', '.join(unplayed)}.", param=unplayed[0])
        if nouns == "balance_transactions" and "payout" in wish:
            of = objects.find(db, merchant.account, wish.pop("payout"), "payout")
            wish["sandbox.payout"] = of["id"]
        page = objects.page(db, merchant.account, kind, wish, url=f"/v1/{nouns}")
        page["data"] = [checkouts.shown(each) for each in page["data"]]
        return page

    return _get(params, work)


def one(nouns: str, id: str) -> Response:
    kind, params = ONES[nouns]
    return _get(params, lambda db, who, wish: checkouts.shown(objects.find(db, who.account, id, kind)))


for _nouns in LISTS:
    routes.add_url_rule(f"/{_nouns}", view_func=listed, defaults={"nouns": _nouns}, methods=["GET"])
for _nouns in ONES:
    routes.add_url_rule(f"/{_nouns}/<id>", view_func=one, defaults={"nouns": _nouns}, methods=["GET"])


@routes.get("/balance")
def balance() -> Response:
    def work(db: sqlite3.Connection, merchant: Merchant, wish: dict[str, Any]) -> Object:
        rows = db.execute(
            "SELECT json_extract(body, '$.currency') AS currency, sum(json_extract(body, '$.net')) AS amount,"
            " json_extract(body, '$.available_on') <= ? AS ready FROM objects"
            " WHERE account = ? AND kind = 'balance_transaction' GROUP BY 1, 3",
            (clock.now(db), merchant.account),
        ).fetchall()
        parts = [
            [{"amount": row["amount"], "currency": row["currency"]} for row in rows if row["ready"] == ready]
            for ready in (1, 0)
        ]
        return {"object": "balance", "available": parts[0], "pending": parts[1], "livemode": False}

    return _get("BalanceRetrieveParams", work)


@routes.errorhandler(ApiError)
def explain(error: ApiError) -> Response:
    return _answer(error.status, {"error": error.body})


def unknown_route() -> Response:
    return _answer(404, {"error": {"type": "invalid_request_error", "message": "Unrecognized request URL."}})


def broken() -> Response:
    """Nothing was done, and the same request may be sent again."""
    message = "The sandbox could not do this; nothing was changed. Its log says why."
    return _answer(503, {"error": {"type": "api_error", "message": message}})


def _get(params: str, work: Work) -> Response:
    merchant = _merchant()
    late = _misbehave()
    wish = _wish(request.args.items(multi=True), params)
    with world().store.transaction() as db:
        answer = objects.expanded(db, merchant.account, work(db, merchant, wish), wish.get("expand", []))
    time.sleep(late)
    return _answer(200, answer)


def _post(params: str, work: Work) -> Response:
    """Do the work, once per Idempotency-Key when one is given."""
    merchant = _merchant()
    late = _misbehave()
    pairs = list(request.form.items(multi=True))
    wish = _wish(pairs, params)

    def effect(db: sqlite3.Connection) -> Object:
        return objects.expanded(db, merchant.account, work(db, merchant, wish), wish.get("expand", []))

    replayed = False
    if key := _key():
        hash = answers.wish_hash(request.path, pairs)
        status, answer, replayed = answers.once(world().store, merchant.account, key, hash, effect)
    else:
        with world().store.transaction() as db:
            status, answer = 200, effect(db)
    world().courier.wake()
    time.sleep(late)
    response = _answer(status, answer)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _merchant() -> Merchant:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    for merchant in world().merchants.values():
        if secrets.compare_digest(merchant.api_key.encode(), given.encode()):
            return merchant
    raise ApiError(401, "Invalid API Key provided.")


def _misbehave() -> float:
    """Fail before doing anything, or say how long to keep the caller waiting after the work."""
    with world().store.transaction() as db:
        told = switches.read(db)
        fails = switches.take(db, "api_fail_next") or _dice(told.api_fail_percent)
        late = switches.take(db, "api_late_next") or _dice(told.api_late_percent)
    if fails:
        raise ApiError(told.api_fail_status, "The sandbox was told to fail.", kind="api_error")
    return told.api_late_s if late else 0.0


def _dice(percent: float) -> bool:
    return bool(percent) and events.dice.uniform(0, 100) < percent


def _wish(pairs: Any, params: str) -> dict[str, Any]:
    package, _, name = params.rpartition(".")
    return parameters.checked(parameters.nested(pairs), getattr(parameters.sdk_types(package), name))


def _key() -> str | None:
    return request.headers.get("Idempotency-Key") or None


def _answer(status: int, body: Object) -> Response:
    response = Response(json.dumps(body), status, mimetype="application/json")
    response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
    return response
