"""Books: the ledger of an entity as its accountant reads it; balance, journal, statements, files."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _

from web import clients, session
from web.clients import Problem, segment
from web.console.shell import then, tried
from web.languages import language

routes = Blueprint("books", __name__, url_prefix="/books")

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
FILES = {"journal": "journal-exports", "daily-receipts": "daily-receipt-exports", "fec": "fec-exports"}
EXPORT_S = 120.0


@dataclass(frozen=True)
class Around:
    """What stands around each page of the books: whose they are, and of which days."""

    entity: dict[str, Any]
    entities: list[dict[str, Any]]
    books: dict[str, Any]
    period: dict[str, str]
    wrong: str


@routes.before_request
def only_who_reads():
    """The books are for who reads gifts, as the menu says."""
    if not session.visitor().may("giving.read"):
        abort(403)


@routes.get("/")
def first():
    """The books of the first entity."""
    entities = clients.giving().get("/entities", limit=100)["items"]
    if not entities:
        return render_template("console/books_none.html")
    return redirect(url_for("console.books.balance", entity_id=entities[0]["id"]))


@routes.get("/of")
def of():
    """The books of the entity that was chosen from a list."""
    chosen = {name: request.args[name] for name in ("first_day", "last_day") if request.args.get(name)}
    return redirect(url_for("console.books.balance", entity_id=request.args["entity_id"], **chosen))


@routes.get("/of-gift/<donation_id>")
def of_gift(donation_id: str):
    """What a gift did in the books of the entity that received it."""
    gift = clients.giving().get(f"/donations/{segment(donation_id)}")
    campaign = clients.giving().get(f"/campaigns/{segment(gift['campaign']['id'])}")
    asked = {"reference": gift["id"], "first_day": FIRST.isoformat(), "last_day": LAST.isoformat()}
    return redirect(url_for("console.books.journal", entity_id=campaign["entity"]["id"], **asked))


@routes.get("/<entity_id>/")
def balance(entity_id: str):
    """The trial balance of a period."""
    told = around(entity_id)
    found = clients.giving().get(f"/entities/{segment(entity_id)}/trial-balance", **told.period)
    return render_template("console/books.html", told=told, lines=found["items"], sums=_sums(found["items"]))


@routes.get("/<entity_id>/journal")
def journal(entity_id: str):
    """Every transaction of a period that the filters fit."""
    told = around(entity_id)
    names = ("account", "kind", "campaign_id", "reference")
    chosen = {name: request.args[name].strip() for name in names if request.args.get(name, "").strip()}
    found = clients.giving().get(
        f"/entities/{segment(entity_id)}/journal",
        **told.period,
        **chosen,
        after=request.args.get("after"),
        limit=50,
    )
    chart = clients.giving().get(f"/entities/{segment(entity_id)}/accounts")["items"]
    campaigns = tried(clients.giving().get, "/campaigns", limit=100) or {"items": []}
    return render_template(
        "console/journal.html",
        told=told,
        found=found,
        chosen=chosen,
        chart={each["number"]: each["label"] for each in chart},
        campaigns=campaigns["items"],
        kinds=kinds(),
    )


@routes.get("/<entity_id>/accounts/<number>")
def statement(entity_id: str, number: str):
    """The entries of one account, with the balance after each."""
    told = around(entity_id)
    found = clients.giving().get(
        f"/entities/{segment(entity_id)}/accounts/{segment(number)}/statement",
        **told.period,
        after=request.args.get("after"),
        limit=100,
    )
    return render_template("console/statement.html", told=told, found=found, kinds=kinds())


@routes.get("/<entity_id>/files/<what>")
def export(entity_id: str, what: str):
    """A file of the books, handed on while giving sends it; asked from our own pages only, or typed."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        abort(403, description="forged")
    if what not in FILES:
        abort(404)
    told = around(entity_id)
    wish = {"last_day": told.period["last_day"]} if what == "fec" else told.period | {"locale": language()}
    path = f"/entities/{segment(entity_id)}/{FILES[what]}"
    try:
        answer = clients.giving().stream(path, wish, timeout_s=EXPORT_S)
    except Problem as problem:
        if problem.code not in refusals():
            raise
        where = {"entity_id": entity_id, **told.period}
        return then(refusals()[problem.code], "console.books.balance", kind="bad", **where)
    file = Response(answer.iter_bytes(), content_type=answer.headers["content-type"])
    file.headers["Content-Disposition"] = answer.headers["content-disposition"]
    file.call_on_close(answer.close)
    return file


def refusals() -> dict[str, str]:
    """Why a file is not made."""
    return {
        "entity_without_siren": _("Enter the SIREN of the entity with its chart of accounts first."),
        "no_year_ends_then": _("The FEC is of a whole fiscal year: choose the last day of one."),
        "not_in_euros": _("The FEC is in euros, and gifts of this year were in another currency."),
    }


def around(entity_id: str) -> Around:
    """The entity, its books, and the days that the address asks for; those of its year otherwise."""
    entities = clients.giving().get("/entities", limit=100)["items"]
    books = clients.giving().get(f"/entities/{segment(entity_id)}/books")
    year = {"first_day": books["year_first_day"], "last_day": books["year_last_day"]}
    asked = {name: request.args.get(name, "").strip() or day for name, day in year.items()}
    wrong = "" if _is_period(**asked) else _("These days are no period: the year of today is shown.")
    entity = {"id": books["entity_id"], "name": books["name"]}
    return Around(entity, entities, books, year if wrong else asked, wrong)


def _is_period(first_day: str, last_day: str) -> bool:
    try:
        first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    except ValueError:
        return False
    return FIRST <= first <= last <= LAST


def _sums(lines: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """What the columns come to, by currency."""
    sums: dict[str, dict[str, int]] = {}
    for each in lines:
        line = sums.setdefault(each["currency"], {"debits_minor": 0, "credits_minor": 0})
        for name in line:
            line[name] += each[name]
    return sums


def kinds() -> dict[str, str]:
    """What each kind of transaction is."""
    return {
        "gift": _("Gift received"),
        "fee": _("Provider’s fee"),
        "refund": _("Gift refunded"),
        "refund_returned": _("Refund sent back"),
        "dispute": _("Gift disputed"),
        "dispute_won": _("Dispute won"),
        "surplus": _("Paid twice"),
        "surplus_refund": _("Second payment refunded"),
        "payout": _("Payout to the bank"),
        "payout_returned": _("Payout sent back by the bank"),
        "unexplained": _("Unexplained movement"),
        "correction": _("Reversing entry"),
    }
