"""Daily receipts: what came in each day by account and means, for the accountant of a public body."""

from datetime import date
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving import books, ledger_exports
from services.giving.ledger_accounts import Chart
from services.giving.ledger_exports import LedgerExportWish
from services.giving.models import Transaction
from services.giving.models.ledger import GIFTS
from shared.auth import caller
from shared.clock import ZONE, now
from shared.http import Blueprint
from shared.spreadsheets import DAY, amount, csv_file

routes = Blueprint("daily_receipts", __name__, url_prefix="/api/v1/giving/entities")

HEADS = {
    "fr": ("Date", "Compte", "Libellé", "Moyen", "Nombre", "Montant brut", "Frais", "Montant net", "Devise"),
    "en": ("Date", "Account", "Name", "Means", "Count", "Gross", "Fees", "Net", "Currency"),
}
MEANS = {
    "fr": {"card": "Carte bancaire", "sepa_debit": "Prélèvement SEPA", "other": "Autre paiement en ligne"},
    "en": {"card": "Card", "sepa_debit": "SEPA debit", "other": "Other online payment"},
}

SUMS = text(
    """
    select cast(t.at at time zone :zone as date) as day, e.fund_id, e.currency,
           case when s.method_kind in ('card', 'sepa_debit') then s.method_kind else 'other' end as means,
           count(*) as count, sum(e.credit_minor) as gross, coalesce(sum(s.fee_minor), 0) as fees
    from ledger_transactions t
    join ledger_entries e on e.transaction_id = t.id and e.account = 'gifts'
    join settlements s on s.donation_id = t.donation_id
    where t.entity_id = :entity_id and t.kind = 'gift' and t.at >= :since and t.at < :until
    group by 1, 2, 3, 4
    """
)


@routes.post("/<uuid:entity_id>/daily-receipt-exports", allow="giving.read")
@routes.arguments(LedgerExportWish)
@routes.response(
    200, {"type": "string"}, content_type="text/csv", description="A CSV file, for a spreadsheet."
)
def create(wish: dict[str, Any], entity_id: UUID) -> Response:
    """One line for each day, account and means: how many gifts, gross, fees as far as they are known, net."""
    ledger_exports.require_right()
    locale, period = wish.pop("locale"), wish
    with Transaction() as session:
        found = receipts(session, entity_id, **period)
        ledger_exports.note(session, entity_id, "daily_receipts", by=caller().person_id, at=now(), **period)
    name = f"amicale-recettes-{period['first_day']}-{period['last_day']}.csv"
    whole = csv_file(HEADS[locale], [_row(each, locale) for each in found])
    return ledger_exports.file([whole], name, content_type="text/csv")


def receipts(session: Session, entity_id: UUID, *, first_day: date, last_day: date) -> list[dict[str, Any]]:
    """The lines, by day, account and means; funds of one account number are one line."""
    chart = Chart.of(session, entity_id)
    period = {"since": books.begins(first_day), "until": books.ends(last_day), "zone": ZONE.key}
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in session.execute(SUMS, {"entity_id": entity_id, **period}):
        account = chart.account(GIFTS, row.fund_id)
        place = (row.day, account.number, row.means, row.currency)
        line = lines.setdefault(
            place, {"account": account, **dict.fromkeys(("count", "gross_minor", "fees_minor"), 0)}
        )
        line |= {"day": row.day, "means": row.means, "currency": row.currency}
        line["count"] += row.count
        line["gross_minor"] += int(row.gross)
        line["fees_minor"] += int(row.fees)
    return [lines[place] for place in sorted(lines)]


def _row(line: dict[str, Any], locale: str) -> list[str]:
    gross, fees, currency = line["gross_minor"], line["fees_minor"], line["currency"]
    return [
        f"{line['day']:{DAY[locale]}}",
        line["account"].number,
        line["account"].label,
        MEANS[locale][line["means"]],
        str(line["count"]),
        *(amount(minor, currency, locale) for minor in (gross, fees, gross - fees)),
        currency,
    ]
