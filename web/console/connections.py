"""Connections: the outside addresses that are told, signed, what changes about a person or a gift."""

from urllib.parse import urlsplit

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.shell import then
from web.ui.forms import Filled, key_of

routes = Blueprint("connections", __name__, url_prefix="/connections")


@routes.get("/")
def listed():
    """Every subscription, and the form of a new one."""
    return _list(Filled())


@routes.post("/")
def create():
    """Add an address; its secret is shown this once."""
    form = Filled(request.form)
    wish = {"url": form.value("url")}
    try:
        made = clients.notify().post("/subscriptions", wish, key=key_of(form.value("key"), wish))
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        form.refuse("url", _refusal(problem))
        return _list(form), problem.status
    return _list(Filled(), fresh=made)


@routes.get("/<subscription_id>")
def show(subscription_id: str):
    """One connection and what was delivered to it."""
    deliveries = clients.notify().get(
        "/deliveries", subscription_id=subscription_id, after=request.args.get("after"), limit=50
    )
    subscription = clients.notify().get(f"/subscriptions/{segment(subscription_id)}")
    return render_template(
        "console/connection.html", subscription=subscription, deliveries=deliveries, causes=_causes()
    )


@routes.post("/<subscription_id>/active")
def switch(subscription_id: str):
    """Pause it, or let it go on from where it stopped."""
    active = request.form.get("active") == "1"
    clients.notify().patch(f"/subscriptions/{segment(subscription_id)}", {"active": active})
    return then(
        _("Deliveries go on.") if active else _("Paused. Nothing is lost: deliveries wait."),
        "console.connections.show",
        subscription_id=subscription_id,
    )


@routes.post("/<subscription_id>/remove")
def remove(subscription_id: str):
    """Stop telling this address anything, for good."""
    clients.notify().delete(f"/subscriptions/{segment(subscription_id)}")
    return then(_("The connection is removed."), "console.connections.listed")


@routes.post("/deliveries/<delivery_id>/retry")
def retry(delivery_id: str):
    """Try a failed delivery now."""
    clients.notify().post(f"/deliveries/{segment(delivery_id)}/retries", {}, key=request.form["key"])
    back = request.form.get("subscription_id", "")
    return then(_("Trying again now."), "console.connections.show", subscription_id=back)


def _causes() -> dict[str, str]:
    """What a tool was told, in the school's words, by the message that led to it."""
    return {
        "person.card": _("A person’s record changed"),
        "person.erased": _("A person was erased"),
        "account.opened": _("A person opened their account"),
        "donation.settled": _("A gift was received"),
        "donation.refunded": _("A gift was given back"),
        "donation.failed": _("A gift was not completed"),
        "donor.attached": _("A guest’s gifts joined their record"),
    }


def _refusal(problem: Problem) -> str:
    known = {
        "address_needs_tls": _("What is sent there is personal: the address must start with https://."),
        "address_refused": _("This address cannot be reached from the internet. Ask for a public one."),
    }
    return known.get(problem.code) or _("This is not the address of a tool.")


def host(url: str) -> str:
    """The name of the machine behind an address, which people recognise."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _list(form: Filled, *, fresh: dict | None = None) -> str:
    found = clients.notify().get("/subscriptions", limit=100)
    return render_template("console/connections.html", found=found, fresh=fresh, form=form)
