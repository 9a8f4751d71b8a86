"""The receipt as a document: PDF/A by typst, from what was frozen; printed again, the same bytes.

Mentions: arrêté of the model 2041-RD (Cerfa 11580*05) and 2041-MEC-SD (Cerfa 16216*02); a layout of one's
own is allowed when every mention of the model is there (BOI-IR-RICI-250-40).
"""

import io
import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst

from services.giving import french_amounts, receipt_checks
from services.giving.models import Receipt, ReceiptLine, ReceiptVoid
from services.giving.models.receipts import COMPANIES, WEALTH_TAX
from shared.addresses import countries
from shared.clock import today
from shared.i18n import format_day
from shared.money import format_money
from shared.typography import french

LAYOUT = Path(__file__).with_name("receipt.typ")
NARROW = "\u202f"
BYTES = "application/octet-stream"
"""How the interface answers with a PDF: what clients are generated from it know as a file."""
CATEGORIES = {
    "university": "Établissement public d’enseignement supérieur",
    "partnership_foundation": "Fondation partenariale (code de l’éducation, art. L. 719-13)",
    "university_foundation": "Fondation universitaire (code de l’éducation, art. L. 719-12)",
    "public_utility": "Fondation ou association reconnue d’utilité publique",
    "endowment_fund": "Fonds de dotation (loi n° 2008-776, art. 140)",
    "general_interest": "Œuvre ou organisme d’intérêt général",
    "association": "Association d’intérêt général",
}
DOCUMENTS = {
    "statute": "Statuts",
    "decree": "Décret ou arrêté",
    "ruling": "Réponse de l’administration (art. L. 80 C du LPF)",
    "approval": "Agrément",
}
MEANS = {"card": "Carte bancaire", "sepa_debit": "Prélèvement", "transfer": "Virement"}
CERFA = {False: "Cerfa n° 11580*05", True: "Cerfa n° 16216*02"}
TITLES = {
    False: "Reçu au titre des dons à certains organismes d’intérêt général",
    True: "Reçu des dons et versements effectués par les entreprises",
}
LAWS = {
    False: "Articles 200 et 978 du code général des impôts (CGI)",
    True: "Article 238 bis du code général des impôts (CGI)",
}
CERTIFICATES = {
    False: "Le bénéficiaire certifie sur l’honneur que les dons et versements qu’il reçoit ouvrent droit à la"
    " réduction d’impôt prévue à l’article :",
    True: "Le bénéficiaire certifie sur l’honneur que les dons et versements qu’il reçoit ouvrent droit à la"
    " réduction d’impôt prévue à l’article 238 bis du CGI.",
}


def render(
    receipt: Receipt,
    lines: Sequence[ReceiptLine],
    to: dict[str, Any],
    *,
    void: ReceiptVoid | None = None,
    duplicate: bool = False,
) -> bytes:
    """The PDF. A voided receipt is stamped as such, a reprint as a duplicate; the number stays."""
    said = told(receipt, lines, to, void=void, duplicate=duplicate)
    made = typst.compile(
        _layout(),
        format="pdf",
        sys_inputs={"data": json.dumps(said, ensure_ascii=False)},
        pdf_standards="a-3b",
        ignore_system_fonts=True,
        timestamp=int(receipt.issued_at.timestamp()),
    )
    return bytes(made)


@cache
def _layout() -> bytes:
    return LAYOUT.read_bytes()


def told(
    receipt: Receipt,
    lines: Sequence[ReceiptLine],
    to: dict[str, Any],
    *,
    void: ReceiptVoid | None,
    duplicate: bool,
) -> dict[str, Any]:
    """All that the document says, as text."""
    frozen, company = receipt.frozen, receipt.article == COMPANIES
    check = receipt_checks.address(receipt)
    issued_on = today(receipt.issued_at)
    stamp = "ANNULÉ" if void else "DUPLICATA" if duplicate else None
    return {
        "company": company,
        "title": TITLES[company],
        "law": LAWS[company],
        "cerfa": CERFA[company],
        "certificate": french(CERTIFICATES[company]),
        "number": receipt.order_number,
        "replaces": frozen.get("replaces"),
        "stamp": stamp,
        "note": _note(void, duplicate),
        "date": [issued_on.year, issued_on.month, issued_on.day],
        "entity": _entity(frozen),
        "donor": _donor(to),
        "amount": format_money(receipt.amount_minor, receipt.currency, "fr"),
        "words": french_amounts.in_words(receipt.amount_minor),
        "when": _when(receipt, "fr"),
        "article": receipt.article,
        "counterparts": _counterparts(frozen, company),
        "issued": format_day(issued_on, "fr"),
        "signatory": frozen["signatory"],
        "qr": _qr(check),
        "check": check,
        "lines": [_line(each, receipt.currency) for each in sorted(lines, key=lambda x: x.paid_on)],
        "english": _english(receipt) if frozen["locale"] == "en" else None,
    }


