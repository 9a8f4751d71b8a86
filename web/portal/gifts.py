"""A gift after it was begun: did I give, what happens now, and how I appear on the wall."""

from flask import Blueprint, g, redirect, render_template, request
from flask_babel import gettext as _

from shared import telemetry
from web import clients
from web.ui.forms import Filled, key_of
from web.ui.notices import say

routes = Blueprint("gifts", __name__, url_prefix="/l/gift")
OPENING_CHECKOUT_S = 20.0


@routes.after_request
def keep_the_link_secret(answer):
    """The address is the key of this gift: it is neither stored nor passed on."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@routes.get("/<link>")
def show(link):
    """Where the provider sends the donor back to."""
    return page(link)


@routes.get("/<link>/state")
def state(link):
    """The part of the page that waits for the bank; asked again until it knows."""
    return render_template("portal/_gift.html", **about(link))


@routes.post("/<link>/checkouts")
def try_again(link):
    """A new page of the provider for the same gift."""
    form = Filled(request.form)
    try:
        opened = clients.giving().post(
            f"/gift-links/{clients.segment(link)}/checkouts",
            key=key_of(form.value("key"), {"link": link}),
            timeout_s=OPENING_CHECKOUT_S,
        )
    except clients.ServiceDown:
        silent = _("Payments do not answer at the moment. Nothing was taken. Try again in a minute.")
        return page(link, silent), 503
    except clients.Problem as problem:
        if problem.status == 404:
            raise
        refused = _("This gift cannot be paid again now. What is below is its state.")
        return page(link, refused), problem.status
    return redirect(opened["checkout_url"], code=303)


@routes.post("/<link>/wall")
def choose_wall(link):
    """Appear on the wall, or not: by choice only, and changed at will."""
    shows_name = request.form.get("shows_name") == "1"
    shows_amount = request.form.get("shows_amount") == "1"
    clients.giving().put(
        f"/gift-links/{clients.segment(link)}/wall", {"shows_name": shows_name, "shows_amount": shows_amount}
    )
    answer = redirect(f"/l/gift/{clients.segment(link)}#wall-choice", code=303)
    return say(answer, _wall_sentence(shows_name, shows_amount))


def page(link, alert=""):
    """The whole page of one gift."""
    return render_template("portal/gift.html", alert=alert, **about(link))


def about(link):
    """The gift, and how the donor came back from the provider: `paid`, `cancelled`, or not from there."""
    gift = clients.giving().get(f"/gift-links/{clients.segment(link)}")
    telemetry.concerns(gift["id"])
    g.page_address = f"/l/gift/{clients.segment(link)}"
    back = next((way for way in ("paid", "cancelled") if request.args.get(way) == "1"), "")
    if back:
        g.page_address += f"?{back}=1"
    return {"gift": gift, "link": link, "back": back, "campaign": campaign_of(gift)}


def campaign_of(gift):
    """What the campaign says of itself, once the gift is received; the page stands without it."""
    if gift["status"] != "settled":
        return None
    try:
        return clients.for_everyone(clients.giving(), f"/campaigns/{gift['campaign']['slug']}")
    except (clients.Problem, clients.ServiceDown):
        return None


def _wall_sentence(shows_name, shows_amount):
    if shows_name and shows_amount:
        return _("Saved: the wall shows your first name, your initial and your amount.")
    if shows_name:
        return _("Saved: the wall shows your first name and your initial.")
    if shows_amount:
        return _("Saved: the wall shows your amount, without your name.")
    return _("Saved: the wall shows neither your name nor your amount.")
