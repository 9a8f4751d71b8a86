"""Conflicts: what somebody changed in the CRM by hand, and whose value stands."""

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from web import clients
from web.clients import Problem, segment
from web.console import comparisons, crm
from web.console.connections import host
from web.console.shell import then, tried

routes = Blueprint("conflicts", __name__, url_prefix="/crm")

SHOWN, DECIDED_SHOWN = 25, 10


@routes.get("/")
def listed():
    """What waits for a decision, newest first, and what was decided lately."""
    ask = clients.notify().get
    found = ask("/conflicts", after=request.args.get("after"), limit=SHOWN)
    decided = tried(ask, "/conflicts", open="false", limit=DECIDED_SHOWN) or {"items": []}
    tools = tried(ask, "/subscriptions", limit=100) or {"items": []}
    crms = {each["id"]: host(each["url"]) for each in tools["items"] if each["connector"] == "civicrm"}
    return render_template(
        "console/conflicts.html",
        found=found,
        decided=decided["items"],
        crms=crms,
        comparisons=comparisons.latest() if crms else [],
        result_of=comparisons.result,
        people=crm.people([*found["items"], *decided["items"]]),
        name_of=crm.field_name,
        value_of=crm.field_value,
    )


@routes.post("/<conflict_id>/keep")
def keep(conflict_id: str):
    """Decide whose value stands."""
    ours = request.form.get("keep") == "ours"
    said = (
        _("Ours is on its way into the CRM: it stands there within seconds.")
        if ours
        else _("Theirs stays in the CRM until ours changes. You may undo this below.")
    )
    return _decided("POST", conflict_id, said, json={"keep": "ours" if ours else "theirs"})


@routes.post("/<conflict_id>/undo")
def undo(conflict_id: str):
    """Open again what was left as it is over there."""
    return _decided("DELETE", conflict_id, _("Undone: it waits for a decision again."))


def _decided(method: str, conflict_id: str, said: str, **how: Any) -> Response:
    """Back to the desk, which says what became of it: a colleague or the CRM may have been faster."""
    try:
        clients.notify().call(method, f"/conflicts/{segment(conflict_id)}/decisions", **how)
    except Problem as problem:
        if problem.status not in {404, 409}:
            raise
        again = problem.code == "conflict_again"
        said = (
            _("The same field was changed in the CRM once more: decide that one.")
            if again
            else _("This was decided meanwhile, or is the same on both sides again: nothing was done.")
        )
        return then(said, "console.conflicts.listed", kind="bad")
    return then(said, "console.conflicts.listed")


routes.register_blueprint(comparisons.routes)