def _note(void: ReceiptVoid | None, duplicate: bool) -> str | None:
    if void:
        return (
            f"Reçu annulé le {format_day(today(void.voided_at), 'fr')}. Il n’ouvre droit à aucune réduction."
        )
    return "Duplicata" if duplicate else None


def _entity(frozen: dict[str, Any]) -> dict[str, Any]:
    sheltered, document = frozen.get("sheltered_body"), frozen["entitlement"]
    number = f"SIREN {_spaced(frozen['siren'])}" if frozen["siren"] else f"RNA {frozen['rna']}"
    dated = format_day_of(document["dated_on"])
    return {
        "name": frozen["name"],
        "title": frozen["name"],
        "subtitle": f"{sheltered}, abritée par {frozen['name']}" if sheltered else None,
        "address": _lines(frozen["address"]),
        "register": number,
        "purpose": frozen["purpose"],
        "category": CATEGORIES[frozen["category"]],
        "document": f"{DOCUMENTS[document['kind']]}, {document['reference']}, du {dated}",
    }


def format_day_of(day: str) -> str:
    """A day as JSON holds it, in French words."""
    return format_day(date.fromisoformat(day), "fr")


def _spaced(siren: str) -> str:
    return NARROW.join((siren[:3], siren[3:6], siren[6:]))


def _lines(address: dict[str, Any]) -> list[str]:
    """As on an envelope; the country only when it is not France."""
    town = f"{address.get('postal_code', '')} {address['city']}".strip()
    abroad = address["country"] != "FR"
    said = [address["street"], address.get("extra"), town]
    return [*filter(None, said), *([countries("fr")[address["country"]].upper()] if abroad else [])]


def _donor(to: dict[str, Any]) -> dict[str, Any]:
    if to.get("legal_name"):
        facts = [
            ("Dénomination :", to["legal_name"]),
            ("Forme juridique :", to["legal_form"]),
            ("SIREN :", _spaced(to["siren"])),
        ]
    else:
        facts = [("Nom :", to["family_name"]), ("Prénoms :", to.get("given_name", ""))]
    return {"facts": facts, "address": _lines(to["address"])}


def _when(receipt: Receipt, locale: str) -> tuple[str, str]:
    first, last = format_day(receipt.first_on, locale), format_day(receipt.last_on, locale)
    if receipt.first_on == receipt.last_on:
        return ("Date du versement :", first) if locale == "fr" else ("Paid on", first)
    if locale == "fr":
        return "Versements reçus :", f"du {first} au {last}"
    return "Paid", f"from {first} to {last}"


def _counterparts(frozen: dict[str, Any], company: bool) -> str | None:
    if not frozen["counterparts_minor"] or not company:
        return None
    return "Les contreparties accordées figurent dans la convention de mécénat."


def _line(line: ReceiptLine, currency: str) -> tuple[str, str, str]:
    amount = format_money(line.amount_minor, currency, "fr")
    return format_day(line.paid_on, "fr"), MEANS.get(line.means, line.means), amount


def _qr(address: str) -> str:
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", border=0, dark="#1d2433")
    return out.getvalue().decode()


def _english(receipt: Receipt) -> dict[str, Any]:
    """What an English speaker needs to use a French receipt."""
    amount = format_money(receipt.amount_minor, receipt.currency, "en")
    article = {COMPANIES: "238 bis (companies)", WEALTH_TAX: "978 (tax on real estate wealth)"}
    return {
        "facts": [
            ("Receipt number", receipt.order_number),
            ("Issued by", receipt.frozen["name"]),
            ("Amount", amount),
            _when(receipt, "en"),
            ("Article of the tax code", article.get(receipt.article, "200 (income tax)")),
        ],
        "words": [
            "Keep this receipt with your tax papers. You declare the amount of your gifts in your French tax"
            " return; the receipt is shown to the tax office when it asks for it.",
            "Anyone can check the number, date and amount of this receipt by the code printed on it.",
        ],
    }


def filename(receipt: Receipt) -> str:
    """What the file is called when it is kept."""
    return f"recu-fiscal-{receipt.order_number}.pdf"
