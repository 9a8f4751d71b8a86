"""One registration: who comes, its path through the services with its emails, and taking its seats back."""

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _

from shared import telemetry
from web import clients, session
from web.clients import segment
from web.console import paths
from web.console.shell import then
from web.ui.forms import key_of

routes = Blueprint("registrations", __name__, url_prefix="/registrations")


@routes.get("/<registration_id>")
def show(registration_id: str):
    """One registration, with what happened because of it."""
    registration = _found(registration_id)
    return render_template("console/registration.html", registration=registration, **_told(registration_id))


@routes.get("/<registration_id>/path")
def path(registration_id: str):
    """The path and the emails, for a page that waits for the next step: neither lags behind."""
    return render_template("console/registration_now.html", **_told(registration_id))


@routes.get("/<registration_id>/cancel")
def ask_cancel(registration_id: str):
    """What taking the seats back will do, before it is done."""
    _only_who_manages()
    registration = _found(registration_id)
    if registration["status"] == "cancelled":
        return redirect(url_for(".show", registration_id=registration_id), code=303)
    return render_template("console/registration_cancel.html", registration=registration)


@routes.post("/<registration_id>/cancel")
def cancel(registration_id: str):
    """Take the seats back; the registrant is told."""
    _only_who_manages()
    where = f"/registrations/{segment(registration_id)}/cancellations"
    clients.events().post(where, key=key_of(request.form["key"], {}))
    telemetry.concerns(registration_id)
    said = _("The registration is cancelled: its seats are free, and its registrant is told by email.")
    return then(said, "console.events.registrations.show", registration_id=registration_id)


def _only_who_manages() -> None:
    if not session.visitor().may("events.manage"):
        abort(403)


def _found(registration_id: str) -> dict[str, Any]:
    found = clients.events().get(f"/registrations/{segment(registration_id)}")
    telemetry.concerns(found["id"])
    return found


def _told(registration_id: str) -> dict[str, Any]:
    return {"path": paths.of(registration_id), "emails": paths.emails(registration_id)}
