"""The desk of tax receipts: what is issued, what waits and why, what is void; printed and voided here."""

from flask import Blueprint, Response, abort, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.shell import then, tried
from web.languages import language
from web.ui.forms import Filled, key_of
from web.ui.writing import money, number, percent, today

routes = Blueprint("receipts", __name__, url_prefix="/receipts")

STATES = ("valid", "voided")


@routes.get("/")
def listed():
    """Receipts, the newest first, with what waits and what of the law is to be looked at."""
    giving = clients.giving()
    chosen = {name: request.args[name].strip() for name in ("number", "state") if request.args.get(name)}
    asked = {name: value for name, value in chosen.items() if name != "state" or value in STATES}
    found = giving.get("/receipts", **asked, after=request.args.get("after"), limit=50)
    waiting = tried(giving.get, "/receipt-cases/counts") or {"items": []}
    law = tried(giving.get, "/tax-parameters") or {"items": []}
    entities = tried(giving.get, "/entities", limit=100) or {"items": []}
    batches = tried(giving.get, "/receipt-batches", limit=3) or {"items": []}
    told = {"held": waiting["items"], "entities": entities["items"], "chosen": asked}
    told |= {"batches": batches["items"], "last_year": today().year - 1}
    due = [each | {"shown": value(each)} for each in law["items"] if each["is_due"]]
    return render_template(
        "console/receipts.html", found=found, due=due, reasons=reasons(), law=parameters(), **told
    )


@routes.get("/waiting")
def waiting():
    """Gifts on no receipt for one reason."""
    reason = request.args.get("reason", "")
    asked = {"reason": reason} if reason in reasons() else {}
    found = clients.giving().get("/receipt-cases", **asked, after=request.args.get("after"), limit=50)
    return render_template("console/receipts_waiting.html", found=found, reason=reason, reasons=reasons())


@routes.post("/waiting/<donation_id>")
def issue(donation_id: str):
    """Issue the receipt of one gift now."""
    try:
        made = clients.giving().post(f"/donations/{segment(donation_id)}/receipts")
    except Problem as problem:
        if problem.code != "receipt_not_possible":
            raise
        known = reasons()
        why = "; ".join(known[each][0] for each in problem.body.get("reasons", []) if each in known)
        said = _("No receipt can be issued: %(why)s.", why=why)
        return then(said, "console.receipts.waiting", kind="bad", **request.args)
    return then(_("Receipt %(number)s is issued.", number=made["number"]), "console.receipts.listed")


@routes.post("/<receipt_id>/duplicate")
def duplicate(receipt_id: str):
    """The receipt as PDF, marked as a duplicate."""
    answer = clients.giving().raw("POST", f"/receipts/{segment(receipt_id)}/duplicates", timeout_s=20)
    clients.giving().check(answer)
    file = Response(answer.content, content_type="application/pdf")
    file.headers["Content-Disposition"] = answer.headers["content-disposition"]
    return file


@routes.post("/<receipt_id>/void")
def void(receipt_id: str):
    """Void a receipt for an error, with a word on it."""
    try:
        wish = {"note": request.form.get("note", "").strip()}
        made = clients.giving().post(f"/receipts/{segment(receipt_id)}/voids", wish)
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        said = _("It is void already.") if problem.status == 409 else _("Say in a few words what is wrong.")
        return then(said, "console.receipts.listed", kind="bad")
    if made["replacement"]:
        said = _("Voided. Receipt %(number)s stands for it.", number=made["replacement"]["number"])
        return then(said, "console.receipts.listed")
    return then(_("Voided. Nothing stands for it, and the donor is told."), "console.receipts.listed")


@routes.post("/law")
def confirm():
    """Somebody looked: the value holds for another year."""
    form = Filled(request.form)
    wish = {"name": form.value("name"), "from_on": form.value("from_on")}
    clients.giving().post("/tax-parameters/reviews", wish)
    return then(_("Confirmed: it will be asked again in a year."), "console.receipts.listed")


@routes.post("/yearly")
def yearly():
    """Issue the yearly receipts of an entity, in the background."""
    form = Filled(request.form)
    year = form.value("year")
    wish = {
        "entity_id": form.value("entity_id"),
        "year": int(year) if year.isascii() and year.isdigit() else 0,
    }
    try:
        clients.giving().post("/receipt-batches", wish, key=key_of(form.value("key"), wish))
    except Problem as problem:
        if problem.status != 422:
            raise
        return then(_("Choose a year that has begun."), "console.receipts.listed", kind="bad")
    return then(_("The yearly receipts are being issued; this page counts them."), "console.receipts.listed")


