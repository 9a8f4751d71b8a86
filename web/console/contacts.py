"""A person's email addresses, as staff write them down, correct them and take them away."""

from flask import Blueprint, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console import people
from web.console.shell import then
from web.ui.forms import Filled

routes = Blueprint("contacts", __name__, url_prefix="/people/<person_id>/emails")


@routes.post("/")
def add(person_id: str):
    """A further address."""
    form = Filled(request.form)
    return _write(person_id, form, "POST", f"/people/{segment(person_id)}/emails", _("The address is added."))


@routes.post("/<email_id>")
def correct(person_id: str, email_id: str):
    """Another address in place of a wrong one."""
    form = Filled({**request.form, "email_id": email_id})
    path = f"/people/{segment(person_id)}/emails/{segment(email_id)}"
    return _write(person_id, form, "PATCH", path, _("The address is corrected."))


@routes.post("/<email_id>/remove")
def remove(person_id: str, email_id: str):
    """Take an address away."""
    said, kind = _("The address is removed."), "good"
    try:
        clients.directory().delete(f"/people/{segment(person_id)}/emails/{segment(email_id)}")
    except Problem as problem:
        if problem.status != 409:
            raise
        said, kind = _refusal(problem), "bad"
    return then(said, "console.people.show", person_id=person_id, kind=kind)


def _write(person_id: str, form: Filled, method: str, path: str, done: str):
    try:
        kept = clients.directory().call(method, path, json={"address": form.value("address")})
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        form.refuse("address", _refusal(problem))
        return people.page(person_id, address=form), problem.status
    said = f"{done} {_state(kept)}"
    return then(said, "console.people.show", person_id=person_id)


def _state(kept: dict) -> str:
    """What an address just written is worth, and whether somebody else has it."""
    if kept["verified_at"]:
        return _("It was confirmed by its owner.")
    if len(clients.directory().get("/people", q=kept["address"], limit=2)["items"]) > 1:
        return _("Somebody else has it too, so no sign-in link is sent to it.")
    return _("It counts as not confirmed until its owner opens a link sent to it.")


def _refusal(problem: Problem) -> str:
    known = {
        "email_held": _("This person already has this address."),
        "email_of_another": _("Somebody else has confirmed that this address is theirs: look them up first."),
        "email_signs_in": _("They sign in with this address, so it stays. Add the other one beside it."),
        "too_many_emails": _("A person has ten addresses at most. Remove one first."),
    }
    return known.get(problem.code) or _("This is not an email address.")
