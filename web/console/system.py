"""System: whether everything flows, and what stands aside until someone decides."""

from flask import Blueprint, abort, render_template, request
from flask_babel import gettext as _

from web import clients, session
from web.clients import Problem, Service, segment
from web.console.shell import then, tried

routes = Blueprint("system", __name__, url_prefix="/system")


@routes.get("/")
def show():
    """Each service: its outbox, its worker, how far behind it hears, its dead letters."""
    session.require_right("system.read")
    return render_template("console/system.html", parts=_parts())


@routes.get("/state")
def state():
    """The moving part alone."""
    session.require_right("system.read")
    return render_template("console/system_state.html", parts=_parts())


@routes.get("/<name>/letters/<letter_id>")
def letter(name: str, letter_id: str):
    """One dead letter: what it said, why it was not handled, what waits behind it."""
    found = _service(name).get(f"/dead-letters/{segment(letter_id)}")
    return render_template("console/letter.html", service=name, letter=found, errors={})


@routes.post("/<name>/letters/<letter_id>/replay")
def replay(name: str, letter_id: str):
    """Handle it again, and what waits behind it, in order."""
    try:
        letter = _service(name).post(
            f"/dead-letters/{segment(letter_id)}/replays", {}, key=request.form["key"], timeout_s=30
        )
        said = _("It is being handled; look again in a moment.")
        if letter["replayed_at"]:
            said = _("Handled. What waited behind it followed, in order.")
        return then(said, "console.system.show")
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        return then(
            _("It still cannot be handled: %(why)s", why=problem.detail),
            "console.system.letter",
            name=name,
            letter_id=letter_id,
            kind="bad",
        )


@routes.post("/<name>/letters/<letter_id>/discard")
def discard(name: str, letter_id: str):
    """Give it up, with the reason; what waits behind it goes on."""
    reason = request.form.get("reason", "").strip()
    try:
        _service(name).post(
            f"/dead-letters/{segment(letter_id)}/discards", {"reason": reason}, key=request.form["key"]
        )
    except Problem as problem:
        if problem.status != 422:
            raise
        found = _service(name).get(f"/dead-letters/{segment(letter_id)}")
        errors = problem.fields or {"reason": problem.detail}
        return render_template("console/letter.html", service=name, letter=found, errors=errors), 422
    return then(_("Discarded. What waited behind it goes on."), "console.system.show")


def _parts() -> list[dict]:
    return [
        {
            "name": name,
            "state": tried(service.get, "/system"),
            "letters": (tried(service.get, "/dead-letters", limit=20) or {"items": []})["items"],
        }
        for name, service in clients.services().items()
    ]


def _service(name: str) -> Service:
    session.require_right("system.read")
    if name not in clients.services():
        abort(404)
    return clients.services()[name]
