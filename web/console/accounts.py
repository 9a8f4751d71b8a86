"""The account of a person: closed at once when something is wrong, and opened again."""

from flask import Blueprint
from flask_babel import gettext as _

from web import clients
from web.clients import Problem
from web.console.shell import then

routes = Blueprint("accounts", __name__, url_prefix="/people/<person_id>/account")


@routes.post("/close")
def close(person_id: str):
    """End every session of it; nobody signs in to it any more."""
    return _act(
        person_id,
        "disablings",
        _("The account is closed: signed out everywhere, no sign-in from now on."),
    )


@routes.post("/reopen")
def reopen(person_id: str):
    """Let its owner sign in again."""
    return _act(person_id, "reopenings", _("The account is open again, without any staff right."))


def _act(person_id: str, act: str, done: str):
    said, kind = done, "good"
    try:
        for account in clients.directory().get("/accounts", person_id=person_id)["items"]:
            clients.directory().post(f"/accounts/{account['id']}/{act}")
    except Problem as problem:
        why = {
            "own_rights_kept": _("Nobody closes or opens their own account: ask a colleague."),
            "rights_beyond_own": _("This account has rights that you do not have: ask who has them."),
        }
        if problem.code not in why:
            raise
        said, kind = why[problem.code], "bad"
    return then(said, "console.people.show", person_id=person_id, kind=kind)
