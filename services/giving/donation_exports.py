"""Donation exports: gifts that a search finds, as a file for a spreadsheet; each leaves a trace."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from services.giving.donation_records import listed
from services.giving.donation_searches import SORTS, DonationFilter, search
from services.giving.models import Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import RightMissing, caller
from shared.clock import now
from shared.http import Blueprint
from shared.i18n import LOCALES
from shared.spreadsheets import csv_file, moment

routes = Blueprint("donation_exports", __name__, url_prefix="/api/v1/giving/donation-exports")

MOST = 100_000
HEADS = {
    "fr": (
        *("Commencé le", "Encaissé le", "Remboursé le", "Donateur", "Promotion", "Courriel"),
        *("Campagne", "État", "Montant demandé", "Montant encaissé", "Montant remboursé"),
        *("Montant contesté", "Montant conservé", "Devise", "Référence"),
    ),
    "en": (
        *("Begun on", "Received on", "Refunded on", "Donor", "Class", "Email"),
        *("Campaign", "Status", "Amount asked", "Amount received", "Amount refunded"),
        *("Amount disputed", "Amount kept", "Currency", "Reference"),
    ),
}
STANDING = {
    "fr": {
        "received": "encaissé",
        "awaiting": "en attente d’encaissement",
        "refunded": "remboursé",
        "disputed": "contesté par la banque du donateur",
        "open": "encore ouvert",
        "declined": "refusé par la banque",
        "abandoned": "abandonné",
    },
    "en": {
        "received": "received",
        "awaiting": "awaiting collection",
        "refunded": "refunded",
        "disputed": "disputed by the donor’s bank",
        "open": "still open",
        "declined": "refused by the bank",
        "abandoned": "abandoned",
    },
}
DECIMAL = {"fr": ",", "en": "."}


class ExportWish(DonationFilter):
    """Which gifts, and in which language the file is."""

    locale = fields.String(load_default="fr", validate=validate.OneOf(LOCALES))


@routes.post("", allow="people.export")
@routes.arguments(ExportWish)
@routes.response(
    200, {"type": "string"}, content_type="text/csv", description="A CSV file, for a spreadsheet."
)
def create(wish: dict[str, Any]) -> Response:
    """The gifts found, the newest first, at most 100,000, as CSV; `giving.read` is needed too."""
    if not caller().has("giving.read"):
        raise RightMissing
    locale = wish.pop("locale")
    with Transaction() as session:
        text = export(session, locale=locale, by=caller().person_id, at=now(), **wish)
    name = {"Content-Disposition": "attachment; filename=amicale-dons.csv"}
    return Response(text, content_type="text/csv; charset=utf-8", headers=name)


def export(session: Session, *, locale: str, by: UUID | None, at: datetime, **asked: Any) -> str:
    """The file, and its row in the audit trail: who took how many gifts, by which filters."""
    found = search(session, at=at, **asked).order_by(*SORTS["newest"]).limit(MOST)
    rows = [_row(listed(session, gift), locale) for gift in session.execute(found)]
    audit.record(
        session,
        by=by,
        action="donations.exported",
        subject=("donations", len(rows)),
        fields=sorted(name for name, value in asked.items() if (name, value) != ("standing", "given")),
        right="people.export",
        at=at,
        key=current().link_key,
    )
    return csv_file(HEADS[locale], rows)


def _row(gift: dict[str, Any], locale: str) -> list[str]:
    donor = gift["donor"]
    return [
        *(moment(gift[name], locale) for name in ("created_at", "settled_at", "refunded_at")),
        f"{donor['given_name']} {donor['family_name']}".strip(),
        str(donor["class_year"] or ""),
        donor["email"] or "",
        gift["campaign"].title[locale],
        STANDING[locale][gift["standing"]],
        *(f"{minor / 100:.2f}".replace(".", DECIMAL[locale]) for minor in _amounts(gift)),
        gift["currency"],
        str(gift["id"]),
    ]


def _amounts(gift: dict[str, Any]) -> tuple[int, int, int, int, int]:
    """Asked, received, refunded, disputed, kept: each column adds up to what the console's list says."""
    asked = gift["amount_minor"]
    received = asked if gift["settled_at"] else 0
    refunded, disputed = gift["refunded_minor"], gift["disputed_minor"]
    return asked, received, refunded, disputed, received - refunded - disputed