@routes.get("/entities/<entity_id>/declaration")
def declaration(entity_id: str):
    """What the yearly declaration asks for."""
    typed = request.args.get("year", "")
    year = int(typed) if typed.isascii() and typed.isdigit() and len(typed) == 4 else today().year - 1
    where = f"/entities/{segment(entity_id)}/receipt-declaration"
    told = clients.giving().get(where, year=min(max(year, 2000), 2100))
    return render_template("console/receipt_declaration.html", told=told, entity_id=entity_id, year=year)


@routes.get("/entities/<entity_id>/concordance.csv")
def concordance(entity_id: str):
    """Each receipt beside its entry in the books and its payment, as a file asked from our own pages."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        abort(403, description="forged")
    where = f"/entities/{segment(entity_id)}/receipt-concordance"
    asked = {"year": request.args.get("year", ""), "locale": language()}
    answer = clients.giving().raw("GET", where, params=asked, timeout_s=60)
    clients.giving().check(answer)
    file = Response(answer.content, content_type="text/csv; charset=utf-8")
    file.headers["Content-Disposition"] = 'attachment; filename="concordance.csv"'
    return file


def reasons() -> dict[str, tuple[str, str]]:
    """Why a gift is on no receipt, and what takes that away."""
    nothing = _("Nothing: such a gift has no receipt.")
    return {
        "settings_incomplete": (_("the entity's settings are not complete"), _("Complete its settings.")),
        "no_date_rule": (
            _("no rule says which date counts for this means of payment"),
            _("Choose one in the settings; the accountant knows."),
        ),
        "not_entitled": (
            _("the entity may issue no receipt for it"),
            _("A document that entitles the entity."),
        ),
        "currency": (_("the gift is not in euros"), nothing),
        "address_missing": (
            _("the donor has not said whom it is made out to"),
            _("The donor can, on the page of the gift."),
        ),
        "not_taxed_in_france": (
            _("the donor pays tax abroad"),
            _("Issue it here when the donor asks: some are taxed in France all the same."),
        ),
        "not_yet_received": (_("the money has not come in by the entity's rule"), _("Time.")),
        "yearly": (_("the donor chose one receipt a year"), _("January, or here when the donor asks.")),
        "counterparts_over_share": (_("counterparts over a quarter of the gift"), nothing),
        "counterparts_over_ceiling": (_("counterparts over the year's ceiling"), nothing),
        "refunded": (_("the gift was given back"), nothing),
        "disputed": (_("the payment is disputed"), _("The dispute, when it is won.")),
        "erased": (_("the donor was erased"), nothing),
        "on_a_receipt": (_("it is on a receipt"), nothing),
    }


def value(parameter: dict) -> str:
    """A value in the unit that its name ends with."""
    if parameter["name"].endswith("_minor"):
        return money(parameter["value"], "EUR")
    if parameter["name"].endswith("_percent_hundredths"):
        return percent(parameter["value"], 10_000)
    return number(parameter["value"])


def parameters() -> dict[str, str]:
    """What the law sets, in the office's words."""
    return {
        "counterpart_share_percent_hundredths": _("Counterparts: most of a gift"),
        "counterpart_ceiling_minor": _("Counterparts: most a year and donor"),
        "company_counterpart_share_percent_hundredths": _("Counterparts to companies: most of a gift"),
        "company_agreement_minor": _("Company gifts: from this sum on an agreement"),
        "wealth_tax_rate_percent_hundredths": _("Wealth tax: rate"),
        "wealth_tax_ceiling_minor": _("Wealth tax: most reduction"),
        "company_rate_percent_hundredths": _("Companies: rate"),
        "company_rate_above_percent_hundredths": _("Companies: rate above the threshold"),
        "company_rate_threshold_minor": _("Companies: threshold of the lower rate"),
        "company_base_minor": _("Companies: least ceiling of the base"),
        "declaration_months": _("Yearly declaration: months after closing"),
        "public_appeal_minor": _("Appeal to the public: declared from this sum on"),
        "large_gifts_minor": _("Gifts: published accounts from this sum on"),
    }
