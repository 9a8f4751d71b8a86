"""An entity's receipt settings: who it is, by which document it may, who signs, and which date counts."""

from typing import Any

from flask import Blueprint, abort, render_template, request
from flask_babel import gettext as _

from shared.addresses import countries
from web import clients, session
from web.clients import Problem, segment
from web.console.shell import then
from web.languages import language
from web.ui.forms import Filled

routes = Blueprint("receipt_settings", __name__, url_prefix="/receipts/entities")

PLAIN = ("siren", "rna", "purpose", "category", "receipt_series")
ADDRESS = ("street", "extra", "postal_code", "city", "country")
ARTICLES = ("200", "238bis", "978")
DOCUMENT = ("kind", "reference", "dated_on")
SIGNATORY = ("name", "capacity", "from_on", "until_on")
MEANS = ("card", "sepa_debit", "transfer")


@routes.get("/<entity_id>")
def edit(entity_id: str):
    """The settings as they stand, with what is missing on top."""
    told = _found(entity_id)
    return _page(told, Filled(_as_typed(told)))


@routes.post("/<entity_id>")
def change(entity_id: str):
    """Save them; what waited for them is issued within a minute."""
    if not session.visitor().may("giving.manage"):
        abort(403)
    form = Filled(request.form)
    try:
        kept = clients.giving().patch(f"/entities/{segment(entity_id)}/receipt-settings", _wish(form))
    except Problem as problem:
        if problem.status != 422:
            raise
        _refuse(form, problem)
        return _page(_found(entity_id), form), 422
    said = _("Saved. Nothing is missing: what waited is being issued.")
    if kept["missing"]:
        said = _("Saved. Receipts are issued once nothing is missing any more.")
    return then(said, "console.receipt_settings.edit", entity_id=entity_id)


def _found(entity_id: str) -> dict[str, Any]:
    return clients.giving().get(f"/entities/{segment(entity_id)}/receipt-settings")


def _page(told: dict[str, Any], form: Filled) -> str:
    rows = sum(1 for name in form.values if name.startswith("signatory_name_"))
    return render_template(
        "console/receipt_settings.html",
        entity=told,
        form=form,
        rows=max(rows, 1),
        missing=[missing()[each] for each in told["missing"]],
        categories=categories(),
        documents=documents(),
        articles=articles(),
        means=means(),
        dates=dates(),
        countries=countries(language()).items(),
    )


def _as_typed(told: dict[str, Any]) -> dict[str, str]:
    typed = {name: told[name] or "" for name in PLAIN}
    typed |= {name: (told["address"] or {"country": "FR"}).get(name, "") for name in ADDRESS}
    for article, document in told["entitlements"].items():
        typed |= {f"{name}_{article}": document[name] for name in DOCUMENT}
    for row, signatory in enumerate([*told["signatories"], {}]):
        typed |= {f"signatory_{name}_{row}": signatory.get(name) or "" for name in SIGNATORY}
    return typed | {f"date_{each}": told["date_rules"].get(each, "") for each in MEANS}


def _wish(form: Filled) -> dict[str, Any]:
    """What was typed, in the service's words; what is empty is said to be so."""
    wish: dict[str, Any] = {name: form.value(name) or None for name in PLAIN}
    address = {name: form.value(name) for name in ADDRESS if form.value(name)}
    wish["address"] = address if set(address) - {"country"} else None
    wish["entitlements"] = {
        article: {name: form.value(f"{name}_{article}") for name in DOCUMENT}
        for article in ARTICLES
        if form.value(f"reference_{article}") or form.value(f"dated_on_{article}")
    }
    rows = [
        {name: form.value(f"signatory_{name}_{row}") or None for name in SIGNATORY}
        for row in range(sum(1 for name in form.values if name.startswith("signatory_name_")))
    ]
    wish["signatories"] = [
        {name: value for name, value in each.items() if value} for each in rows if any(each.values())
    ]
    wish["date_rules"] = {each: form.value(f"date_{each}") for each in MEANS if form.value(f"date_{each}")}
    return wish


def _refuse(form: Filled, problem: Problem) -> None:
    """Each thing that was refused, beside its field when it has one of its own, else above the form."""
    sentences = {
        "siren": _("A SIREN has nine figures, and the last one checks the others. Compare it, please."),
        "rna": _("W and nine figures, like W751234567."),
        "postal_code": _("This postal code cannot be right."),
        "street": _("Write the number and the street."),
        "city": _("Write the town."),
        "receipt_series": _("Capital letters and figures, twelve at most."),
    }
    for field in problem.fields:
        name = field.rpartition(".")[2]
        if name in sentences:
            form.refuse(name, sentences[name])
    if any(
        part in field for field in problem.fields for part in ("signatories", "name", "capacity", "from_on")
    ):
        form.refuse("signatory_name_0", _("Each signatory has a name, a capacity and a first day."))
    if any(part in field for field in problem.fields for part in ("entitlements", "reference", "dated_on")):
        form.refuse("reference_200", _("Each document has a kind, a reference and a date."))
    if form.is_good:
        form.alert = _("Some of it cannot be accepted. Compare dates and signs, please.")


def missing() -> dict[str, str]:
    """What an entity has not said yet."""
    return {
        "register_number": _("its SIREN or RNA"),
        "address": _("its address"),
        "purpose": _("its purpose"),
        "category": _("its category"),
        "receipt_series": _("the series of its receipts"),
        "entitlement": _("a document that entitles it"),
        "signatory": _("somebody who may sign today"),
        "date_rules": _("which date counts, by means of payment"),
    }


def categories() -> list[tuple[str, str]]:
    """What the law calls such a body."""
    return [
        ("", _("Choose…")),
        ("university", _("University")),
        ("partnership_foundation", _("Partnership foundation")),
        ("university_foundation", _("University foundation")),
        ("public_utility", _("Body of public utility")),
        ("endowment_fund", _("Endowment fund")),
        ("general_interest", _("Body of general interest")),
        ("association", _("Association")),
    ]


def documents() -> list[tuple[str, str]]:
    """Kinds of documents that entitle."""
    return [
        ("statute", _("Statutes")),
        ("decree", _("Decree or order")),
        ("ruling", _("Ruling of the tax office (L. 80 C)")),
        ("approval", _("Approval")),
    ]


def articles() -> list[tuple[str, str]]:
    """The articles of the tax code."""
    return [
        ("200", _("Income tax (article 200)")),
        ("238bis", _("Companies (article 238 bis)")),
        ("978", _("Wealth tax (article 978)")),
    ]


def means() -> list[tuple[str, str]]:
    """Means of payment."""
    return [("card", _("Card")), ("sepa_debit", _("Direct debit")), ("transfer", _("Transfer"))]


def dates() -> list[tuple[str, str]]:
    """Which date counts; none by default."""
    return [
        ("", _("Not decided: no receipt")),
        ("captured", _("taken by the provider")),
        ("available", _("available at the provider")),
        ("arrived", _("arrived at the bank")),
    ]
