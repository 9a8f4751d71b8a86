"""Trial balances: what each account of an entity opened with, moved, and closed with, in a period.

Income and expense begin each fiscal year at zero: what former years left stands in one account, carried
over, so that every column still adds up to nothing.
"""

from datetime import date
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving import books
from services.giving.books import Period
from services.giving.ledger_accounts import AccountShown, Chart
from services.giving.models import LedgerAccount, Transaction
from services.giving.models.ledger_accounts import CARRIED, OF_A_YEAR
from shared.http import Blueprint
from shared.money import Minor

routes = Blueprint("trial_balances", __name__, url_prefix="/api/v1/giving/entities")

# One pass over the entity's transactions by ix_ledger_transactions_journal and their entries by primary key.
SUMS = text(
    """
    select e.account, e.fund_id, e.currency,
      coalesce(sum(e.debit_minor - e.credit_minor) filter (where t.at < :since), 0) as opening,
      coalesce(sum(e.debit_minor - e.credit_minor) filter (where t.at < :year), 0) as former,
      coalesce(sum(e.debit_minor) filter (where t.at >= :since), 0) as debits,
      coalesce(sum(e.credit_minor) filter (where t.at >= :since), 0) as credits
    from ledger_transactions t join ledger_entries e on e.transaction_id = t.id
    where t.entity_id = :entity_id and t.at < :until
    group by e.account, e.fund_id, e.currency
    """
)
FIGURES = ("opening_minor", "debits_minor", "credits_minor", "closing_minor")


class BalanceShown(AccountShown):
    """One account in one currency: a debit balance is positive, a credit balance negative."""

    class Meta:
        """Accounts of one number are one line."""

        exclude = ("id", "fund_id")

    currency = fields.String(required=True)
    opening_minor = Minor(required=True)
    debits_minor = Minor(required=True)
    credits_minor = Minor(required=True)
    closing_minor = Minor(required=True)


class TrialBalance(Schema):
    """Every account that ever moved; in each currency openings add up to zero, and closings do."""

    items = fields.List(fields.Nested(BalanceShown), required=True)


@routes.get("/<uuid:entity_id>/trial-balance", allow="giving.read")
@routes.arguments(Period, location="query")
@routes.response(200, TrialBalance)
def show(period: dict[str, date], entity_id: UUID) -> Any:
    """The trial balance of a period, by account number."""
    with Transaction() as session:
        return {"items": balance(session, entity_id, **period)}


def balance(session: Session, entity_id: UUID, *, first_day: date, last_day: date) -> list[dict[str, Any]]:
    """Its lines, by currency and number: accounts of one number are one line."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for each in accounts(session, entity_id, first_day=first_day, last_day=last_day):
        line = lines.setdefault((each["currency"], each["number"]), each | dict.fromkeys(FIGURES, 0))
        for name in FIGURES:
            line[name] += each[name]
    return list(lines.values())


def accounts(session: Session, entity_id: UUID, *, first_day: date, last_day: date) -> list[dict[str, Any]]:
    """The same for each account apart, by currency and number."""
    entity, chart = books.of(session, entity_id), Chart.of(session, entity_id)
    year, _ = books.fiscal_year(first_day, entity.fiscal_year_start_month)
    times = {"since": books.begins(first_day), "until": books.ends(last_day), "year": books.begins(year)}
    lines, carried = [], dict[str, int]()
    for row in session.execute(SUMS, {"entity_id": entity_id, **times}):
        former = int(row.former) if row.account in OF_A_YEAR else 0
        carried[row.currency] = carried.get(row.currency, 0) + former
        account = chart.account(row.account, row.fund_id)
        moved = (int(row.opening) - former, int(row.debits), int(row.credits))
        lines.append(_line(account, row.currency, *moved))
    account = chart.account(CARRIED)
    lines += [_line(account, currency, minor) for currency, minor in carried.items() if minor]
    return sorted(lines, key=lambda each: (each["currency"], each["number"], str(each["fund_id"])))


def _line(
    account: LedgerAccount, currency: str, opening: int, debits: int = 0, credits: int = 0
) -> dict[str, Any]:
    names = ("number", "label", "kind", "fund_id")
    figures = (opening, debits, credits, opening + debits - credits)
    told = {name: getattr(account, name) for name in names}
    return told | {"currency": currency} | dict(zip(FIGURES, figures, strict=True))
