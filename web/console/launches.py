"""Launches, closures and reopenings of a campaign: each says what it will do before it is done."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.shell import then
from web.ui.periods import begins_later, is_over, opening

routes = Blueprint("launches", __name__)


@routes.get("/<campaign_id>/launch")
def ask_launch(campaign_id: str):
    """What will be public, who will receive, and what is still missing."""
    campaign = _found(campaign_id)
    if campaign["status"] != "draft":
        return _back(campaign_id)
    return render_template(
        "console/campaign_launch.html",
        campaign=campaign,
        missing=missing(campaign),
        begins_later=begins_later(campaign),
    )


@routes.post("/<campaign_id>/launch")
def launch(campaign_id: str):
    """Open the campaign to gifts."""
    return _decide(campaign_id, "launches", _("The campaign was not launched: %(why)s"))


@routes.get("/<campaign_id>/close")
def ask_close(campaign_id: str):
    """What closing will do."""
    campaign = _found(campaign_id)
    if campaign["status"] != "live":
        return _back(campaign_id)
    return render_template("console/campaign_close.html", campaign=campaign)


@routes.post("/<campaign_id>/close")
def close(campaign_id: str):
    """Take no more gifts; the page stays."""
    return _decide(campaign_id, "closures", _("The campaign was not closed: %(why)s"))


@routes.post("/<campaign_id>/reopen")
def reopen(campaign_id: str):
    """Take gifts again, until the last day."""
    return _decide(campaign_id, "reopenings", _("The campaign was not opened again: %(why)s"))


def missing(campaign: dict[str, Any]) -> list[tuple[str, str]]:
    """What must be mended before a launch, in the order of the editor: its field, and what is wrong."""
    names = {
        "title": _("Title"),
        "summary": _("Summary"),
        "story": _("Story"),
        **({"unit_name": _("What the units are")} if campaign["units_promised"] else {}),
        "surplus_use": _("What becomes of a surplus"),
    }
    tongues = {"fr": _("in French"), "en": _("in English")}
    found = [
        (f"{field}_{code}", f"{name}, {tongue}")
        for field, name in names.items()
        for code, tongue in tongues.items()
        if not campaign[field].get(code, "").strip()
    ]
    if campaign["pictures"]:
        seen, alt = _("What can be seen on the photo"), campaign["picture_alt"]
        lacking = [code for code in tongues if not alt.get(code, "").strip()]
        found += [(f"alt_{code}", f"{seen}, {tongues[code]}") for code in lacking]
    if is_over(campaign):
        late = ("ends_on", _("The end has passed: choose a later one"))
        at = next((n for n, (field, _name) in enumerate(found) if field.startswith("surplus")), len(found))
        found.insert(at, late)
    return found


def may_reopen(campaign: dict[str, Any]) -> bool:
    """Whether it was closed by staff, and its end is still to come."""
    return campaign["closed_at"] is not None and not is_over(campaign)


def _decide(campaign_id: str, decision: str, refused: str):
    path = f"/campaigns/{segment(campaign_id)}/{decision}"
    try:
        campaign = clients.giving().post(path, key=request.form["key"])
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        return _back(campaign_id, refused % {"why": _why(problem)}, kind="bad")
    return _back(campaign_id, _done(decision, campaign))


def _done(decision: str, campaign: dict[str, Any]) -> str:
    if decision == "closures":
        return _("The campaign is closed: its page stays and says so, with the total.")
    if begins_later(campaign):
        return _(
            "The campaign’s page is public: it takes gifts from %(day)s on.",
            day=opening(campaign, long=True),
        )
    if decision == "reopenings":
        return _("The campaign takes gifts again.")
    return _("The campaign is live: its page takes gifts from now on.")


def _why(problem: Problem) -> str:
    return {
        "campaign_not_ready": _("its texts and the use of a surplus are needed in both languages first."),
        "campaign_over": _("its end has passed; choose a later one first."),
        "campaign_not_launched": _("it is still a draft."),
    }.get(problem.code, _("its state does not allow it."))


def _found(campaign_id: str) -> dict[str, Any]:
    return clients.giving().get(f"/campaigns/{segment(campaign_id)}")


def _back(campaign_id: str, said: str = "", **how: str):
    where = "console.campaigns.show"
    if not said:
        return redirect(url_for(where, campaign_id=campaign_id), code=303)
    return then(said, where, campaign_id=campaign_id, **how)
