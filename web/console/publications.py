"""Publishing, moving and calling off an event: each says what it will do, and to whom, before it is done."""

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from web import clients, session
from web.clients import Problem, ServiceDown, segment
from web.console import schedules
from web.console.drafts import missing
from web.console.shell import then
from web.ui.forms import Filled, key_of
from web.ui.returns import holds, send_back, sent_back
from web.ui.writing import number

routes = Blueprint("publications", __name__)

REASON_MOST = 500
PAGE, PAGES_MOST = 100, 10
"""Who will be written to is counted up to a thousand, then said to be more."""


@routes.before_request
def only_who_manages():
    """A decision that would be refused is not offered."""
    if not session.visitor().may("events.manage"):
        abort(403)


@routes.get("/<event_id>/publish")
def ask_publish(event_id: str):
    """What will be public, for whom, and what is still missing."""
    event = _found(event_id)
    if event["status"] != "draft":
        return _back(event_id)
    return render_template("console/event_publish.html", event=event, missing=missing(event))


@routes.post("/<event_id>/publish")
def publish(event_id: str):
    """Put the event in the agenda."""
    try:
        _decide(event_id, "publications")
    except Problem as problem:
        return _not_done(problem, event_id, _("The event was not published: %(why)s"))
    return _back(event_id, _("The event is in the agenda, and takes registrations from now on."))


@routes.get("/<event_id>/reschedule")
def ask_reschedule(event_id: str):
    """Another time or place, with who will be told of it."""
    event = _found(event_id)
    if event["status"] != "published" or event["is_over"]:
        return _back(event_id)
    return _reschedule_page(event, sent_back() or Filled(schedules.as_typed(event)))


@routes.post("/<event_id>/reschedule")
def reschedule(event_id: str):
    """Give the event another time or place."""
    event, form = _found(event_id), Filled(request.form)
    wish = schedules.read(form)
    if not form.is_good:
        return _correct(event, form)
    if _is_same(event, wish):
        return _back(event_id, _("Nothing was different, so nobody is written to."))
    try:
        told = receivers(event)
        _decide(event_id, "reschedulings", wish)
    except ServiceDown:
        form.alert = _("Nothing was changed: events do not answer. Try again in a minute.")
        return _correct(event, form)
    except Problem as problem:
        for name in problem.fields:
            form.refuse(name, schedules.sentence(name))
        if problem.code == "event_in_the_past":
            form.refuse("starts_at", schedules.sentence("starts_at"))
        if form.errors:
            return _correct(event, form)
        return _not_done(problem, event_id, _("The event was not moved: %(why)s"))
    return _back(event_id, _("The event has its new date and place. %(told)s", told=_told(told)))


@routes.get("/<event_id>/cancel")
def ask_cancel(event_id: str):
    """What calling it off will do, and who will be told."""
    event = _found(event_id)
    if event["status"] == "cancelled" or (event["is_over"] and event["published_at"]):
        return _back(event_id)
    return _cancel_page(event, sent_back() or Filled())


@routes.post("/<event_id>/cancel")
def cancel(event_id: str):
    """The event will not take place."""
    event, form = _found(event_id), Filled(request.form)
    reason = {code: form.value(f"reason_{code}") for code in ("fr", "en")}
    for code, text in reason.items():
        if len(text) > REASON_MOST:
            form.refuse(f"reason_{code}", _("At most %(n)s characters, please.", n=number(REASON_MOST)))
    if not form.is_good:
        return _cancel_again(event, form)
    try:
        told = receivers(event)
        _decide(event_id, "cancellations", {"reason": reason} if any(reason.values()) else {})
    except ServiceDown:
        form.alert = _("Nothing was changed: events do not answer. Try again in a minute.")
        return _cancel_again(event, form)
    except Problem as problem:
        return _not_done(problem, event_id, _("The event was not cancelled: %(why)s"))
    if not event["published_at"]:
        return _back(event_id, _("The draft is put aside: it cannot be published any more."))
    return _back(event_id, _("The event is cancelled. %(told)s", told=_told(told)))


def receivers(event: dict[str, Any]) -> int:
    """How many registrations stand, each of which is written to; a thousand and one stand for more."""
    if not event["published_at"]:
        return 0
    path, n, after = f"/events/{segment(event['id'])}/registrations", 0, None
    for _page in range(PAGES_MOST):
        found = clients.events().get(path, status="confirmed", limit=PAGE, after=after)
        n, after = n + len(found["items"]), found["next"]
        if not after:
            return n
    return n + 1


def _told(n: int) -> str:
    """Who is written to, once it is decided."""
    if n == 0:
        return _("Nobody had registered, so nobody is written to.")
    if n > PAGE * PAGES_MOST:
        return _("More than %(n)s registrants are being written to.", n=number(PAGE * PAGES_MOST))
    return ngettext(
        "%(n)s registrant is being written to.", "%(n)s registrants are being written to.", n, n=number(n)
    )


def _reschedule_page(event: dict[str, Any], form: Filled) -> str:
    return render_template(
        "console/event_reschedule.html",
        event=event,
        form=form,
        receivers=receivers(event),
        most=PAGE * PAGES_MOST,
        zones=schedules.zones(form.value("time_zone")),
    )


def _cancel_page(event: dict[str, Any], form: Filled) -> str:
    told = {"receivers": receivers(event), "most": PAGE * PAGES_MOST, "reason_most": REASON_MOST}
    return render_template("console/event_cancel.html", event=event, form=form, **told)


def _correct(event: dict[str, Any], form: Filled):
    here = url_for(".ask_reschedule", event_id=event["id"])
    if not holds(form, (*schedules.FIELDS, "key")):
        return _reschedule_page(event, form), 422
    return send_back(here, form, keep=(*schedules.FIELDS, "key"))


def _cancel_again(event: dict[str, Any], form: Filled):
    here, fields = url_for(".ask_cancel", event_id=event["id"]), ("reason_fr", "reason_en", "key")
    return send_back(here, form, keep=fields) if holds(form, fields) else (_cancel_page(event, form), 422)


def _is_same(event: dict[str, Any], wish: dict[str, Any]) -> bool:
    """Whether the form says what stands already, to the minute that it shows."""
    return schedules.as_typed(event) == schedules.as_typed(wish)


def _decide(event_id: str, decision: str, wish: dict[str, Any] | None = None) -> Any:
    key = key_of(request.form["key"], wish or {})
    return clients.events().post(f"/events/{segment(event_id)}/{decision}", wish, key=key)


def _not_done(problem: Problem, event_id: str, refused: str):
    if problem.status not in {409, 422}:
        raise problem
    return _back(event_id, refused % {"why": _why(problem)}, kind="bad")


def _why(problem: Problem) -> str:
    if problem.fields:
        return _("its title is needed in both languages first.")
    return {
        "event_in_the_past": _("it has begun already; choose a later start first."),
        "event_already_cancelled": _("it is cancelled."),
        "event_not_published": _("it is still a draft; change it, nobody needs to be told."),
        "event_over": _("it has taken place."),
    }.get(problem.code, _("its state does not allow it."))


def _found(event_id: str) -> dict[str, Any]:
    return clients.events().get(f"/events/{segment(event_id)}")


def _back(event_id: str, said: str = "", **how: str):
    where = "console.events.show"
    if not said:
        return redirect(url_for(where, event_id=event_id), code=303)
    return then(said, where, event_id=event_id, **how)
