"""Ledger exports: what the three files of the books share. Each is in the trail first, then streamed."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate
from sqlalchemy import Row, TextClause
from sqlalchemy.orm import Session

from services.giving.books import Period
from services.giving.models import Transaction
from services.giving.settings import current
from shared import audit, auth
from shared.i18n import LOCALES

FETCHED = 2_000

KINDS = {
    "fr": {
        "gift": "Don encaissé",
        "fee": "Frais du prestataire de paiement",
        "refund": "Don remboursé",
        "refund_returned": "Remboursement rejeté",
        "dispute": "Don contesté",
        "dispute_won": "Contestation gagnée",
        "surplus": "Paiement en double",
        "surplus_refund": "Paiement en double remboursé",
        "payout": "Versement à la banque",
        "payout_returned": "Versement rejeté par la banque",
        "unexplained": "Mouvement inexpliqué",
        "correction": "Contre-passation",
    },
    "en": {
        "gift": "Gift received",
        "fee": "Fee of the payment provider",
        "refund": "Gift refunded",
        "refund_returned": "Refund sent back",
        "dispute": "Gift disputed",
        "dispute_won": "Dispute won",
        "surplus": "Paid twice",
        "surplus_refund": "Second payment refunded",
        "payout": "Payout to the bank",
        "payout_returned": "Payout sent back by the bank",
        "unexplained": "Unexplained movement",
        "correction": "Reversing entry",
    },
}
"""What each kind of transaction is called in a file."""


class LedgerExportWish(Period):
    """Which period, and in which language the file is."""

    locale = fields.String(load_default="fr", validate=validate.OneOf(LOCALES))


def note(
    session: Session,
    entity_id: UUID,
    what: str,
    *,
    first_day: date,
    last_day: date,
    by: UUID | None,
    at: datetime,
) -> None:
    """Who took which file of which period, in the audit trail."""
    audit.record(
        session,
        by=by,
        action="ledger.exported",
        subject=("entity", entity_id),
        right="giving.read",
        reason=what,
        detail={"first_day": first_day, "last_day": last_day},
        at=at,
        key=current().link_key,
    )


def require_right() -> None:
    """A right that was lost a moment ago takes no file."""
    auth.require_live(auth.caller(), "giving.read")


def read(statement: TextClause, values: dict[str, Any]) -> Iterator[Row[Any]]:
    """Its rows by a cursor of the server: as many as there are, some thousands at a time."""
    with Transaction() as session:
        found = session.connection().execution_options(yield_per=FETCHED).execute(statement, values)
        yield from found


def file(parts: Iterable[str], name: str, *, content_type: str) -> Response:
    """A file that is sent while it is made."""
    head = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(parts, content_type=f"{content_type}; charset=utf-8", headers=head)
