"""The page of an event, and the form that takes seats."""

from flask import Blueprint, abort, redirect, render_template, request
from flask_babel import gettext as _

from shared import telemetry
from shared.names import same_wish
from web import clients, guard
from web.clients import Problem, ServiceDown, segment
from web.languages import language
from web.portal.agenda import find
from web.portal.campaigns import read_identity, read_name, unusable
from web.session import visitor
from web.ui.forms import Filled, key_of
from web.ui.returns import send_back, sent_back
from web.ui.writing import today

routes = Blueprint("event_pages", __name__, url_prefix="/events")
REGISTRANT = ("given_name", "family_name", "email")
MINE = "already_registered"
AGAIN = 5
"""How often seats that were given back may be taken again in a day with the same words."""


@routes.get("/<slug>")
def show(slug):
    """The page of one event; who is not signed in is told that it may be one for alumni."""
    try:
        event = find(slug)
    except Problem as problem:
        if problem.status != 404 or visitor().person:
            raise
        return render_template("portal/event_hidden.html", address=f"/events/{slug}"), 404
    form = sent_back() or Filled()
    return render_template(
        "portal/event.html",
        event=event,
        form=form,
        form_key=guard.derived("event form", event["id"], today().isoformat()),
        companions=companions_of(form, event),
        most=room(event),
    )


@routes.get("/<slug>/preview")
def preview(slug):
    """The page of a draft as everyone will see it; only for staff, and nobody can register there."""
    if visitor().unsure:
        raise ServiceDown("directory")
    if not visitor().may("events.read"):
        abort(404)
    event = clients.events().get(f"/events/{segment(slug)}")
    if event["published_at"]:
        return redirect(f"/events/{event['slug']}", code=303)
    shown = event | {"status": "published", "is_open": True, "is_over": False}
    return render_template(
        "portal/event.html", event=shown, form=Filled(), companions=0, most=room(event), preview=True
    )


@routes.post("/<slug>")
def register(slug):
    """Take seats, or one more line for somebody who comes along; what was typed stays in any case."""
    event, form = find(slug), Filled(request.form)
    if "more" in request.form:
        return one_more(event, form)
    wish = read_wish(form, event)
    if not form.is_good:
        return correct(event, form)
    try:
        made = begin(wish, form.value("key"))
    except ServiceDown:
        form.alert = _(
            "Registrations do not answer at the moment. Try again in a minute: your answers are kept."
        )
        return correct(event, form)
    except Problem as problem:
        return refuse(event, form, problem)
    telemetry.concerns(made["id"])
    return redirect(f"/l/registration/{made['link']}", code=303)


def one_more(event, form):
    """The page again with one more line, which is brought into sight."""
    lines = min(companions_of(form, event) + 1, room(event))
    form.values = {**form.values, "companions": str(lines)}
    return send_back(f"/events/{event['slug']}", form, keep=typed(lines), at=f"companion-{lines}")


def correct(event, form):
    """Back to the page, with what was typed and what is wrong with it."""
    return send_back(f"/events/{event['slug']}", form, keep=typed(companions_of(form, event)))


def typed(lines):
    """The names of the fields that hold something typed."""
    others = [f"{name}_{n}" for n in range(1, lines + 1) for name in REGISTRANT[:2]]
    return (*REGISTRANT, "companions", "key", "refused", *others)


def room(event):
    """How many may come along."""
    most = event["per_registration_max"]
    if event["seats_left"] is not None:
        most = min(most, event["seats_left"])
    return max(0, most - 1)


def companions_of(form, event):
    """How many lines the form has for those who come along: those sent stay, even if seats went meanwhile."""
    lines = form.value("companions", "0")
    asked = int(lines) if lines.isascii() and lines.isdigit() and len(lines) < 3 else 0
    return min(asked, event["per_registration_max"] - 1)


def read_wish(form, event):
    """The wish in the service's words; what is wrong is written into the form."""
    wish = {"event_id": event["id"], "locale": language()}
    if not visitor().person:
        wish |= read_identity(form)
    lines = range(1, companions_of(form, event) + 1)
    return wish | {"companions": [each for n in lines if (each := companion(form, n))]}


def companion(form, n):
    """One who comes along; a line left empty is nobody."""
    given, family = f"given_name_{n}", f"family_name_{n}"
    if not form.value(given) and not form.value(family):
        return None
    return {
        "given_name": read_name(form, given, missing=_("Write the first name of who comes along.")),
        "family_name": read_name(form, family, missing=_("Write the last name of who comes along.")),
    }


def begin(wish, form_key):
    """Ask for the seats. The same form sent twice takes them once; given back since, they are taken anew."""
    for _try in range(AGAIN):
        made = clients.events().post("/registrations", wish, key=key_of(form_key, same_wish(wish)))
        if made["status"] != "cancelled":
            break
        form_key = made["id"]
    return made


def refuse(event, form, problem):
    """The service refused: say so beside the fields that it names, or above."""
    sentences = {
        "given_name": unusable("given_name"),
        "family_name": unusable("family_name"),
        "email": _("We cannot write to this address. Check it, please."),
    }
    for name in sentences:
        if name in problem.fields:
            form.refuse(name, sentences[name])
    if form.is_good:
        form.alert = whole_refusal(event, problem)
        form.values = {**form.values, "refused": problem.code if problem.code == MINE else ""}
    return correct(event, form)


def whole_refusal(event, problem):
    """What to say when no field is to blame."""
    if problem.code == "too_many_seats":
        return _("Many seats were just taken from where you are. Sign in, or try again in ten minutes.")
    if problem.status == 429:
        return _("That was a lot at once. Try again in a few minutes: your answers are kept.")
    if problem.code == "sold_out":
        left = problem.body.get("seats_left") or 0
        if left:
            return _("Not enough seats are left for all of you: %(n)s remain.", n=left)
        return _("The last seat was taken a moment ago. If one is given back, it can be taken here.")
    if problem.code == MINE:
        return _("You are registered already. Your registration is under My registrations.")
    if problem.code in {"registration_closed", "event_not_open"}:
        return _("Registrations have closed meanwhile.")
    if problem.status == 422:
        most = event["per_registration_max"] - 1
        return _("At most %(n)s people may come along with you; check their names.", n=most)
    return _("We could not register you. Try again in a minute: your answers are kept.")
