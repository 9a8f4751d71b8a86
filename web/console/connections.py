"""Connections: the school's other tools that hear of gifts, registrations and who made them, by webhook or as
a CiviCRM."""

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from web import clients
from web.clients import Problem, segment
from web.console.shell import then, tried
from web.ui.forms import Filled, key_of

routes = Blueprint("connections", __name__, url_prefix="/connections")

ASKED_WITHIN_S = 15
"""A CRM is asked what it has for ten seconds at most, before it is taken."""
ANSWERS = {409, 422, 429}
"""Statuses of what can be said in a sentence."""
WATCHED_MOST = 20
"""So many connections are shown with their last answer and what waits."""


@routes.get("/")
def listed():
    """Every subscription, and the forms of a new one."""
    return _list()


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
        return _list(form=form), problem.status
    return _list(fresh=made)


@routes.post("/civicrm")
def connect_crm():
    """Connect a CiviCRM, which is asked first whether it takes the key and has what is needed."""
    form = Filled(request.form)
    wish = {"connector": "civicrm", "url": form.value("crm_url"), "api_key": form.value("crm_key")}
    key = key_of(form.value("key"), wish)
    try:
        made = clients.notify().post("/subscriptions", wish, key=key, timeout_s=ASKED_WITHIN_S)
    except Problem as problem:
        if problem.status not in ANSWERS:
            raise
        form.refuse(*_crm_refusal(problem))
        return _list(crm=form), problem.status
    said = _(
        "Connected: the CRM takes the key and has what is needed. It hears of each change from now on; to "
        "bring what is there already, compare under CRM, then repair."
    )
    return then(said, "console.connections.show", subscription_id=made["id"])


@routes.get("/<subscription_id>")
def show(subscription_id: str):
    """One connection and what was delivered to it."""
    deliveries = clients.notify().get(
        "/deliveries", subscription_id=subscription_id, after=request.args.get("after"), limit=50
    )
    subscription = clients.notify().get(f"/subscriptions/{segment(subscription_id)}")
    return render_template(
        "console/connection.html",
        subscription=subscription,
        deliveries=deliveries,
        seen=_seen(subscription),
        causes=_causes(),
    )


@routes.post("/<subscription_id>/check")
def check(subscription_id: str):
    """Ask a CiviCRM again whether it takes the key and has what is needed."""
    back: dict[str, Any] = {"endpoint": "console.connections.show", "subscription_id": subscription_id}
    try:
        clients.notify().post(
            f"/subscriptions/{segment(subscription_id)}/preparations", timeout_s=ASKED_WITHIN_S
        )
    except Problem as problem:
        if problem.status not in ANSWERS:
            raise
        return then(_crm_refusal(problem)[1], kind="bad", **back)
    return then(_("Checked: the CRM answers, takes the key and has what is needed."), **back)


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
def remove(subscription_id: str) -> Response:
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
        "debit.announced": _("A debit was announced"),
        "donation.refund_returned": _("A refund came back"),
        "donation.disputed": _("A gift was disputed by the donor’s bank"),
        "donation.failed": _("A gift was not completed"),
        "donor.attached": _("A guest’s gifts joined their record"),
        "registration.confirmed": _("A registration was confirmed"),
        "registration.rescheduled": _("An event changed its time or place"),
        "registration.cancelled": _("A registration was cancelled"),
        "crm.repair": _("A comparison was repaired"),
        "crm.conflict_decided": _("A difference with the CRM was decided here"),
    }


def _refusal(problem: Problem) -> str:
    known = {
        "address_needs_tls": _("What is sent there is personal: the address must start with https://."),
        "address_refused": _("This address cannot be reached from the internet. Ask for a public one."),
    }
    return known.get(problem.code) or _("This is not the address of a tool.")


def _crm_refusal(problem: Problem) -> tuple[str, str]:
    """The field to look at again, and why a CRM was not taken: what to do there."""
    if "api_key" in problem.fields:
        return "crm_key", _(
            "This is not an API key: it has at least 8 letters without accents, digits and signs, and no "
            "space."
        )
    known = {
        "crm_being_checked": (
            "crm_url",
            _("A CRM is being checked at this moment. Try again in some seconds."),
        ),
        "too_many": ("crm_url", _("You have asked often in a short time. Try again in ten minutes.")),
        "crm_already_connected": (
            "crm_url",
            _(
                "This CRM is connected already: it is in the list above. To give it another key, remove that "
                "connection first."
            ),
        ),
        "crm_not_reached": (
            "crm_url",
            _(
                "No CiviCRM answers there within ten seconds. Type what stands before /civicrm in the "
                "address of its pages, and ask who runs it whether the extension AuthX is on and takes API "
                "keys by header."
            ),
        ),
        "crm_key_refused": (
            "crm_key",
            _(
                "The CRM does not take this key, or its user may not see contacts, contributions and "
                "events. Give the user of this key the permissions of the guide, or make a new key, and "
                "try again."
            ),
        ),
        "crm_financial_type_missing": (
            "crm_url",
            _(
                "This CRM has no active financial type named Donation. Add it there, under CiviContribute, "
                "Financial Types, and try again."
            ),
        ),
        "crm_status_missing": (
            "crm_url",
            _(
                "This CRM lacks the contribution status Completed or Refunded. Switch it on there, in the "
                "option group of contribution statuses, and try again."
            ),
        ),
        "crm_event_type_missing": (
            "crm_url",
            _(
                "This CRM has no event type named Meeting. Add it there, under CiviEvent, Event Types, and "
                "try again."
            ),
        ),
        "crm_custom_field_missing": (
            "crm_url",
            _(
                "This CRM lacks the fields by which events and registrations are recognised: "
                "Amicale_event.event_id, Amicale_registration.registration_id. Add them as the guide of "
                "CiviCRM says, and try again."
            ),
        ),
    }
    return known.get(problem.code) or ("crm_url", _refusal(problem))


def host(url: str) -> str:
    """The name of the machine behind an address, which people recognise."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def kind(connector: str) -> str:
    """What a connection is, in the words of the office."""
    return {"civicrm": "CiviCRM"}.get(connector) or _("Webhook")


def _list(*, form: Filled | None = None, crm: Filled | None = None, fresh: dict | None = None) -> str:
    found = clients.notify().get("/subscriptions", limit=100)
    return render_template(
        "console/connections.html",
        found=found,
        fresh=fresh,
        form=form or Filled(),
        crm=crm or Filled(),
        seen={each["id"]: _seen(each) for each in found["items"][:WATCHED_MOST]},
    )


def _seen(subscription: dict[str, Any]) -> dict[str, Any]:
    """The last delivery that was answered or tried in vain, and how many wait; a count ends at 100."""
    whose = {"subscription_id": subscription["id"]}
    latest = tried(clients.notify().get, "/deliveries", **whose, limit=50) or {"items": []}
    queued = tried(clients.notify().get, "/deliveries", **whose, status="queued", limit=100) or {"items": []}
    attempted = (each for each in latest["items"] if each["attempts"] and each["status"] != "covered")
    last = next(attempted, None)
    if last is None and queued["items"]:
        found = tried(clients.notify().get, "/deliveries", **whose, status="delivered", limit=1)
        last = next(iter(found["items"] if found else ()), None)
    return {"last": last, "waits": len(queued["items"])}
