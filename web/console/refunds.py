"""Refunds: asking for one, the four eyes of a large one, and the desk of what somebody must look after."""

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from shared import telemetry
from web import clients
from web.clients import Problem, segment
from web.console.shell import then
from web.ui.forms import Filled, euros, key_of, minor_units
from web.ui.writing import exact_money

routes = Blueprint("refunds", __name__)

STANDINGS = {"unapproved": "waiting", "requested": "requested", "failed": "failed"}
"""The lists of refunds on the desk, by giving's word for each."""


@routes.get("/refunds/")
def desk():
    """What waits for a decision, was paid twice, is disputed, is under way, or failed; with what to do."""
    giving = clients.giving()
    found = {
        name: giving.get("/refunds", standing=standing, limit=100)["items"]
        for name, standing in STANDINGS.items()
    }
    found |= {each: giving.get(f"/{each}", limit=100)["items"] for each in ("surpluses", "disputes")}
    return render_template("console/refunds.html", **found)


@routes.get("/gifts/<donation_id>/refund")
def ask(donation_id: str):
    """What a refund will do, before it is done."""
    return _page(donation_id, Filled())


@routes.post("/gifts/<donation_id>/refund")
def give_back(donation_id: str):
    """Give the money back, or ask another person to agree."""
    form = Filled(request.form)
    wish = {"reason": form.value("reason"), "note": form.value("note")}
    if form.value("amount"):
        wish["amount_minor"] = minor_units(form.value("amount"))
        if wish["amount_minor"] is None:
            form.refuse("amount", _("Write an amount, such as 50 or 50.20."))
            return _page(donation_id, form), 422
    try:
        made = clients.giving().post(
            f"/donations/{segment(donation_id)}/refunds",
            wish,
            key=key_of(form.value("key"), wish),
            timeout_s=30,
        )
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        form.errors |= {FIELDS.get(name, name): text for name, text in problem.fields.items()}
        if problem.code == "refund_too_large":
            form.refuse("amount", refusal(problem))
        form.alert = "" if form.errors else refusal(problem)
        return _page(donation_id, form), problem.status
    telemetry.concerns(donation_id)
    return then(_told(made["status"]), "console.gifts.show", donation_id=donation_id)


FIELDS = {"amount_minor": "amount"}


def _page(donation_id: str, form: Filled) -> str:
    gift = clients.giving().get(f"/donations/{segment(donation_id)}")
    telemetry.concerns(gift["id"])
    on_its_way = sum(
        each["amount_minor"]
        for each in gift["refunds"]
        if each["status"] in {"waiting", "requested"} and not each["surplus_id"]
    )
    left = gift["amount_minor"] - gift["refunded_minor"] - gift["disputed_minor"] - on_its_way
    return render_template("console/refund.html", gift=gift, form=form, left=left, typed=euros(left))


def _told(status: str) -> str:
    if status == "waiting":
        return _("The refund waits for another person of the team, who must agree; nothing has left yet.")
    return _("The refund is on its way to the donor’s bank; the total and the books follow.")


@routes.post("/gifts/<donation_id>/refunds/<refund_id>/approve")
def approve(donation_id: str, refund_id: str):
    """Another person agrees: the money leaves."""
    said = _("You agreed. The refund is on its way to the donor’s bank; the total and the books follow.")
    return _decide(donation_id, refund_id, "approvals", None, said)


@routes.post("/gifts/<donation_id>/refunds/<refund_id>/reject")
def reject(donation_id: str, refund_id: str):
    """Say no to one that waits, or what became of one that failed."""
    note = {"note": request.form.get("note", "").strip()}
    said = _("Closed, with your note.")
    return _decide(donation_id, refund_id, "rejections", note, said)


def _decide(donation_id: str, refund_id: str, what: str, body: dict | None, said: str):
    place = f"/donations/{segment(donation_id)}/refunds/{segment(refund_id)}/{what}"
    return _after(lambda: clients.giving().post(place, body, timeout_s=30), said, donation_id)


@routes.post("/refunds/surpluses/<surplus_id>")
def give_surplus_back(surplus_id: str):
    """The second payment of a gift goes back; the gift stays."""
    place, key = f"/surpluses/{segment(surplus_id)}/refunds", request.form["key"]
    said = _("The second payment is on its way back to the donor; the gift stays as it is.")
    return _after(lambda: clients.giving().post(place, key=key, timeout_s=30), said, None)


def _after(act, said: str, donation_id: str | None):
    """To where one came from, which says what happened or why not."""
    kind = "good"
    try:
        act()
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        said, kind = refusal(problem), "bad"
    if donation_id and request.form.get("back") == "gift":
        return then(said, "console.gifts.show", kind=kind, donation_id=donation_id)
    return then(said, "console.refunds.desk", kind=kind)


def refusal(problem: Problem) -> str:
    """Why a refund cannot be, in the words of the office."""
    left = problem.body.get("left_minor")
    known = {
        "refund_too_large": _(
            "No more than %(left)s is left of this gift.", left=exact_money(left) if left is not None else ""
        ),
        "refund_under_way": _("All that is left of it is on its way back already."),
        "donation_not_settled": _("Nothing is left of this gift to give back."),
        "donation_under_dispute": _(
            "The donor’s bank has taken the money of this gift back; it cannot be refunded as well."
        ),
        "not_through_provider": _("This gift did not come through a payment account of ours."),
        "approved_by_asker": _("You asked for this refund: another person must agree to it."),
        "refund_not_waiting": _("Somebody decided on this refund already."),
        "provider_refused": _("The payment provider refuses this refund. Look at the payment there."),
        "validation_error": _("Say in a few words why."),
    }
    return known.get(problem.code) or (_("Say in a few words why.") if problem.fields else problem.detail)
