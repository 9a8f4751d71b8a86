"""Conflicts: what somebody changed in the CRM by hand, and whose value stands."""

from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import format_decimal
from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from web import clients, session
from web.clients import Problem, segment
from web.console.connections import host
from web.console.shell import then, tried
from web.languages import language

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
        people=_people([*found["items"], *decided["items"]]),
        name_of=field_name,
        value_of=field_value,
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
    kind = "good"
    try:
        clients.notify().call(method, f"/conflicts/{segment(conflict_id)}/decisions", **how)
    except Problem as problem:
        if problem.status not in {404, 409}:
            raise
        said, kind = (
            _("This was decided meanwhile, or is the same on both sides again: nothing was done."),
            "bad",
        )
    return then(said, "console.conflicts.listed", kind=kind)


def _people(conflicts: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """By party, the name of those whom this person may read, and where their page is."""
    return {party: _person(party) for party in {each["party_id"] for each in conflicts}}


def _person(party_id: str) -> dict[str, str]:
    """A person of the directory, or a guest, who is known by their gifts; nothing for whom one may not read."""
    may = session.visitor().may
    found = tried(clients.directory().get, f"/people/{segment(party_id)}") if may("people.read") else None
    if found:
        return {"name": _name(found), "person_id": party_id}
    if may("giving.read"):
        gifts = tried(clients.giving().get, "/donations", party_id=party_id, limit=1)
        if gifts and gifts["items"]:
            gift = gifts["items"][0]
            return {"name": _name(gift["donor"]), "donation_id": gift["id"]}
    return {}


def _name(who: dict[str, Any]) -> str:
    return f"{who['given_name']} {who['family_name']}".strip() or _("Unnamed")


def field_name(name: str, entity: str) -> str:
    """A field of CiviCRM in the words of the office."""
    if entity == "participant":
        of_registration = {"status_id:name": _("Status of the registration"), "source": _("Event")}
        return of_registration.get(name, name)
    known = {
        "first_name": _("First name"),
        "last_name": _("Last name"),
        "email_primary.email": _("Email"),
        "preferred_language": _("Language"),
        "is_deceased": _("Deceased"),
        "total_amount": _("Amount of the gift"),
        "currency": _("Currency of the gift"),
        "contribution_status_id:name": _("Status of the gift"),
        "source": _("Campaign of the gift"),
    }
    return known.get(name, name)


def field_value(name: str, value: str) -> str:
    """A value as people write it; what is not known to us stays as the CRM wrote it."""
    if name == "total_amount":
        return _amount(value)
    if not value:
        return _("(empty)")
    known = {
        "preferred_language": {"fr_FR": _("French"), "en_US": _("English"), "en_GB": _("English")},
        "is_deceased": {"True": _("yes"), "False": _("no")},
        "contribution_status_id:name": {
            "Completed": _("received"),
            "Refunded": _("refunded"),
            "Cancelled": _("cancelled"),
            "Pending": _("pending"),
            "Failed": _("failed"),
        },
        "status_id:name": {
            "Registered": _("registered"),
            "Attended": _("came"),
            "No-show": _("did not come"),
            "Cancelled": _("cancelled"),
        },
    }
    return known.get(name, {}).get(value, value)


def _amount(value: str) -> str:
    try:
        return format_decimal(Decimal(value), format="#,##0.00", locale=language())
    except InvalidOperation:
        return value or _("(empty)")
