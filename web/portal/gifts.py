"""A gift after it was begun: did I give, what happens now, and how I appear on the wall."""

from flask import Blueprint, Response, g, redirect, render_template, request
from flask_babel import gettext as _

from shared import telemetry
from web import clients
from web.portal import receipt_details
from web.ui.forms import Filled, key_of
from web.ui.notices import say
from web.ui.returns import send_back, sent_back

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


@routes.get("/<link>/receipts/<receipt_id>")
def receipt(link, receipt_id):
    """A receipt of this gift, as PDF."""
    where = f"/gift-links/{clients.segment(link)}/receipts/{clients.segment(receipt_id)}"
    answer = clients.giving().raw("GET", where, timeout_s=20)
    clients.giving().check(answer)
    file = Response(answer.content, content_type="application/pdf")
    file.headers["Content-Disposition"] = answer.headers["content-disposition"]
    return file


@routes.post("/<link>/receipt")
def ask_receipt(link):
    """Say whom the receipt is made out to, after the gift."""
    form = Filled(request.form)
    where = f"/l/gift/{clients.segment(link)}"
    to = receipt_details.read(form, names_asked=True)
    if to is None:
        form.refuse("receipt", _("Choose whom the receipt is for."))
    if form.is_good:
        try:
            clients.giving().put(f"/gift-links/{clients.segment(link)}/receipt-details", to)
            return say(redirect(f"{where}#receipt", code=303), _("Saved: your receipt comes in a moment."))
        except clients.Problem as problem:
            if problem.status not in {409, 422}:
                raise
            receipt_details.refuse(form, problem.fields)
            if form.is_good:
                form.alert = _("Your receipt was issued already. To correct it, write to us.")
    return send_back(where, form, keep=receipt_details.FIELDS)


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
    form = sent_back() or Filled()
    return {"gift": gift, "link": link, "back": back, "campaign": campaign_of(gift), "form": form}


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
