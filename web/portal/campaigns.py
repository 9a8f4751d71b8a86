"""A campaign: its page, its live total, and the form that begins a gift."""

import time
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256

from flask import Blueprint, Response, abort, g, redirect, render_template, request
from flask_babel import gettext as _

from shared import appeals, telemetry
from shared.addresses import countries
from shared.i18n import LOCALES
from shared.names import LENGTH_MAX, is_line, is_name, is_too_long, same_wish, tidy
from web import clients, guard
from web.languages import language
from web.portal import kept_gifts, receipt_details
from web.session import visitor
from web.ui.forms import Filled, key_of, looks_like_email, minor_units
from web.ui.periods import begins_later, days_left
from web.ui.returns import send_back, sent_back
from web.ui.writing import money, today

routes = Blueprint("campaigns", __name__, url_prefix="/campaigns")

LEAST_MINOR, MOST_MINOR = 100, 10_000_000
"""What giving takes; its OpenAPI document is compared with it."""
WALL_LENGTH = 8
OPENING_CHECKOUT_S = 20.0
TRIES = 6
TYPED = ("choice", "other", "given_name", "family_name", "email", "key", "appeal", *receipt_details.FIELDS)


@routes.get("/<slug>")
def show(slug):
    """The page of one campaign."""
    return page(find(slug), sent_back() or Filled())


@routes.get("/<slug>/kept")
def kept(slug):
    """What became of the gifts begun in this browser; asked again on coming back from the bank's page."""
    campaign = find(slug)
    return render_template("portal/_kept.html", campaign=campaign, kept=kept_gifts.of_campaign(campaign))


@routes.get("/<slug>/preview")
def preview(slug):
    """The page of a draft as everyone will see it; only for staff, and nothing can be given there."""
    if visitor().unsure:
        raise clients.ServiceDown("directory")
    if not visitor().may("giving.read"):
        abort(404)
    campaign = clients.giving().get(f"/campaigns/{clients.segment(slug)}")
    if campaign["status"] != "draft":
        return redirect(f"/campaigns/{campaign['slug']}", code=303)
    form = Filled()
    return render_template(
        "portal/campaign.html",
        campaign=campaign | {"status": "live"},
        form=form,
        choices=choices(campaign, form),
        preview=True,
        kept=[],
        total=campaign,
        wall=[],
        days_left=days_left(campaign),
    )


@routes.get("/<slug>/now/<locale>")
def now(slug, locale):
    """What moves on the page, in one language and the same for everyone: asked again every 5 s."""
    if locale not in LOCALES:
        abort(404)
    g.language = locale
    campaign = find(slug)
    body = render_template("portal/_now.html", campaign=campaign, **moving(campaign))
    answer = Response(body, mimetype="text/html")
    answer.set_etag(sha256(answer.get_data()).hexdigest()[:16])
    answer.headers["Cache-Control"] = "public, max-age=1"
    return answer.make_conditional(request)


@routes.post("/<slug>")
def give(slug):
    """Begin a gift, and lead to the provider's page; the same form sent twice begins one gift."""
    campaign = find(slug)
    form = Filled(request.form)
    wish = read_wish(form, campaign)
    if not form.is_good:
        return correct(campaign, form)
    try:
        donation = begin(wish, key=key_of(form.value("key"), same_wish(wish)))
    except clients.ServiceDown:
        form.alert = _(
            "Payments do not answer at the moment. Nothing was taken."
            " Try again in a minute: your answers are kept."
        )
        return correct(campaign, form)
    except clients.Problem as problem:
        return refuse(campaign, form, problem)
    telemetry.concerns(donation["id"])
    page_of_gift = f"/l/gift/{donation['link']}"
    where = (donation["status"] == "pending" and donation["checkout_url"]) or page_of_gift
    return kept_gifts.keep(redirect(where, code=303), donation["link"])


def correct(campaign, form):
    """Back to the page, with what was typed and what is wrong with it."""
    return send_back(f"/campaigns/{campaign['slug']}", form, keep=TYPED)


def find(slug):
    """A campaign that is open to the public, or 404."""
    campaign = clients.for_everyone(clients.giving(), f"/campaigns/{clients.segment(slug)}")
    if campaign["status"] == "draft":
        abort(404)
    return campaign


def page(campaign, form):
    """The page, with the form as it was filled in."""
    g.page_address = f"/campaigns/{campaign['slug']}"
    kept = kept_gifts.of_campaign(campaign)
    return render_template(
        "portal/campaign.html",
        campaign=campaign,
        form=form,
        kept=kept,
        form_key=form_key(campaign, kept),
        choices=choices(campaign, form),
        appeal=appeals.code(form.value("appeal") or request.args.get("appeal")),
        **moving(campaign),
    )


def form_key(campaign, kept):
    """The key of this browser's form today, until a gift made with it is received.

    So the same wish sent again after going back, reloading or opening the page twice is still the same gift,
    and who wishes to give once more after that one was received may.
    """
    received = next((gift["link"] for gift in kept if gift["status"] == "settled"), "")
    return guard.derived("giving form", campaign["id"], received, today().isoformat())


def moving(campaign):
    """The parts of the page that change by themselves."""
    giving = clients.giving()
    total = clients.for_everyone(giving, f"/campaigns/{campaign['id']}/total")
    wall = clients.for_everyone(giving, f"/campaigns/{campaign['id']}/wall", limit=WALL_LENGTH)["items"]
    marked = [{**row, "fresh": is_fresh(row["at"])} for row in wall]
    return {
        "total": total,
        "wall": marked,
        "days_left": days_left(campaign),
        "opens_later": campaign["status"] == "live" and begins_later(campaign),
    }


