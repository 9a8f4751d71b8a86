"""Writing events: a new draft, and the changes of one; when and where of a published one stand elsewhere."""

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from web import clients, session
from web.clients import Problem, ServiceDown, segment
from web.console import schedules
from web.console.campaigns import address_from
from web.console.shell import then
from web.ui import pictures
from web.ui.forms import Filled, key_of
from web.ui.returns import holds, send_back, sent_back
from web.ui.writing import number

routes = Blueprint("drafts", __name__)

TEXTS = {"title": 150, "summary": 500, "description": 10_000}
"""The texts in both languages, and how long each may be."""
ORDER = (
    *(f"{name}_{code}" for name in TEXTS for code in ("fr", "en")),
    *("picture", "slug", "organiser", *schedules.FIELDS),
    *("visibility", "seats_max", "per_registration_max", "registration_closes_at", "withdraw_until"),
)
"""The fields as the form shows them, which is the order in which errors are summed up."""
LIMITS = ("registration_closes_at", "withdraw_until")
TOGETHER_MOST = 20


@routes.before_request
def only_who_manages():
    """A form that would be refused is not shown."""
    if not session.visitor().may("events.manage"):
        abort(403)


@routes.get("/new")
def new():
    """An empty form, or the one that must be corrected."""
    return _form(sent_back() or Filled())


@routes.post("/new")
def create():
    """Save a draft; nothing is public before it is published."""
    form = Filled(request.form)
    wish = _wish(form, schedules.read(form))
    if not form.is_good:
        return _correct(form)
    wish["slug"] = form.value("slug") or _address(wish)
    try:
        made = clients.events().post("/events", wish, key=key_of(form.value("key"), wish))
    except (Problem, ServiceDown) as error:
        return _refused(error, form)
    said = _("The draft is saved. Nobody sees it before you publish it.")
    return then(said, "console.events.show", event_id=made["id"])


@routes.get("/<event_id>/edit")
def edit(event_id: str):
    """The form of an event as it stands, or as it must be corrected."""
    event = _found(event_id)
    return _form(sent_back() or Filled(_as_typed(event)), event)


@routes.post("/<event_id>/edit")
def change(event_id: str):
    """Save the changes; the page of a published event shows them at once."""
    form, event = Filled(request.form), _found(event_id)
    is_fixed = event["published_at"] is not None
    stands = {name: event.get(name) for name in schedules.FIELDS}
    wish = _wish(form, stands if is_fixed else schedules.read(form))
    if not form.is_good:
        return _correct(form, event)
    if is_fixed:
        wish = {name: value for name, value in wish.items() if name not in schedules.FIELDS}
    try:
        clients.events().patch(f"/events/{segment(event['id'])}", wish)
    except (Problem, ServiceDown) as error:
        return _refused(error, form, event)
    said, kind = _saved(_found(event_id))
    return then(said, "console.events.show", event_id=event["id"], kind=kind)


def missing(event: dict[str, Any]) -> list[tuple[str, str]]:
    """What must be mended before it is published, in the order of the form: its field, and what is wrong."""
    names = {"title": _("Title"), "summary": _("Summary"), "description": _("Description")}
    tongues = {"fr": _("in French"), "en": _("in English")}
    found = [
        (f"{field}_{code}", f"{name}, {tongue}")
        for field, name in names.items()
        for code, tongue in tongues.items()
        if not event[field].get(code, "").strip()
    ]
    if datetime.fromisoformat(event["starts_at"]) <= datetime.now().astimezone():
        found.append(("starts_at", _("It has begun already: choose a later start")))
    if not event["place"] and not event["is_online"]:
        found.append(("place", _("A place, an address to join, or both")))
    return found


def _saved(event: dict[str, Any]) -> tuple[str, str]:
    """What to say after a change; fewer seats than are taken cancel nobody, and are said."""
    if over := event.get("overbooked_by"):
        sentence = ngettext(
            "Saved. %(n)s seat more is taken than there are now: nobody is cancelled.",
            "Saved. %(n)s seats more are taken than there are now: nobody is cancelled.",
            over,
            n=number(over),
        )
        return sentence, "warn"
    return _("Saved."), "good"


