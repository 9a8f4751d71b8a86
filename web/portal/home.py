"""The home page, and the two pages about what we do with data and who we are."""

from flask import Blueprint, redirect, render_template

from web import clients
from web.clients import Problem, ServiceDown
from web.portal import agenda
from web.ui import progress

routes = Blueprint("home", __name__)


@routes.get("/")
def home():
    """The campaigns under way, the next events, then the campaigns that ended."""
    giving = clients.giving()
    live = clients.for_everyone(giving, "/campaigns", status="live", limit=50)["items"]
    past = clients.for_everyone(giving, "/campaigns", status="closed", limit=12)["items"]
    return render_template(
        "portal/home.html", live=sorted(live, key=urgency), past=past, events=next_events()
    )


def next_events():
    """The next three events that take place; the page stands without them."""
    try:
        found = agenda.told(agenda.agenda(when="upcoming", status="published", limit=10)["items"])
    except (Problem, ServiceDown):
        return []
    return found[:3]


def urgency(campaign):
    """First what still needs gifts, the nearest end before the others."""
    return progress.of(campaign).is_reached, campaign["ends_on"]


@routes.get("/campaigns")
def campaigns():
    """The same list; so that cutting an address short leads somewhere."""
    return home()


@routes.get("/robots.txt")
def robots():
    """What search engines may read: campaigns and events, and nothing of anybody."""
    closed = "".join(f"Disallow: /{path}\n" for path in ("l/", "my/", "console/", "live/", "sign-in"))
    return f"User-agent: *\n{closed}", {"Content-Type": "text/plain", "Cache-Control": "public, max-age=3600"}


@routes.get("/.well-known/change-password")
def change_password():
    """Where password managers send people to."""
    return redirect("/my/password", code=302)


@routes.get("/privacy")
def privacy():
    """What is kept about a person, why, and for how long."""
    return render_template("portal/privacy.html")


@routes.get("/legal")
def legal():
    """Who publishes this site."""
    return render_template("portal/legal.html")