def is_fresh(at):
    """Given within the last minute."""
    return time.time() - datetime.fromisoformat(at).timestamp() < 60


def choices(campaign, form):
    """The suggested amounts, and which is chosen: the middle one at first, then the person's."""
    suggested = campaign["suggested_minor"][:3]
    first = suggested[len(suggested) // 2] if suggested else None
    chosen = form.value("choice", str(first or "other"))
    return {"suggested": suggested, "chosen": chosen, "other": form.value("other")}


def after_tax(minor, rate_percent):
    """What a gift of `minor` costs once `rate_percent` of it came off the income tax, to the unit."""
    left = Decimal(minor) * (100 - Decimal(str(rate_percent))) / 100
    return int(left.quantize(Decimal(1), ROUND_HALF_UP))


def read_wish(form, campaign):
    """The wish in the service's words; what is wrong is written into the form."""
    wish = {
        "campaign_id": campaign["id"],
        "amount_minor": read_amount(form, campaign),
        "currency": campaign["currency"],
        "locale": language(),
    }
    if appeal := appeals.code(form.value("appeal")):
        wish["appeal"] = appeal
    return wish | read_receipt(form, campaign) | ({} if visitor().person else read_identity(form))


def read_receipt(form, campaign):
    """The receipt that the donor asks for now; nothing when none, or when the entity issues none."""
    to = receipt_details.read(form, names_asked=False) if campaign["entity"]["can_issue_receipts"] else None
    if to is None:
        return {}
    if form.value("receipt") == "company":
        return {"receipt_to": to}
    country = form.value("tax_country", "FR")
    if country not in countries("fr"):
        form.refuse("tax_country", _("Choose a country of the list."))
    rhythm = {"receipt_rhythm": "yearly"} if form.value("yearly") == "1" else {}
    return {"receipt_to": to, "country": country, **rhythm}


def read_amount(form, campaign):
    """The typed amount when there is one, else the chosen button."""
    currency = campaign["currency"]
    typed = form.value("other")
    if typed:
        amount = minor_units(typed, currency)
    else:
        chosen = form.value("choice")
        amount = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 12 else None
    if amount is None:
        form.refuse("other", _("Write an amount in figures, like 50 or 12.50."))
    elif amount < LEAST_MINOR:
        least = money(LEAST_MINOR, currency)
        form.refuse("other", _("The smallest gift is %(amount)s.", amount=least))
    elif amount > MOST_MINOR:
        most = money(MOST_MINOR, currency)
        sentence = _("For a gift above %(amount)s, write to us: we will answer in person.", amount=most)
        form.refuse("other", sentence)
    return amount


def read_identity(form):
    """Who a guest is."""
    missing = {"given_name": _("Write your first name."), "family_name": _("Write your last name.")}
    names = {name: read_name(form, name, missing=sentence) for name, sentence in missing.items()}
    email = form.value("email")
    if not email:
        form.refuse("email", _("Write your email address: your confirmation goes there."))
    elif not looks_like_email(email):
        form.refuse("email", _("This address looks incomplete, like name@example.org."))
    return {**names, "email": email}


def read_name(form, name, *, missing):
    """One of the donor's names as giving will take it; what is far too long is not even tidied."""
    typed = form.value(name)
    far_too_long = is_too_long(typed)
    written = typed if far_too_long else tidy(typed)
    if not written:
        form.refuse(name, missing)
    if far_too_long or len(written) > LENGTH_MAX:
        form.refuse(name, _("That is too long: 100 characters at most."))
    elif not is_line(written):
        form.refuse(name, unusable(name))
    elif not is_name(written):
        form.refuse(name, _("Write it in letters, and a full stop only after an initial: J. Petit."))
    return written


def begin(wish, *, key):
    """Ask giving for the donation; while an identical request is still being served, wait for its answer."""
    for left in reversed(range(TRIES)):
        try:
            return clients.giving().post("/donations", wish, key=key, timeout_s=OPENING_CHECKOUT_S)
        except clients.Problem as problem:
            if problem.code != "still_working" or not left:
                raise
            time.sleep(min(1.0, problem.retry_after_s or 0.5))


def refuse(campaign, form, problem):
    """The service refused: say so beside the fields that it names."""
    sentences = {
        "amount_minor": _("This amount cannot be given here."),
        "given_name": unusable("given_name"),
        "family_name": unusable("family_name"),
        "email": _("We cannot write to this address. Check it, please."),
    }
    for name in sentences:
        if name in problem.fields:
            form.refuse("other" if name == "amount_minor" else name, sentences[name])
    receipt_details.refuse(form, problem.fields)
    if problem.code == "agreement_needed":
        form.refuse("other", agreement(problem, campaign))
    if form.is_good:
        form.alert = whole_refusal(problem)
    return correct(campaign, form)


def agreement(problem, campaign):
    """From a sum on, a company's gift begins with an agreement."""
    amount = money(problem.body.get("from_minor", 0), campaign["currency"])
    return _("From %(amount)s on, a company's gift begins with an agreement: write to us.", amount=amount)


def unusable(name):
    """What to say beside a name that no service takes."""
    if name == "given_name":
        return _("This first name cannot be used as it is written.")
    return _("This last name cannot be used as it is written.")


def whole_refusal(problem):
    """What to say when no field is to blame."""
    if problem.status == 429:
        return _("That was a lot at once. Nothing was taken. Try again in a few minutes.")
    if problem.code.startswith("campaign"):
        return _("This campaign takes no gifts any more. Nothing was taken.")
    if problem.status == 409:
        return _("Your gift is already being prepared. Nothing was taken. Press once more in a moment.")
    return _(
        "We could not prepare your gift. Nothing was taken. Try again in a minute: your answers are kept."
    )
