"""What is mine: my gifts, my details, and where I am signed in."""

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _

from web import clients
from web.session import signed_in
from web.ui.notices import say

routes = Blueprint("account", __name__, url_prefix="/my")


@routes.get("/gifts")
@signed_in
def gifts():
    """Every gift of this person, newest first."""
    found = clients.giving().get("/my-donations", after=request.args.get("after"))
    shown = {"gifts": found["items"], "next": found["next"], "totals": totals(found)}
    return render_template("portal/my_gifts.html", **shown)


@routes.get("/account")
@signed_in
def account():
    """Who I am here, and my open sessions."""
    me = clients.directory().get("/people/me")
    sessions = clients.directory().get("/sessions")["items"]
    return render_template("portal/account.html", me=me, sessions=sessions)


@routes.post("/sessions/<uuid:session_id>/end")
@signed_in
def end_session(session_id):
    """Sign out on another device."""
    clients.directory().delete(f"/sessions/{session_id}")
    return say(redirect("/my/account", code=303), _("That device is signed out."))


def totals(found):
    """Sum of what was collected and kept, by currency; only said when the whole list is on the page."""
    if found["next"] or request.args.get("after"):
        return {}
    sums: dict[str, int] = {}
    for gift in found["items"]:
        if gift["status"] == "settled":
            kept = gift["amount_minor"] - gift["refunded_minor"] - gift["disputed_minor"]
            sums[gift["currency"]] = sums.get(gift["currency"], 0) + kept
    return sums
