"""The agenda, and the page of each event with what is left of its seats."""

from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, abort, g, render_template, request

from shared.i18n import LOCALES
from web import clients
from web.clients import Problem, segment
from web.languages import language
from web.session import require_answer, visitor

routes = Blueprint("agenda", __name__, url_prefix="/events")


@routes.get("")
def listed():
    """What is to come, the next first; then what was."""
    after = request.args.get("after")
    coming = agenda(when="upcoming", limit=20, after=after)
    past = {"items": []} if after else agenda(when="past", limit=12)
    return render_template(
        "portal/agenda.html",
        coming=told(coming["items"]),
        next=coming["next"],
        past=told(past["items"]),
    )


@routes.get("/<slug>/calendar")
def calendar(slug):
    """The event as a calendar file."""
    return as_calendar(f"/events/{segment(slug)}/calendar")


@routes.get("/<slug>/seats/<locale>")
def seats(slug, locale):
    """What is left, in one language: asked again by the page, and unchanged most of the time."""
    if locale not in LOCALES:
        abort(404)
    g.language = locale
    event = find(slug)
    answer = Response(render_template("portal/_seats.html", event=event), mimetype="text/html")
    answer.set_etag(sha256(answer.get_data()).hexdigest()[:16])
    shared = event["visibility"] == "public"
    answer.headers["Cache-Control"] = "public, max-age=1" if shared else "private, no-cache"
    return answer.make_conditional(request)


def agenda(**asked: Any) -> dict[str, Any]:
    """A page of the agenda as this person may see it; what everyone sees is asked once for all."""
    if visitor().person:
        return clients.events().get("/events", **asked)
    wanted = {name: value for name, value in asked.items() if value is not None}
    return clients.for_everyone(clients.events(), "/events", **wanted)


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without drafts, which staff see in the console."""
    return [each for each in events if each["published_at"]]


def find(slug: str) -> dict[str, Any]:
    """The event, or 404 for what this person may not see; a draft is nobody's on the portal."""
    path = f"/events/{segment(slug)}"
    try:
        event = clients.for_everyone(clients.events(), path)
    except Problem as problem:
        require_answer()
        if problem.status != 404 or not visitor().person:
            raise
        event = clients.events().get(path)
    if not event["published_at"]:
        abort(404)
    return event


def as_calendar(path: str) -> Response:
    """A calendar file of the service, handed on as it is."""
    answer = clients.events().raw("GET", path, params={"locale": language()})
    clients.events().check(answer)
    file = Response(answer.content, content_type=answer.headers["content-type"])
    file.headers["Content-Disposition"] = answer.headers.get("content-disposition", "attachment")
    return file
