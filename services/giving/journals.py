"""The journal of an entity: every transaction of its books, the newest first."""

from datetime import date
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from services.giving import books
from services.giving.books import Period
from services.giving.ledger_accounts import Chart
from services.giving.models import LedgerEntry, LedgerNumber, LedgerTransaction, Transaction
from services.giving.models.ledger import ACCOUNTS, KINDS
from shared.http import Blueprint
from shared.money import Minor
from shared.pages import PageQuery, page, paged

routes = Blueprint("journals", __name__, url_prefix="/api/v1/giving/entities")

REFERENCE_MAX = 100


class JournalQuery(Period, PageQuery):
    """Which transactions. `reference` is the provider's id, or a gift's, as a whole."""

    account = fields.String(validate=validate.Length(3, 15))
    kind = fields.String(validate=validate.OneOf(KINDS))
    campaign_id = fields.UUID()
    reference = fields.String(validate=validate.Length(1, REFERENCE_MAX))


class EntryListed(Schema):
    """One side of a transaction."""

    account = fields.String(required=True, validate=validate.OneOf(ACCOUNTS))
    number = fields.String(required=True)
    label = fields.String(required=True)
    campaign_id = fields.UUID(required=True, allow_none=True)
    currency = fields.String(required=True)
    debit_minor = Minor(required=True)
    credit_minor = Minor(required=True)


class TransactionNamed(Schema):
    """A transaction. Without a `number` it is provisional; `value_at` is its own day when that was closed."""

    id = fields.UUID(required=True)
    number = fields.Integer(required=True, allow_none=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    at = fields.AwareDateTime(required=True)
    value_at = fields.AwareDateTime(required=True, allow_none=True)
    reference = fields.String(required=True)
    donation_id = fields.UUID(required=True, allow_none=True)


class TransactionListed(TransactionNamed):
    """With both its sides."""

    entries = fields.List(fields.Nested(EntryListed), required=True)


@routes.get("/<uuid:entity_id>/journal", allow="giving.read")
@routes.arguments(JournalQuery, location="query")
@routes.response(200, paged(TransactionListed))
def index(query: dict[str, Any], entity_id: UUID) -> Any:
    """The transactions of a period, the newest first."""
    pages = {name: query.pop(name) for name in ("after", "limit")}
    with Transaction() as session:
        chart = Chart.of(session, entity_id)
        wanted = (
            select(LedgerTransaction, LedgerNumber.number)
            .outerjoin(LedgerNumber, LedgerNumber.transaction_id == LedgerTransaction.id)
            .where(*matching(chart, entity_id, **query))
        )
        keys = [LedgerTransaction.at.desc(), LedgerTransaction.id.desc()]
        found = page(session, wanted, keys=keys, **pages)
        entries = _entries(session, chart, [row.LedgerTransaction.id for row in found["items"]])
        items = [_listed(row) | {"entries": entries[row.LedgerTransaction.id]} for row in found["items"]]
        return found | {"items": items}


def matching(
    chart: Chart,
    entity_id: UUID,
    *,
    first_day: date,
    last_day: date,
    account: str | None = None,
    kind: str | None = None,
    campaign_id: UUID | None = None,
    reference: str | None = None,
) -> list[ColumnElement[bool]]:
    """The transactions of a period that every filter fits."""
    asked: list[ColumnElement[bool]] = [
        LedgerTransaction.entity_id == entity_id,
        LedgerTransaction.at >= books.begins(first_day),
        LedgerTransaction.at < books.ends(last_day),
    ]
    if kind is not None:
        asked.append(LedgerTransaction.kind == kind)
    of_it = LedgerEntry.transaction_id == LedgerTransaction.id
    if account is not None:
        asked.append(exists().where(of_it, *on_account(chart, account)))
    if campaign_id is not None:
        asked.append(exists().where(of_it, LedgerEntry.campaign_id == campaign_id))
    if reference is not None:
        asked.append(_referred(reference.strip()))
    return asked


def on_account(chart: Chart, number: str) -> list[ColumnElement[bool]]:
    """The entries that stand under a number; NotFound when the entity has no such account."""
    accounts = chart.numbered(number)
    asked: list[ColumnElement[bool]] = [LedgerEntry.account == accounts[0].kind]
    funds = [each.fund_id for each in accounts if each.fund_id is not None]
    return [*asked, LedgerEntry.fund_id.in_(funds)] if funds else asked


def _referred(reference: str) -> ColumnElement[bool]:
    """By the unique key of kind and reference, every kind named; or by the gift."""
    theirs = LedgerTransaction.kind.in_(KINDS) & (LedgerTransaction.reference == reference)
    try:
        return or_(theirs, LedgerTransaction.donation_id == UUID(reference))
    except ValueError:
        return theirs


def _entries(session: Session, chart: Chart, ids: list[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {each: [] for each in ids}
    sides = select(LedgerEntry).where(LedgerEntry.transaction_id.in_(ids))
    for entry in session.execute(sides.order_by(LedgerEntry.transaction_id, LedgerEntry.line)).scalars():
        account = chart.account(entry.account, entry.fund_id)
        names = ("account", "campaign_id", "currency", "debit_minor", "credit_minor")
        shown = {name: getattr(entry, name) for name in names}
        found[entry.transaction_id].append(shown | {"number": account.number, "label": account.label})
    return found


def _listed(row: Any) -> dict[str, Any]:
    names = ("id", "kind", "at", "value_at", "reference", "donation_id")
    return {name: getattr(row.LedgerTransaction, name) for name in names} | {"number": row.number}
