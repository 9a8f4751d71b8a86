"""FEC exports: the file of accounting entries that a French inspector asks for, one fiscal year at a time.

Livre des procédures fiscales, art. A. 47 A-1 (arrêté of 29 July 2013): eighteen columns between tabs, days
as YYYYMMDD, a decimal comma, amounts in euros. These books are one auxiliary journal, so that its numbers
are continuous in themselves; opening balances stand in the books that it is taken over into.
"""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import Row, exists, select, text
from sqlalchemy.orm import Session

from services.giving import books, ledger_exports, ledger_numbers
from services.giving.ledger_accounts import Chart
from services.giving.models import LedgerEntry, LedgerTransaction, Transaction
from shared.auth import caller
from shared.clock import ZONE, now
from shared.errors import Conflict
from shared.http import Blueprint
from shared.spreadsheets import AT_ONCE, amount, harmless

routes = Blueprint("fec_exports", __name__, url_prefix="/api/v1/giving/entities")

COLUMNS = (
    *("JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib"),
    *("CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit"),
    *("EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise"),
)
JOURNAL = ("DON", "Dons en ligne")

# By the numbers' primary key, in its order.
ENTRIES = text(
    """
    select n.number, n.numbered_at, t.at, t.value_at, t.kind, t.reference,
           e.account, e.fund_id, e.debit_minor, e.credit_minor, e.currency
    from ledger_numbers n join ledger_transactions t on t.id = n.transaction_id
    join ledger_entries e on e.transaction_id = t.id
    where n.entity_id = :entity_id and n.year = :year
    order by n.number, e.line
    """
)


class EntityWithoutSiren(Conflict):
    """The file bears the SIREN of the entity: it must be set first."""


class NotInEuros(Conflict):
    """The file is in euros, and transactions of this year are not."""


class FecWish(Schema):
    """Which fiscal year, by its last day."""

    last_day = fields.Date(required=True, validate=validate.Range(books.FIRST, books.LAST))


@routes.post(
    "/<uuid:entity_id>/fec-exports",
    allow="giving.read",
    refuses=(EntityWithoutSiren, books.NoYearEndsThen, NotInEuros),
)
@routes.arguments(FecWish)
@routes.response(
    200, {"type": "string"}, content_type="text/plain", description="The file, of the name that it must have."
)
def create(wish: dict[str, date], entity_id: UUID) -> Response:
    """The year's entries by their number; what had none yet is numbered first."""
    ledger_exports.require_right()
    last_day, at = wish["last_day"], now()
    with Transaction() as session:
        first_day = checked(session, entity_id, last_day=last_day)
    while _numbered(entity_id, at=at):
        pass
    with Transaction() as session:
        chart, siren = Chart.of(session, entity_id), books.of(session, entity_id).siren
        period = {"first_day": first_day, "last_day": last_day}
        ledger_exports.note(session, entity_id, "fec", by=caller().person_id, at=at, **period)
    parts = lines(rows(entity_id, chart, year=first_day))
    return ledger_exports.file(parts, f"{siren}FEC{last_day:%Y%m%d}.txt", content_type="text/plain")


def _numbered(entity_id: UUID, *, at: datetime) -> int:
    with Transaction() as session:
        return ledger_numbers.give(session, entity_id, at=at)


def checked(session: Session, entity_id: UUID, *, last_day: date) -> date:
    """The first day of the year that ends on `last_day`; raises unless a file of it can be made."""
    entity = books.of(session, entity_id)
    if entity.siren is None:
        raise EntityWithoutSiren
    first_day = books.year_that_ends(entity, last_day)
    of_the_year = exists().where(
        LedgerEntry.transaction_id == LedgerTransaction.id,
        LedgerEntry.currency != "EUR",
        LedgerTransaction.entity_id == entity_id,
        LedgerTransaction.at >= books.begins(first_day),
        LedgerTransaction.at < books.ends(last_day),
    )
    if session.execute(select(of_the_year)).scalar_one():
        raise NotInEuros
    return first_day


def rows(entity_id: UUID, chart: Chart, *, year: date) -> Iterator[list[str]]:
    """The year's entries, while they are read."""
    for each in ledger_exports.read(ENTRIES, {"entity_id": entity_id, "year": year}):
        yield _row(each, chart)


def _row(each: Row[Any], chart: Chart) -> list[str]:
    account = chart.account(each.account, each.fund_id)
    return [
        *JOURNAL,
        str(each.number),
        _day(each.at),
        account.number,
        harmless(account.label),
        "",
        "",
        harmless(each.reference),
        _day(each.value_at or each.at),
        ledger_exports.KINDS["fr"][each.kind],
        amount(each.debit_minor, each.currency, "fr"),
        amount(each.credit_minor, each.currency, "fr"),
        "",
        "",
        _day(each.numbered_at),
        "",
        "",
    ]


def _day(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y%m%d}"


def lines(found: Iterator[list[str]]) -> Iterator[str]:
    """The file a part at a time: a line of names, then one for each entry."""
    yield "\t".join(COLUMNS) + "\r\n"
    while some := list(islice(found, AT_ONCE)):
        yield "".join("\t".join(row) + "\r\n" for row in some)