def _wish(form: Filled, schedule: dict[str, Any]) -> dict[str, Any]:
    """The event in the service's words; what is wrong is written into the form."""
    texts = {name: {code: form.value(f"{name}_{code}") for code in ("fr", "en")} for name in TEXTS}
    if not form.value("title_fr"):
        form.refuse("title_fr", _("Write a title in French: the address of the page is made from it."))
    for name, most in TEXTS.items():
        for code, text in texts[name].items():
            if len(text) > most:
                form.refuse(f"{name}_{code}", _("At most %(n)s characters, please.", n=number(most)))
    closing = {name: schedules.moment(form, name, schedule["time_zone"]) for name in LIMITS}
    for name, limit in closing.items():
        if limit and schedule["ends_at"] and _at(limit) > _at(schedule["ends_at"]):
            form.refuse(name, _sentence(name))
    seats = {
        "seats_max": _count(form, "seats_max", None, range(1_000_001)),
        "per_registration_max": _count(form, "per_registration_max", 4, range(1, TOGETHER_MOST + 1)),
    }
    named = {"organiser": form.value("organiser"), "picture": form.value("picture", pictures.NAMES[0])}
    seen = "alumni" if form.value("visibility") == "alumni" else "public"
    return texts | schedule | closing | seats | named | {"visibility": seen}


def _count(form: Filled, name: str, otherwise: int | None, among: range) -> int | None:
    """A number of seats that was typed; `otherwise` when none was."""
    typed = "".join(form.value(name).split())
    if not typed:
        return otherwise
    if not (typed.isascii() and typed.isdigit() and len(typed) < 8 and int(typed) in among):
        form.refuse(name, _sentence(name))
        return otherwise
    return int(typed)


def _at(when: str) -> datetime:
    return datetime.fromisoformat(when)


def _address(wish: dict[str, Any]) -> str:
    """The address of an event from its French title and its month."""
    return address_from(wish["title"]["fr"], otherwise="evenement", month=wish["starts_at"][:7])


def _form(form: Filled, event: dict[str, Any] | None = None) -> str:
    form.errors = dict(sorted(form.errors.items(), key=lambda each: _place(each[0])))
    return render_template(
        "console/event_edit.html",
        form=form,
        event=event,
        zones=schedules.zones(form.value("time_zone") if form.is_good else ""),
        pictures=pictures.described(),
    )


def _place(field: str) -> int:
    return ORDER.index(field) if field in ORDER else len(ORDER)


def _as_typed(event: dict[str, Any]) -> dict[str, str]:
    """An event as the form's fields hold it; a limit that is the start itself was left empty."""
    typed = {f"{name}_{code}": event[name].get(code, "") for name in TEXTS for code in ("fr", "en")}
    for name in LIMITS:
        is_own = _at(event[name]) != _at(event["starts_at"])
        typed[name] = schedules.on_the_clock(event[name], event["time_zone"]) if is_own else ""
    plain = {name: event[name] for name in ("organiser", "picture", "visibility")}
    counts = {name: event[name] for name in ("seats_max", "per_registration_max")}
    counted = {name: "" if count is None else str(count) for name, count in counts.items()}
    return typed | schedules.as_typed(event) | plain | counted


def _correct(form: Filled, event: dict[str, Any] | None = None, status: int = 422):
    """Back to the form by a redirect; with texts too long for that, the form itself: nothing is lost."""
    here = url_for(".edit", event_id=event["id"]) if event else url_for(".new")
    fields = (*ORDER, "key")
    return send_back(here, form, keep=fields) if holds(form, fields) else (_form(form, event), status)


def _refused(error: Problem | ServiceDown, form: Filled, event: dict[str, Any] | None = None):
    """The form again, with all that was typed, and what is wrong beside each field."""
    if isinstance(error, ServiceDown):
        form.alert = _("Nothing was saved: events do not answer. What you typed is still here; save again.")
        return _correct(form, event, 503)
    if error.status not in {409, 422}:
        raise error
    for name in error.fields:
        field = f"{name}_fr" if name in TEXTS else name
        form.refuse(field if field in ORDER else "title_fr", _sentence(field))
    if error.code == "event_taken":
        form.refuse("slug", _("Another event has this address: choose another."))
    if not form.errors:
        form.alert = _conflict(error)
    return _correct(form, event)


def _sentence(field: str) -> str:
    """What is wrong with a field, in the words of the page."""
    after = _("This is after the end of the event: choose an earlier moment.")
    return schedules.sentence(field) or {
        "slug": _("Small letters without accents, figures and hyphens, 99 at most: soiree-de-promotion."),
        "seats_max": _("Write how many seats there are in figures, or nothing for no limit."),
        "per_registration_max": _("Write a number from 1 to %(n)s.", n=TOGETHER_MOST),
        "registration_closes_at": after,
        "withdraw_until": after,
        "organiser": _("The name of the organiser stands on one line, of 150 characters at most."),
    }.get(field, _("This text cannot be kept as it is: shorten it, and take out any card number."))


def _conflict(problem: Problem) -> str:
    return {
        "published_event_fixed": _(
            "It was published meanwhile: its date and place change under Another date or place."
        ),
        "event_already_cancelled": _("It was cancelled meanwhile, and stays as it was."),
    }.get(problem.code, _("This cannot be saved as it stands."))


def _found(event_id: str) -> dict[str, Any]:
    return clients.events().get(f"/events/{segment(event_id)}")
