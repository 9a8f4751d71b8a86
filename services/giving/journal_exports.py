"""Journal exports: every entry of a period, in the order of the books, as a file for a spreadsheet."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import Row, select, text

from services.giving import books, ledger_exports
from services.giving.ledger_accounts import Chart
from services.giving.ledger_exports import LedgerExportWish
from services.giving.models import Campaign, Transaction
from shared.auth import caller
from shared.clock import now
from shared.http import Blueprint
from shared.i18n import words
from shared.spreadsheets import amount, csv_parts, day

routes = Blueprint("journal_exports", __name__, url_prefix="/api/v1/giving/entities")

HEADS = {
    "fr": (
        *("N° d’écriture", "Date", "Date de valeur", "Compte", "Libellé du compte", "Opération"),
        *("Pièce", "Don", "Campagne", "Débit", "Crédit", "Devise"),
    ),
    "en": (
        *("Number", "Date", "Value date", "Account", "Account name", "Operation"),
        *("Reference", "Gift", "Campaign", "Debit", "Credit", "Currency"),
    ),
}

# By ix_ledger_transactions_journal in its own order: nothing is sorted, and the first row comes at once.
ENTRIES = text(
    """
    select n.number, t.at, t.value_at, t.kind, t.reference, t.donation_id,
           e.account, e.fund_id, e.campaign_id, e.debit_minor, e.credit_minor, e.currency
    from ledger_transactions t join ledger_entries e on e.transaction_id = t.id
    left join ledger_numbers n on n.transaction_id = t.id
    where t.entity_id = :entity_id and t.at >= :since and t.at < :until
    order by t.at, t.id, e.line
    """
)


@routes.post("/<uuid:entity_id>/journal-exports", allow="giving.read")
@routes.arguments(LedgerExportWish)
@routes.response(
    200, {"type": "string"}, content_type="text/csv", description="A CSV file, for a spreadsheet."
)
def create(wish: dict[str, Any], entity_id: UUID) -> Response:
    """Every entry of the period, the oldest first; a transaction without a number is provisional."""
    ledger_exports.require_right()
    locale, period = wish.pop("locale"), wish
    with Transaction() as session:
        chart = Chart.of(session, entity_id)
        titles = session.execute(select(Campaign.id, Campaign.title)).all()
        ledger_exports.note(session, entity_id, "journal", by=caller().person_id, at=now(), **period)
    campaigns = {id: words(title, locale) for id, title in titles}
    parts = csv_parts(HEADS[locale], rows(entity_id, chart, campaigns, locale=locale, **period))
    name = f"amicale-journal-{period['first_day']}-{period['last_day']}.csv"
    return ledger_exports.file(parts, name, content_type="text/csv")


def rows(
    entity_id: UUID, chart: Chart, campaigns: dict[UUID, str], *, first_day: date, last_day: date, locale: str
) -> Iterator[list[str]]:
    """Its lines, while they are read."""
    period = {"since": books.begins(first_day), "until": books.ends(last_day)}
    kinds = ledger_exports.KINDS[locale]
    for each in ledger_exports.read(ENTRIES, {"entity_id": entity_id, **period}):
        yield _row(each, chart, campaigns, kinds, locale)


def _row(
    each: Row[Any], chart: Chart, campaigns: dict[UUID, str], kinds: dict[str, str], locale: str
) -> list[str]:
    account = chart.account(each.account, each.fund_id)
    return [
        str(each.number or ""),
        day(each.at, locale),
        day(each.value_at or each.at, locale),
        account.number,
        account.label,
        kinds[each.kind],
        each.reference,
        str(each.donation_id or ""),
        campaigns.get(each.campaign_id, ""),
        amount(each.debit_minor, each.currency, locale),
        amount(each.credit_minor, each.currency, locale),
        each.currency,
    ]
