"""Comparisons: what the CRM holds against what ours says, each night or when asked; and the repair."""

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext

from web import clients
from web.clients import Problem, segment
from web.console import crm
from web.console.connections import host
from web.console.shell import then, tried
from web.ui.writing import number

routes = Blueprint("comparisons", __name__, url_prefix="/comparisons")

KINDS = ("missing", "differing", "extra", "doubled")


@routes.post("/")
def begin():
    """Compare now instead of tonight; one that already runs is gone to."""
    wish = {"subscription_id": request.form["subscription_id"]}
    begun = clients.notify().post("/crm-comparisons", wish)
    said = _("The comparison runs. You may leave this page; it goes on, and is found again under CRM.")
    return then(said, "console.conflicts.comparisons.show", comparison_id=begun["id"])


@routes.get("/<comparison_id>")
def show(comparison_id: str):
    """One comparison: how far it is, what differs by kind, and each difference."""
    done = clients.notify().get(f"/crm-comparisons/{segment(comparison_id)}")
    chosen = request.args.get("kind") if request.args.get("kind") in KINDS else None
    differences = None
    if done["status"] == "finished":
        differences = clients.notify().get(
            f"/crm-comparisons/{segment(comparison_id)}/differences",
            kind=chosen,
            after=request.args.get("after"),
            limit=25,
        )
    return render_template(
        "console/comparison.html",
        done=done,
        name=_name(done),
        chosen=chosen,
        differences=differences,
        people=crm.people(differences["items"] if differences else []),
        is_latest=_is_latest(done),
        **_words(),
    )


@routes.get("/<comparison_id>/progress")
def progress(comparison_id: str):
    """The moving part alone; the whole page once there is more to show."""
    done = clients.notify().get(f"/crm-comparisons/{segment(comparison_id)}")
    page = render_template("console/comparison_progress.html", done=done, **_words())
    if done["status"] == "running":
        return page
    return page, {"HX-Refresh": "true"}


@routes.post("/<comparison_id>/repair")
def repair(comparison_id: str):
    """Write ours again for everybody of whom something is missing or differs by our own doing."""
    where = {"endpoint": "console.conflicts.comparisons.show", "comparison_id": comparison_id}
    try:
        clients.notify().post(f"/crm-comparisons/{segment(comparison_id)}/repairs")
    except Problem as problem:
        if problem.status != 409:
            raise
        said = {
            "comparison_running": _("The comparison still runs: repair once it has finished."),
            "comparison_outdated": _("A later comparison has finished: repair from that one."),
        }.get(problem.code)
        return then(said or _("Nothing was repaired: the comparison changed meanwhile."), kind="bad", **where)
    said = _("The repair has begun: ours is written again, person by person. You may leave this page.")
    return then(said, **where)


def latest() -> list[dict[str, Any]]:
    """The last comparisons of all CRMs, the newest first."""
    found = tried(clients.notify().get, "/crm-comparisons", limit=8) or {"items": []}
    return list(found["items"])


def result(done: dict[str, Any]) -> str:
    """What a comparison found, in a line."""
    counts = {name: done[f"{name}_count"] for name in KINDS}
    if not any(counts.values()):
        return _("no difference")
    return " · ".join(kinds()[name][1](n) for name, n in counts.items() if n)


def kinds() -> dict[str, Any]:
    """Each kind of difference: its name, how many in words, and what it means."""
    return {
        "missing": (
            _("Missing there"),
            lambda n: ngettext("%(n)s missing", "%(n)s missing", n, n=number(n)),
            _("Ours has it, the CRM does not."),
        ),
        "differing": (
            _("Different there"),
            lambda n: ngettext("%(n)s different", "%(n)s different", n, n=number(n)),
            _("Both have it, and a field is not the same."),
        ),
        "extra": (
            _("Only there"),
            lambda n: ngettext("%(n)s only there", "%(n)s only there", n, n=number(n)),
            _("It bears a number of ours that is unknown here, or somebody’s who was erased or merged."),
        ),
        "doubled": (
            _("Twice there"),
            lambda n: ngettext("%(n)s twice there", "%(n)s twice there", n, n=number(n)),
            _("Two records over there bear the same number of ours."),
        ),
    }


def _words() -> dict[str, Any]:
    entities = {
        "contact": _("Person"),
        "contribution": _("Gift"),
        "participant": _("Registration"),
        "event": _("Event"),
    }
    return {
        "kinds": kinds(),
        "entities": entities,
        "name_of": crm.field_name,
        "value_of": crm.field_value,
    }


def _name(done: dict[str, Any]) -> str:
    tool = tried(clients.notify().get, f"/subscriptions/{segment(done['subscription_id'])}")
    return host(tool["url"]) if tool else ""


def _is_latest(done: dict[str, Any]) -> bool:
    """Whether no later one of the same CRM has finished: its differences are the ones that are kept."""
    later = tried(clients.notify().get, "/crm-comparisons", subscription_id=done["subscription_id"], limit=20)
    finished = [each["id"] for each in later["items"] if each["status"] == "finished"] if later else []
    return not finished or finished[0] == done["id"]
