"""Reconciliation: where the provider's word and our books differ, and what to do for each."""

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.shell import then, tried

routes = Blueprint("reconciliation", __name__, url_prefix="/reconciliation")


@routes.get("/")
def listed():
    """What was found and is not settled yet, newest first; and what the last comparisons did."""
    found = clients.giving().get("/findings", after=request.args.get("after"), limit=50)
    runs = tried(clients.giving().get, "/reconciliations", limit=8) or {"items": []}
    told = {"kinds": kinds(), "runs": runs["items"], "accounts": accounts()}
    return render_template("console/findings.html", found=found, **told)


@routes.post("/run")
def run():
    """Compare with the provider now instead of at the next hour."""
    clients.giving().post("/reconciliations", {}, key=request.form["key"], timeout_s=60)
    return then(_("Compared with the payment provider."), "console.reconciliation.listed")


@routes.post("/<finding_id>/resolve")
def resolve(finding_id: str):
    """Somebody looked at it: it no longer waits."""
    note = request.form.get("note", "").strip()
    try:
        clients.giving().post(f"/findings/{segment(finding_id)}/resolutions", {"note": note})
    except Problem as problem:
        if problem.status != 422:
            raise
        said = _("Say in a few words what became of it.")
        return then(said, "console.reconciliation.listed", kind="bad")
    return then(_("Closed, with your note."), "console.reconciliation.listed")


def accounts() -> dict[str, str]:
    """The accounts at the provider, by the kind of entity that each receives for."""
    return {"foundation": _("Foundation"), "association": _("Association")}


def kinds() -> dict[str, tuple[str, str]]:
    """Each kind of difference: what it is, and what to do."""
    ask = _("Ask the person who runs the system.")
    compare = _(
        "Compare both on the gift’s page. Nothing was written in the books; "
        "refund at the provider if it is an error."
    )
    by_hand = _("Was it made by hand at the provider, or by another tool on the same account?")
    return {
        "payment_differs": (_("The provider was paid another amount or currency than the gift"), compare),
        "paid_twice": (
            _("One gift was paid twice"),
            _("The second payment is held for the donor: give it back from the page of refunds."),
        ),
        "refund_differs": (
            _("A refund at the provider differs from ours"),
            _("Look at the refund at the provider; ours was not changed."),
        ),
        "refund_came_back": (
            _("A refund came back: the donor’s bank refused it"),
            _("The money is ours again. Ask the donor for another way to pay them back."),
        ),
        "dispute_differs": (
            _("A bank took more of a gift than was left of it"),
            _("Look at the dispute at the provider; what it took too much is not in the books."),
        ),
        "event_unmatched": (_("The provider tells of a payment that we do not know"), by_hand),
        "event_unreadable": (_("The provider told something that we could not read"), ask),
        "charge_differs": (_("A payment at the provider differs from our books"), compare),
        "charge_unknown": (_("The provider holds a payment that we do not know"), by_hand),
        "refund_unknown": (_("The provider gave money back without us"), by_hand),
        "movement_unexplained": (_("A movement at the provider has no reason that we know"), by_hand),
        "balance_differs": (
            _("What the provider holds differs from our books"),
            _(
                "Look at the other differences first. "
                "When none explains it, ask the person who runs the system."
            ),
        ),
        "settlement_unmoved": (_("The provider has no movement for a gift of ours"), ask),
    }
