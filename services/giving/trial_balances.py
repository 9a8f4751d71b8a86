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
from services.giving.models import Transaction
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
    """Its lines, by currency and number."""
    entity, chart = books.of(session, entity_id), Chart.of(session, entity_id)
    year, _ = books.fiscal_year(first_day, entity.fiscal_year_start_month)
    times = {
        "since": books.begins(first_day),
        "until": books.ends(last_day),
        "year": books.begins(year),
    }
    lines: dict[tuple[str, str], dict[str, Any]] = {}

    def add(kind: str, fund_id: UUID | None, currency: str, opening: int, debits: int, credits: int) -> None:
        account = chart.account(kind, fund_id)
        line = lines.setdefault(
            (currency, account.number),
            {"number": account.number, "label": account.label, "kind": kind, "currency": currency}
            | dict.fromkeys(FIGURES, 0),
        )
        closing = opening + debits - credits
        for name, minor in zip(FIGURES, (opening, debits, credits, closing), strict=True):
            line[name] += int(minor)

    for row in session.execute(SUMS, {"entity_id": entity_id, **times}):
        former = row.former if row.account in OF_A_YEAR else 0
        add(row.account, row.fund_id, row.currency, row.opening - former, row.debits, row.credits)
        if former:
            add(CARRIED, None, row.currency, former, 0, 0)
    return [lines[place] for place in sorted(lines)]
