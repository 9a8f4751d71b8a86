"""Home: what waits for me, what happened since I last came, this month's curve; one box that searches."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for

from web import clients, session
from web.console import charts, visits
from web.console.shell import tried, waiting

routes = Blueprint("home", __name__)


@routes.get("/")
def show():
    """The morning page."""
    may = session.visitor().may
    gifts = campaigns = month = events = None
    if may("giving.read"):
        gifts = tried(clients.giving().get, "/donations", limit=8)
        campaigns = tried(clients.giving().get, "/campaigns", status="live", limit=20)
        month = tried(clients.giving().get, "/activity/month")
    if may("events.read"):
        events = tried(clients.events().get, "/events", status="published", when="upcoming", limit=4)
    before = visits.previous()
    return render_template(
        "console/home.html",
        before=before,
        happened=_happened(before or datetime.now(UTC) - timedelta(hours=24)),
        month=month,
        curve=charts.monthly(month) if month else None,
        gifts=gifts,
        campaigns=campaigns["items"] if campaigns else [],
        events=events["items"] if events else [],
        counts=waiting(),
        may=may,
    )


@routes.get("/search")
def search():
    """All that the same words name, of what one may see; the id of a gift or registration goes there."""
    words = request.args.get("q", "").strip()[:100]
    may = session.visitor().may
    if _is_id(words) and tried(clients.giving().get, f"/donations/{words}"):
        return redirect(url_for("console.gifts.show", donation_id=words))
    if may("events.read") and _is_id(words) and tried(clients.events().get, f"/registrations/{words}"):
        return redirect(url_for("console.events.registrations.show", registration_id=words))
    found_people = found_gifts = found_campaigns = found_events = found_seats = found_emails = None
    if words:
        if may("people.read"):
            found_people = tried(clients.directory().get, "/people", q=words, limit=8)
        if may("giving.read"):
            found_gifts = tried(clients.giving().get, "/donations", q=words, standing="any", limit=8)
            found_campaigns = _campaigns_named(words)
        if may("events.read"):
            found_events = _events_named(words)
            found_seats = tried(clients.events().get, "/registrations", q=words, limit=8)
        if may("mailings.read"):
            found_emails = tried(clients.notify().get, "/emails", q=words, limit=8)
    return render_template(
        "console/search.html",
        q=words,
        people=found_people,
        gifts=found_gifts,
        campaigns=found_campaigns,
        events=found_events,
        registrations=found_seats["items"] if found_seats else [],
        emails=found_emails["items"] if found_emails else [],
    )


def _happened(since: datetime) -> dict:
    """What came in since then, of what this person may see; None for what does not answer."""
    may = session.visitor().may
    told = {"since": since.isoformat()}
    return {
        "gifts": tried(clients.giving().get, "/activity", **told) if may("giving.read") else None,
        "people": tried(clients.directory().get, "/arrivals", **told) if may("people.read") else None,
    }


def _campaigns_named(words: str) -> list[dict]:
    found = tried(clients.giving().get, "/campaigns", limit=100) or {"items": []}
    folded = words.casefold()
    return [
        each for each in found["items"] if folded in f"{each['title']['fr']} {each['title']['en']}".casefold()
    ]


def _events_named(words: str) -> list[dict]:
    """Those to come first, then the latest ones."""
    found = [
        tried(clients.events().get, "/events", q=words, when=when, limit=5) for when in ("upcoming", "past")
    ]
    return [each for part in found if part for each in part["items"]]


def _is_id(words: str) -> bool:
    try:
        return bool(UUID(words))
    except ValueError:
        return False
