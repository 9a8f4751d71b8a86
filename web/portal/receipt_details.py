"""Whom a tax receipt is made out to: the fields of the giving form and of the gift's page, read alike."""

import re

from flask_babel import gettext as _

from shared.addresses import LINE_MOST, countries, is_postal_code, is_printed
from shared.names import is_line, is_too_long, tidy
from shared.siren import is_siren
from web.ui.forms import Filled

FIELDS = (
    *("receipt", "receipt_given_name", "receipt_family_name", "legal_name", "legal_form", "siren"),
    *("street", "extra", "postal_code", "city", "country", "tax_country", "yearly"),
)
OPTIONAL = frozenset({"extra", "receipt_given_name", "receipt_family_name"})


def read(form: Filled, *, names_asked: bool) -> dict | None:
    """The wish for a receipt in the service's words, None for none; what is wrong is written into the form.

    `names_asked`: the form asks a person's names for the receipt too, as it does once the gift was made.
    """
    wanted = form.value("receipt")
    if wanted not in {"person", "company"}:
        return None
    country = form.value("country", "FR")
    if country not in countries("fr"):
        form.refuse("country", _("Choose a country of the list."))
    address = {"street": line(form, "street"), "city": line(form, "city"), "country": country}
    address["postal_code"] = postal_code(form, country)
    if form.value("extra"):
        address["extra"] = line(form, "extra")
    told = {"address": address}
    if wanted == "company":
        told |= {"legal_name": line(form, "legal_name"), "legal_form": line(form, "legal_form")}
        return told | {"siren": siren(form)}
    if names_asked:
        names = {name: line(form, f"receipt_{name}") for name in ("given_name", "family_name")}
        told |= {name: value for name, value in names.items() if value}
    return told


def line(form: Filled, name: str) -> str:
    """One line that the receipt will bear."""
    typed = form.value(name)
    if not typed and name not in OPTIONAL:
        form.refuse(name, missing(name))
    elif is_too_long(typed, most=LINE_MOST) or len(typed) > LINE_MOST:
        form.refuse(name, _("That is too long: 120 characters at most."))
    elif typed and not (is_line(typed) and is_printed(typed)):
        form.refuse(name, _("Write it in Latin letters, as official papers do."))
    return tidy(typed[: 4 * LINE_MOST])


def missing(name: str) -> str:
    """What to say beside a field that is empty."""
    return {
        "street": _("Write the number and the street."),
        "city": _("Write the town."),
        "legal_name": _("Write the company's registered name."),
        "legal_form": _("Write the legal form, like SAS or SARL."),
    }[name]


def postal_code(form: Filled, country: str) -> str:
    """Five figures in France; abroad what is written there, or nothing."""
    typed = form.value("postal_code")
    plain = typed.replace(" ", "") if country == "FR" else typed
    if not is_postal_code(plain, country):
        in_france = _("A French postal code has five figures, like 35000.")
        form.refuse("postal_code", in_france if country == "FR" else _("This postal code cannot be right."))
    return plain[:12]


def siren(form: Filled) -> str:
    """The company's number, its last figure checked."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", form.value("siren")[:40])
    if not is_siren(plain):
        form.refuse(
            "siren", _("A SIREN has nine figures, and the last one checks the others. Compare it, please.")
        )
    return plain


def refuse(form: Filled, fields: dict[str, str]) -> None:
    """What the service said of these fields, beside them."""
    for name in ("street", "extra", "postal_code", "city", "country", "legal_name", "legal_form", "siren"):
        if any(field == name or field.endswith(f".{name}") for field in fields):
            form.refuse(name, _("This cannot be printed on a receipt as it is written."))
    for name in ("given_name", "family_name"):
        if any(field.endswith(name) and field != name for field in fields):
            form.refuse(f"receipt_{name}", _("Write it in Latin letters, as official papers do."))
