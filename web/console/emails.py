"""Emails: what was written to whom, whether it left, and sending one again."""

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from web import clients, guard
from web.clients import Problem, segment
from web.console.shell import then

routes = Blueprint("emails", __name__, url_prefix="/emails")

STATUSES = ("sent", "queued", "failed", "unsure", "held", "stale", "suppressed")
FILTERS = ("q", "status", "resent", "party_id")
FRAMED = {"sandbox": "", "script-src": "'none'", "style-src": "'unsafe-inline'", "frame-ancestors": "'self'"}


@routes.get("/")
def listed():
    """Emails, newest first."""
    chosen = {name: request.args[name].strip() for name in FILTERS if request.args.get(name, "").strip()}
    found = clients.notify().get("/emails", **chosen, after=request.args.get("after"), limit=50)
    return render_template("console/emails.html", found=found, chosen=chosen, statuses=STATUSES)


@routes.get("/<email_id>")
def show(email_id: str):
    """One email as its reader sees it; secrets stay masked."""
    guard.allow("frame-src", "'self'")
    return render_template("console/email.html", email=clients.notify().get(f"/emails/{segment(email_id)}"))


@routes.get("/<email_id>/body")
def body(email_id: str):
    """The HTML of a stored email, for the frame of its page: it can run nothing and reach nothing."""
    email = clients.notify().get(f"/emails/{segment(email_id)}")
    answer = Response(email["html"], content_type="text/html; charset=utf-8")
    for directive, sources in FRAMED.items():
        guard.allow(directive, sources)
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@routes.post("/<email_id>/resend")
def resend(email_id: str):
    """Send it once more, as a new email."""
    try:
        again = clients.notify().post(f"/emails/{segment(email_id)}/resends", {}, key=request.form["key"])
    except Problem as problem:
        if problem.status not in {409, 422, 429}:
            raise
        return then(_why_not(problem), "console.emails.show", email_id=email_id, kind="bad")
    said = _("Waiting to leave once more. Their story and the trail keep it.")
    return then(said, "console.emails.show", email_id=again["id"])


def _why_not(problem: Problem) -> str:
    """Why an email was not sent again."""
    minutes = -(-problem.retry_after_s // 60) or 1
    known = {
        "resent_often": _(
            "Not sent again: it was three times in the last 24 hours. Ask first whether it arrived."
        ),
        "too_many": _("Not sent again: you sent many within an hour. Try again in %(n)s min.", n=minutes),
        "sign_in_link_not_resent": _(
            "Not sent again: a link to sign in goes only to who asks for one, on the sign-in page."
        ),
    }
    unsaid = _("Not sent again: there is no address to write to, or what it says no longer holds.")
    return known.get(problem.code, unsaid)
