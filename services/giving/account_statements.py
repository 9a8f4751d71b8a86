"""Account statements: every entry of one account in a period, with the balance after each."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.orm import Session

from services.giving import books
from services.giving.books import Period
from services.giving.journals import TransactionNamed, on_account
from services.giving.ledger_accounts import Chart
from services.giving.models import LedgerEntry, LedgerNumber, LedgerTransaction, Transaction
from services.giving.models.ledger_accounts import OF_A_YEAR
from shared.http import Blueprint
from shared.money import CURRENCIES, Minor
from shared.pages import PageQuery, read_cursor, write_cursor

routes = Blueprint("account_statements", __name__, url_prefix="/api/v1/giving/entities")

PLACE = (LedgerTransaction.at, LedgerTransaction.id, LedgerEntry.line)
NET = LedgerEntry.debit_minor - LedgerEntry.credit_minor


class StatementQuery(Period, PageQuery):
    """Of which period, and in which currency."""

    currency = fields.String(load_default="EUR", validate=validate.OneOf(list(CURRENCIES)))


class StatementLine(TransactionNamed):
    """One entry; `balance_minor` is the account's after it, positive when debit."""

    debit_minor = Minor(required=True)
    credit_minor = Minor(required=True)
    balance_minor = Minor(required=True)


class Statement(Schema):
    """The oldest entry first; `opening_minor` is the balance before the first of this page."""

    number = fields.String(required=True)
    label = fields.String(required=True)
    kind = fields.String(required=True)
    currency = fields.String(required=True)
    opening_minor = Minor(required=True)
    items = fields.List(fields.Nested(StatementLine), required=True)
    next = fields.String(required=True, allow_none=True)


@dataclass(frozen=True)
class Asked:
    """The entries of one account number in one currency."""

    entity_id: UUID
    conditions: tuple[Any, ...]
    since: datetime
    until: datetime


@routes.get("/<uuid:entity_id>/accounts/<string:number>/statement", allow="giving.read")
@routes.arguments(StatementQuery, location="query")
@routes.response(200, Statement)
def show(query: dict[str, Any], entity_id: UUID, number: str) -> Any:
    """The entries of an account. Income and expense open at zero with each fiscal year."""
    first_day, last_day, currency = query["first_day"], query["last_day"], query["currency"]
    order = f"{entity_id}:{number}:{currency}:{first_day}:{last_day}"
    with Transaction() as session:
        chart = Chart.of(session, entity_id)
        conditions = (*on_account(chart, number), LedgerEntry.currency == currency)
        asked = Asked(entity_id, conditions, books.begins(first_day), books.ends(last_day))
        account = chart.numbered(number)[0]
        if query["after"] is None:
            after, balance = None, opening(session, asked, kind=account.kind, first_day=first_day)
        else:
            at, id, line, balance = read_cursor(query["after"], order=order)
            after = (datetime.fromisoformat(at), UUID(id), line)
        rows = list(_rows(session, asked, after, query["limit"] + 1))
    lines = _running(rows[: query["limit"]], balance)
    more = rows[query["limit"] - 1] if len(rows) > query["limit"] else None
    told = {name: getattr(account, name) for name in ("number", "label", "kind")}
    return told | {
        "currency": currency,
        "opening_minor": balance,
        "items": lines,
        "next": more and write_cursor((more.at, more.id, more.line, lines[-1]["balance_minor"]), order=order),
    }


def opening(session: Session, asked: Asked, *, kind: str, first_day: date) -> int:
    """The balance of the account before the period."""
    before = [LedgerTransaction.entity_id == asked.entity_id, LedgerTransaction.at < asked.since]
    if kind in OF_A_YEAR:
        entity = books.of(session, asked.entity_id)
        year, _ = books.fiscal_year(first_day, entity.fiscal_year_start_month)
        before.append(LedgerTransaction.at >= books.begins(year))
    sum_ = select(func.coalesce(func.sum(NET), 0)).join(
        LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id
    )
    return int(session.execute(sum_.where(*before, *asked.conditions)).scalar_one())


def _rows(session: Session, asked: Asked, after: tuple[datetime, UUID, int] | None, most: int) -> Any:
    found = (
        select(
            LedgerTransaction.id,
            LedgerTransaction.kind,
            LedgerTransaction.at,
            LedgerTransaction.value_at,
            LedgerTransaction.reference,
            LedgerTransaction.donation_id,
            LedgerNumber.number,
            LedgerEntry.line,
            LedgerEntry.debit_minor,
            LedgerEntry.credit_minor,
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .outerjoin(LedgerNumber, LedgerNumber.transaction_id == LedgerTransaction.id)
        .where(
            LedgerTransaction.entity_id == asked.entity_id,
            LedgerTransaction.at >= asked.since,
            LedgerTransaction.at < asked.until,
            *asked.conditions,
        )
    )
    if after is not None:
        at, id, line = after
        # The first condition is what the index of the journal knows.
        found = found.where(and_(LedgerTransaction.at >= at, tuple_(*PLACE) > (at, id, line)))
    return session.execute(found.order_by(*PLACE).limit(most)).all()


def _running(rows: list[Any], balance: int) -> list[dict[str, Any]]:
    lines = []
    for row in rows:
        balance += row.debit_minor - row.credit_minor
        lines.append(dict(row._mapping) | {"balance_minor": balance})
    return lines
