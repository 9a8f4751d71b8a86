"""Gifts: the list with its search, and one gift with its path through the services."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from shared import telemetry
from web import clients
from web.clients import segment
from web.console import paths
from web.console.shell import tried
from web.console.times import span
from web.languages import language

routes = Blueprint("gifts", __name__, url_prefix="/gifts")

ASKED = ("received", "awaiting", "refunded", "disputed", "unpaid", "any")
SORTS = ("newest", "oldest", "largest", "smallest")
FILTERS = ("q", "campaign_id", "standing", "party_id")


@routes.get("/")
def listed():
    """Gifts, filtered and ordered by what stands in the address, with their count and sum."""
    chosen, sort = _chosen(), _known("sort", SORTS)
    giving = clients.giving()
    found = giving.get("/donations", **chosen, sort=sort, after=request.args.get("after"), limit=50)
    campaigns = tried(giving.get, "/campaigns", limit=100) or {"items": []}
    return render_template(
        "console/gifts.html",
        found=found,
        totals=(tried(giving.get, "/donation-totals", **chosen) or {"items": []})["items"],
        chosen=chosen,
        sort=sort or "newest",
        campaigns=campaigns["items"],
    )


@routes.get("/export.csv")
def export():
    """What is filtered, as a file for a spreadsheet; giving asks for the right, and notes the export.

    A link of another site must not make staff export: it is asked from our own pages, or typed.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        abort(403, description="forged")
    wish = _chosen() | {"locale": language()}
    answer = clients.giving().raw("POST", "/donation-exports", json=wish, timeout_s=60)
    clients.giving().check(answer)
    file = Response(answer.content, content_type="text/csv; charset=utf-8")
    file.headers["Content-Disposition"] = 'attachment; filename="amicale-dons.csv"'
    return file


@routes.get("/<donation_id>")
def show(donation_id: str):
    """One gift: its path, its money, its donor, its emails and what else the donor gave."""
    gift = clients.giving().get(f"/donations/{segment(donation_id)}")
    telemetry.concerns(gift["id"])
    told = {"path": _path(donation_id), "emails": paths.emails(donation_id), "others": _others(gift)}
    return render_template("console/gift.html", gift=gift, **told)


def _others(gift: dict) -> list:
    """What else the same donor gave, the latest five."""
    party = tried(clients.giving().get, "/donations", party_id=gift["donor"]["party_id"], limit=6)
    return [each for each in party["items"] if each["id"] != gift["id"]][:5] if party else []


@routes.get("/<donation_id>/path")
def path(donation_id: str):
    """The path and the emails, for a page that waits for the next step: neither lags behind."""
    return render_template("console/gift_now.html", path=_path(donation_id), emails=paths.emails(donation_id))


def _path(donation_id: str) -> dict[str, Any]:
    """The path of a gift, with how long its thanks took."""
    told = paths.of(donation_id)
    thanked = _from_payment(told["steps"])
    return told | {"thanked_in": span(thanked) if thanked else None}


def _from_payment(steps: list[dict]) -> timedelta | None:
    """From the bank's confirmation to the first email that left after it; None before.

    A refusal may have come before: the confirmation is the last word of the provider before the gift counts.
    """
    times = [(step["kind"], datetime.fromisoformat(step["at"])) for step in steps]
    settled = next((at for kind, at in times if kind == "settled"), None)
    if settled is None:
        return None
    paid = max((at for kind, at in times if kind == "provider_event" and at <= settled), default=settled)
    return next((at - paid for kind, at in times if kind == "email_sent" and at >= settled), None)


def _chosen() -> dict[str, str]:
    chosen = {name: request.args[name].strip() for name in FILTERS if request.args.get(name, "").strip()}
    return {k: v for k, v in chosen.items() if k != "standing" or v in ASKED}


def _known(name: str, values: tuple[str, ...]) -> str | None:
    """What the address says, when it is one of `values`."""
    return request.args.get(name) if request.args.get(name) in values else None
