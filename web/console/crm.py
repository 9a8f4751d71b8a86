"""What the CRM's records are to the office: whom they are about, their fields and values in its words."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import format_decimal
from flask_babel import gettext as _

from web import clients, session
from web.clients import segment
from web.console.shell import tried
from web.languages import language


def people(records: Iterable[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """By party, the name of those whom this person may read, and where their page is."""
    return {party: _person(party) for party in {each["party_id"] for each in records} if party}


def _person(party_id: str) -> dict[str, str]:
    """A person of the directory, or a guest, known by their gifts; nothing for whom one may not read."""
    may = session.visitor().may
    found = tried(clients.directory().get, f"/people/{segment(party_id)}") if may("people.read") else None
    if found:
        return {"name": _name(found), "person_id": party_id}
    if may("giving.read"):
        gifts = tried(clients.giving().get, "/donations", party_id=party_id, limit=1)
        if gifts and gifts["items"]:
            gift = gifts["items"][0]
            return {"name": _name(gift["donor"]), "donation_id": gift["id"]}
    return {}


def _name(who: dict[str, Any]) -> str:
    return f"{who['given_name']} {who['family_name']}".strip() or _("Unnamed")


def field_name(name: str, entity: str) -> str:
    """A field of CiviCRM in the words of the office."""
    if entity == "participant":
        of_registration = {
            "status_id:name": _("Status of the registration"),
            "source": _("Seats of the registration"),
        }
        return of_registration.get(name, name)
    known = {
        "first_name": _("First name"),
        "last_name": _("Last name"),
        "email_primary.email": _("Email"),
        "preferred_language": _("Language"),
        "is_deceased": _("Deceased"),
        "total_amount": _("Amount of the gift"),
        "currency": _("Currency of the gift"),
        "contribution_status_id:name": _("Status of the gift"),
        "source": _("Campaign of the gift"),
    }
    return known.get(name, name)


def field_value(name: str, value: str) -> str:
    """A value as people write it; what is not known to us stays as the CRM wrote it."""
    if name == "total_amount":
        return _amount(value)
    if not value:
        return _("(empty)")
    known = {
        "preferred_language": {"fr_FR": _("French"), "en_US": _("English"), "en_GB": _("English")},
        "is_deceased": {"True": _("yes"), "False": _("no")},
        "contribution_status_id:name": {
            "Completed": _("received"),
            "Refunded": _("refunded"),
            "Cancelled": _("cancelled"),
            "Pending": _("pending"),
            "Failed": _("failed"),
        },
        "status_id:name": {
            "Registered": _("registered"),
            "Attended": _("came"),
            "No-show": _("did not come"),
            "Cancelled": _("cancelled"),
        },
    }
    return known.get(name, {}).get(value, value)


def _amount(value: str) -> str:
    try:
        return format_decimal(Decimal(value), format="#,##0.00", locale=language())
    except InvalidOperation:
        return value or _("(empty)")
