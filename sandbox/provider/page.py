"""The hosted payment page: what the donor sees at the provider, played with test cards."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, redirect, request
from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response

from sandbox import looks
from sandbox.provider import attempts, clock, objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.means import ACCOUNTS, CARDS
from sandbox.provider.objects import Object
from sandbox.world import world
from shared.money import format_money

routes = Blueprint("page", __name__, url_prefix="/sandbox/pay")


@dataclass(frozen=True)
class Visit:
    """An open, paid or expired page, and why the bank last refused."""

    merchant: Merchant
    session: Object
    refused: str | None

    @property
    def lang(self) -> str:
        told = (self.session["locale"] or "auto")[:2]
        return told if told in {"fr", "en"} else looks.language()

    @property
    def takes_debits(self) -> bool:
        """Whether a bank account may be chosen."""
        return "sepa_debit" in self.session["payment_method_types"] and attempts.in_euros(self.session)

    @property
    def asked(self) -> str | None:
        """The card whose bank wants to see who pays."""
        return self.session["sandbox"].get("asked")

    @property
    def success_url(self) -> str:
        return str(self.session["success_url"].replace("{CHECKOUT_SESSION_ID}", self.session["id"]))


@routes.get("/<id>")
def show(id: str) -> Response:
    with world().store.transaction() as db:
        visit = _visit(db, id)
    return _page(visit)


@routes.post("/<id>/payments")
def pay(id: str) -> Response:
    """Pay by the chosen means; a page already paid leads on, so that pressing twice pays once."""
    chosen = "declined" if "decline" in request.form else request.form.get("card", "visa")

    def work(db: sqlite3.Connection, visit: Visit) -> None:
        if chosen in CARDS or (chosen in ACCOUNTS and visit.takes_debits):
            attempts.attempt(db, visit.merchant, visit.session, chosen, at=clock.now(db))

    return _done(id, work)


@routes.post("/<id>/authentications")
def authenticate(id: str) -> Response:
    """The bank's own page: confirm that it is you, or not."""
    seen = "confirm" in request.form

    def work(db: sqlite3.Connection, visit: Visit) -> None:
        if visit.asked is not None:
            attempts.authenticate(db, visit.merchant, visit.session, seen=seen, at=clock.now(db))

    return _done(id, work)


def _done(id: str, work: Callable[[sqlite3.Connection, Visit], None]) -> Response:
    with world().store.transaction() as db:
        visit = _visit(db, id)
        if visit is not None and visit.session["status"] == "open":
            work(db, visit)
            visit = _visit(db, id)
    world().courier.wake()
    if visit is not None and visit.session["status"] == "complete":
        return redirect(visit.success_url, 303)
    return redirect(f"/sandbox/pay/{id}", 303) if visit is not None else _page(None)


@routes.errorhandler(InternalServerError)
def broken(error: InternalServerError) -> Response:
    """The transaction was undone: nothing was paid. The way back is shown when it can still be read."""
    try:
        with world().store.transaction() as db:
            visit = _visit(db, (request.view_args or {})["id"])
    except sqlite3.Error:
        visit = None
    if visit is None:
        return looks.page("broken.html", status=503, pays=True)
    back = visit.session["cancel_url"] or visit.success_url
    return looks.page("broken.html", status=503, lang=visit.lang, pays=True, back=back)


def _visit(db: sqlite3.Connection, id: str) -> Visit | None:
    """The page is known by its id alone, which nobody can guess."""
    row = db.execute(
        "SELECT account, body FROM objects WHERE id = ? AND kind = 'checkout.session'", (id,)
    ).fetchone()
    merchant = world().merchants.get(row["account"]) if row else None
    if merchant is None:
        return None
    session = json.loads(row["body"])
    return Visit(merchant, session, _refusal(db, merchant, session["sandbox"].get("intent")))


def _refusal(db: sqlite3.Connection, merchant: Merchant, payment_intent: str | None) -> str | None:
    if payment_intent is None:
        return None
    error = objects.find(db, merchant.account, payment_intent, "payment_intent")["last_payment_error"]
    return error.get("decline_code") or error["code"] if error else None


INTERVALS = {("month", 1): "month", ("month", 3): "quarter", ("year", 1): "year"}


def _asked(visit: Visit) -> str | None:
    """What is paid, and how often; None on a page that only keeps a means."""
    session = visit.session
    if session["amount_total"] is None:
        return None
    amount = format_money(session["amount_total"], session["currency"].upper(), visit.lang)
    if (every := session["sandbox"]["recurring"]) is None:
        return amount
    interval = INTERVALS[every["interval"], every.get("interval_count", 1)]
    return looks.word(f"pay.every.{interval}", language=visit.lang, amount=amount)


def _page(visit: Visit | None) -> Response:
    if visit is None:
        return looks.page("gone.html", status=404)
    session = visit.session
    return looks.page(
        "pay.html",
        lang=visit.lang,
        leads_to=(visit.success_url, session["cancel_url"] or ""),
        visit=visit,
        session=session,
        name=session["sandbox"]["name"],
        amount=_asked(visit),
        cards=CARDS.items(),
        debits=ACCOUNTS.items() if visit.takes_debits else (),
    )
