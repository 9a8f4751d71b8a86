"""Campaigns: the list, the live dashboard of each, and the editor."""

import re
import unicodedata

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, ServiceDown, segment
from web.console import campaign_forms, charts, launches, schedules, widgets
from web.console.shell import then, tried
from web.ui import pictures
from web.ui.forms import Filled, key_of
from web.ui.periods import begins_later
from web.ui.writing import today

routes = Blueprint("campaigns", __name__, url_prefix="/campaigns")

TITLE_READ = 200
"""Letters of a title that its page's address is made from, which keeps forty-eight of them."""


@routes.get("/")
def listed():
    """Every campaign, the live ones first."""
    found = clients.giving().get("/campaigns", limit=100)["items"]
    order = {"live": 0, "draft": 1, "closed": 2}
    found.sort(key=lambda each: (order[each["status"]], -_as_number(each["ends_on"] or each["starts_on"])))
    return render_template("console/campaigns.html", campaigns=found)


@routes.get("/<campaign_id>")
def show(campaign_id: str):
    """How one campaign stands now; the numbers move by themselves."""
    return render_template("console/campaign.html", **_dashboard(campaign_id))


@routes.get("/<campaign_id>/numbers")
def numbers(campaign_id: str):
    """The moving part of the dashboard alone."""
    return render_template("console/campaign_numbers.html", **_dashboard(campaign_id))


@routes.get("/new")
def new():
    """An empty editor."""
    return _editor(Filled())


@routes.post("/new")
def create():
    """Save a draft; nothing is public before it is launched."""
    form = Filled(request.form)
    wish = campaign_forms.read(form) | {"slug": address_from(form.value("title_fr"))}
    if not form.is_good:
        return _editor(form), 422
    try:
        made = clients.giving().post("/campaigns", wish, key=key_of(form.value("key"), wish))
    except (Problem, ServiceDown) as error:
        return _refused(error, form)
    said = _("The draft is saved. Nobody sees it before you launch it.")
    return then(said, "console.campaigns.show", campaign_id=made["id"])


@routes.get("/<campaign_id>/edit")
def edit(campaign_id: str):
    """The editor of a campaign."""
    campaign = clients.giving().get(f"/campaigns/{segment(campaign_id)}")
    return _editor(Filled(campaign_forms.as_typed(campaign)), campaign_id)


@routes.post("/<campaign_id>/edit")
def change(campaign_id: str):
    """Save the changes; a live page shows them at once."""
    form = Filled(request.form)
    wish = campaign_forms.read(form)
    if not form.is_good:
        return _editor(form, campaign_id), 422
    try:
        clients.giving().patch(f"/campaigns/{segment(campaign_id)}", wish)
    except (Problem, ServiceDown) as error:
        return _refused(error, form, campaign_id)
    return then(_("Saved."), "console.campaigns.show", campaign_id=campaign_id)


def _dashboard(campaign_id: str) -> dict:
    told = clients.giving().get(f"/campaigns/{segment(campaign_id)}/dashboard")
    return {
        "campaign": told["campaign"],
        "told": told,
        "begins_later": begins_later(told["campaign"]),
        "widgets": widgets.snippets(told["campaign"]),
        "may_reopen": launches.may_reopen(told["campaign"]),
        "curve": charts.cumulative(told["curve"], told["campaign"]),
        "classes": sorted(told["participation"], key=_rate, reverse=True)[:7],
    }


def _rate(each: dict) -> float:
    return each["donors"] / each["reachable"] if each["reachable"] else 0.0


def _editor(form: Filled, campaign_id: str = "") -> str:
    funds = tried(clients.giving().get, "/funds") or {"items": []}
    return render_template(
        "console/campaign_edit.html",
        form=campaign_forms.in_order(form),
        campaign_id=campaign_id,
        funds=funds["items"],
        pictures=pictures.described(),
        zones=schedules.zones(form.value("time_zone")),
    )


def address_from(title: str, *, otherwise: str = "campagne", month: str = "") -> str:
    """The address of a page from its French title; the month (else this one) tells yearly ones apart."""
    plain = unicodedata.normalize("NFKD", title[:TITLE_READ]).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    return f"{words or otherwise}-{month or f'{today():%Y-%m}'}"


def _refused(error: Problem | ServiceDown, form: Filled, campaign_id: str = ""):
    """The editor again, with all that was typed, and what is wrong beside each field."""
    if isinstance(error, ServiceDown):
        form.alert = _("Nothing was saved: gifts do not answer. What you typed is still here; save again.")
        return _editor(form, campaign_id), 503
    if error.status not in {409, 422}:
        raise error
    campaign_forms.refuse(form, error)
    return _editor(form, campaign_id), 422


def _as_number(day: str | None) -> int:
    return int((day or "0").replace("-", ""))
