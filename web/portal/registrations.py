"""A registration by its link, and those that are mine: who comes, where to join, and giving seats back."""

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _

from shared import telemetry
from web import clients
from web.clients import Problem, segment
from web.portal.agenda import as_calendar
from web.session import signed_in
from web.ui.notices import say

routes = Blueprint("registrations", __name__)


@routes.after_request
def keep_the_link_secret(answer):
    """The address is the key of this registration: it is neither stored nor passed on."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@routes.get("/my/registrations")
@signed_in
def mine():
    """Every registration of this person, newest first."""
    found = clients.events().get("/my-registrations", after=request.args.get("after"))
    return render_template("portal/my_registrations.html", registrations=found["items"], next=found["next"])


@routes.get("/l/registration/<link>")
def show(link):
    """The registration as it stands."""
    return render_template("portal/registration.html", registration=find(link), link=link)


@routes.get("/l/registration/<link>/calendar")
def calendar(link):
    """The event for one's own calendar, with where to join."""
    return as_calendar(f"/registration-links/{segment(link)}/calendar")


@routes.get("/l/registration/<link>/withdrawal")
def ask_withdrawal(link):
    """What giving the seats back will do, before it is done."""
    registration = find(link)
    if not registration["can_withdraw"]:
        return redirect(f"/l/registration/{segment(link)}", code=303)
    return render_template("portal/withdrawal.html", registration=registration, link=link)


@routes.post("/l/registration/<link>/withdrawal")
def withdraw(link):
    """Give the seats back; a second time changes nothing."""
    back = redirect(f"/l/registration/{segment(link)}", code=303)
    try:
        clients.events().post(f"/registration-links/{segment(link)}/withdrawals")
    except Problem as problem:
        if problem.status != 409:
            raise
        late = _("The seats were not given back: the time for that is over. Write to us, please.")
        return say(back, late, kind="bad")
    return say(back, _("Done: your seats are free for others. Thank you for telling us."))


def find(link):
    """The registration behind a link, or 404."""
    registration = clients.events().get(f"/registration-links/{segment(link)}")
    telemetry.concerns(registration["id"])
    return registration
