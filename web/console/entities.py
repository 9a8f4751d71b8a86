"""An entity's money: which refunds one person may make alone, and whether donors may pay by debit."""

from typing import Any

from flask import Blueprint, abort, render_template, request
from flask_babel import gettext as _

from web import clients, session
from web.clients import Problem, segment
from web.console.shell import then
from web.ui.forms import Filled, euros, minor_units

routes = Blueprint("entities", __name__, url_prefix="/entities")


@routes.get("/<entity_id>")
def edit(entity_id: str):
    """How it stands."""
    entity = _found(entity_id)
    limit = entity["refund_alone_minor"]
    typed = {
        "refund_alone": "" if limit is None else euros(limit),
        "creditor_id": entity["creditor_id"] or "",
    }
    return _page(entity, Filled(typed))


@routes.post("/<entity_id>")
def change(entity_id: str):
    """Save it; it holds from the next refund and the next payment page on."""
    if not session.visitor().may("giving.manage"):
        abort(403)
    form = Filled(request.form)
    limit = minor_units(form.value("refund_alone")) if form.value("refund_alone") else None
    if form.value("refund_alone") and limit is None:
        form.refuse("refund_alone", _("Write an amount, such as 50 or 50.20."))
        return _page(_found(entity_id), form), 422
    wish = {"refund_alone_minor": limit, "creditor_id": form.value("creditor_id") or None}
    try:
        clients.giving().patch(f"/entities/{segment(entity_id)}", wish)
    except Problem as problem:
        if problem.status != 422:
            raise
        wrong = _("Its check digits are wrong. Compare it with the letter of the bank, please.")
        form.refuse("creditor_id", wrong)
        return _page(_found(entity_id), form), 422
    return then(_("Saved."), "console.entities.edit", entity_id=entity_id)


def _found(entity_id: str) -> dict[str, Any]:
    known = clients.giving().get("/entities?limit=100")["items"]
    return next((each for each in known if each["id"] == entity_id), None) or abort(404)


def _page(entity: dict[str, Any], form: Filled) -> str:
    return render_template("console/entity.html", entity=entity, form=form)
