"""Events in the console: the agenda with its drafts, and one event with who comes."""

from flask import Blueprint, Response, abort, render_template, request

from web import clients, session
from web.clients import segment
from web.languages import language

routes = Blueprint("events", __name__, url_prefix="/events")

SHOWN = {
    "upcoming": {"when": "upcoming"},
    "past": {"when": "past"},
    "draft": {"when": "upcoming", "status": "draft"},
}
STATUSES = ("confirmed", "cancelled")


@routes.before_request
def only_who_reads():
    """The agenda is everyone's; its page in the console is for who reads events, as the menu says."""
    if not session.visitor().may("events.read"):
        abort(403)


@routes.get("/")
def listed():
    """Events to come, past ones, or drafts: what the address asks for."""
    shown = request.args.get("shown") if request.args.get("shown") in SHOWN else "upcoming"
    found = clients.events().get("/events", **SHOWN[shown], after=request.args.get("after"), limit=50)
    return render_template("console/events.html", found=found, shown=shown)


@routes.get("/<event_id>")
def show(event_id: str):
    """One event, with those who registered as filtered."""
    event, chosen = clients.events().get(f"/events/{segment(event_id)}"), _chosen()
    path = f"/events/{segment(event['id'])}/registrations"
    found = clients.events().get(path, **chosen, after=request.args.get("after"), limit=50)
    return render_template("console/event.html", event=event, found=found, chosen=chosen)


@routes.get("/<event_id>/export.csv")
def export(event_id: str):
    """Who comes, as a file for a spreadsheet; asked from our own pages only, or typed."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        abort(403, description="forged")
    path = f"/events/{segment(event_id)}/registration-exports"
    wish = {**_chosen(), "locale": language()}
    answer = clients.events().raw("GET", path, params=wish, timeout_s=60)
    clients.events().check(answer)
    file = Response(answer.content, content_type="text/csv; charset=utf-8")
    file.headers["Content-Disposition"] = 'attachment; filename="amicale-inscrits.csv"'
    return file


def _chosen() -> dict[str, str]:
    chosen = {
        name: request.args[name].strip() for name in ("q", "status") if request.args.get(name, "").strip()
    }
    return {k: v for k, v in chosen.items() if k != "status" or v in STATUSES}
