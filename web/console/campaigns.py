"""Campaigns: the list, the live dashboard of each, and the editor."""

import re
import unicodedata

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, ServiceDown, segment
from web.console import charts, launches
from web.console.shell import then, tried
from web.ui import pictures
from web.ui.forms import Filled, euros, key_of, minor_units
from web.ui.writing import begins_later, today

routes = Blueprint("campaigns", __name__, url_prefix="/campaigns")

TEXTS = ("title", "summary", "story", "surplus_use")
ORDER = (
    *(f"{name}_{code}" for name in TEXTS[:3] for code in ("fr", "en")),
    *("picture", "goal", "suggested", "starts_on", "ends_on", "fund_id", "surplus_use_fr", "surplus_use_en"),
)
"""The fields as the editor shows them, which is the order in which errors are summed up."""
FIELDS = {"goal_minor": "goal", "suggested_minor": "suggested"}
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
    wish = _wish(form) | {"slug": address_from(form.value("title_fr"))}
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
    return _editor(Filled(_as_typed(clients.giving().get(f"/campaigns/{segment(campaign_id)}"))), campaign_id)


@routes.post("/<campaign_id>/edit")
def change(campaign_id: str):
    """Save the changes; a live page shows them at once."""
    form = Filled(request.form)
    wish = _wish(form)
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
        "may_reopen": launches.may_reopen(told["campaign"]),
        "curve": charts.cumulative(told["curve"], told["campaign"]),
        "classes": sorted(told["participation"], key=_rate, reverse=True)[:7],
    }


def _rate(each: dict) -> float:
    return each["donors"] / each["reachable"] if each["reachable"] else 0.0


def _editor(form: Filled, campaign_id: str = "") -> str:
    form.errors = dict(sorted(form.errors.items(), key=lambda each: _place(each[0])))
    funds = tried(clients.giving().get, "/funds") or {"items": []}
    return render_template(
        "console/campaign_edit.html",
        form=form,
        campaign_id=campaign_id,
        funds=funds["items"],
        pictures=pictures.described(),
    )


def _place(field: str) -> int:
    return ORDER.index(field) if field in ORDER else len(ORDER)


def _wish(form: Filled) -> dict:
    wish = {name: {code: form.value(f"{name}_{code}") for code in ("fr", "en")} for name in TEXTS}
    amounts = {
        "goal": minor_units(form.value("goal")),
        "suggested": [minor_units(text) for text in _listed(form.value("suggested"))],
    }
    for name, amount in amounts.items():
        if amount is None or (isinstance(amount, list) and None in amount):
            form.refuse(name, _sentence(name))
    for name in ("title_fr", "starts_on", "ends_on", "fund_id"):
        if not form.value(name):
            form.refuse(name, _sentence(name))
    return wish | {
        "fund_id": form.value("fund_id"),
        "goal_minor": amounts["goal"],
        "currency": "EUR",
        "starts_on": form.value("starts_on"),
        "ends_on": form.value("ends_on"),
        "suggested_minor": amounts["suggested"],
        "picture": form.value("picture", pictures.NAMES[0]),
    }


def _listed(typed: str) -> list[str]:
    """Amounts with semicolons between them, or with spaces only."""
    return [each for each in typed.split(";") if each.strip()] if ";" in typed else typed.split()


def address_from(title: str, *, otherwise: str = "campagne", month: str = "") -> str:
    """The address of a page from its French title; the month (else this one) tells yearly ones apart."""
    plain = unicodedata.normalize("NFKD", title[:TITLE_READ]).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    return f"{words or otherwise}-{month or f'{today():%Y-%m}'}"


def _as_typed(campaign: dict) -> dict[str, str]:
    """A campaign as the editor's fields hold it."""
    typed = {f"{name}_{code}": campaign[name].get(code, "") for name in TEXTS for code in ("fr", "en")}
    return typed | {
        "fund_id": campaign["fund"]["id"] if campaign["fund"] else "",
        "goal": euros(campaign["goal_minor"]),
        "suggested": "; ".join(map(euros, campaign["suggested_minor"])),
        "starts_on": campaign["starts_on"] or "",
        "ends_on": campaign["ends_on"] or "",
        "picture": campaign["picture"],
    }


def _refused(error: Problem | ServiceDown, form: Filled, campaign_id: str = ""):
    """The editor again, with all that was typed, and what is wrong beside each field."""
    if isinstance(error, ServiceDown):
        form.alert = _("Nothing was saved: gifts do not answer. What you typed is still here; save again.")
        return _editor(form, campaign_id), 503
    if error.status not in {409, 422}:
        raise error
    for name in error.fields:
        field = _field(name)
        form.refuse(field, _sentence(field))
    form.alert = "" if error.fields else _conflict(error)
    return _editor(form, campaign_id), 422


def _field(name: str) -> str:
    """The form's field for a name of the service: `title.fr` is title_fr, `suggested_minor.2` suggested."""
    first, _dot, rest = name.partition(".")
    return f"{first}_{rest}" if first in TEXTS and rest else FIELDS.get(first, first)


def _sentence(field: str) -> str:
    """What is wrong with a field, in the words of the page."""
    return {
        "goal": _("Write the goal in figures, like 12000."),
        "suggested": _("Write six amounts at most, of at least one euro, with a semicolon between them."),
        "starts_on": _("Choose a first day."),
        "ends_on": _("Choose a last day, not before the first."),
        "fund_id": _("Choose where the money goes."),
        "title_fr": _("Write a title in French: the address of the page is made from it."),
    }.get(field, _("This text cannot be kept as it is: shorten it, and take out any card number."))


def _conflict(problem: Problem) -> str:
    if problem.code == "campaign_taken":
        return _("Another campaign has this address: change the French title.")
    if problem.code == "launched_campaign_fixed":
        return _("Once launched, a campaign keeps its fund and its currency.")
    return _("This cannot be saved as it stands.")


def _as_number(day: str | None) -> int:
    return int((day or "0").replace("-", ""))
