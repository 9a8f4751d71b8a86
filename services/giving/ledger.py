"""The ledger: double entry, append-only. A gift is settled with its own statement (settlements.py)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from services.giving.models import LedgerEntry, LedgerTransaction
from services.giving.models.ledger import BANK, FEES, PROVIDER, SUSPENSE
from shared.db import uuid7

# What is told of a day in a closed year is booked on the first open one, with its own day beside it.
POST_TRANSACTION = text(
    """
    insert into ledger_transactions (id, kind, entity_id, donation_id, reference, at, value_at, posted_at)
    select :id, :kind, :entity_id, :donation_id, :reference, greatest(cast(:at as timestamptz), opens_at),
           case when opens_at > :at then cast(:at as timestamptz) end, :posted_at
    from (select max(opens_at) as opens_at from closings where entity_id = :entity_id) as books
    """
)
POST_ENTRIES = insert(LedgerEntry).inline()


@dataclass(frozen=True)
class Line:
    """One side of a transaction: `debit_minor` or `credit_minor`, the other zero."""

    account: str
    debit_minor: int = 0
    credit_minor: int = 0
    fund_id: UUID | None = None
    campaign_id: UUID | None = None


def fee(amount_minor: int) -> tuple[Line, Line]:
    """The provider kept its fee of what it holds for us."""
    return Line(FEES, debit_minor=amount_minor), Line(PROVIDER, credit_minor=amount_minor)


def withdrawal(
    account: str, minor: int, *, fund_id: UUID | None = None, campaign_id: UUID | None = None
) -> tuple[Line, Line]:
    """What the provider holds for us is less by it, on account of this; below zero, it is more."""
    gone, come = max(minor, 0), max(-minor, 0)
    return (
        Line(account, gone, come, fund_id=fund_id, campaign_id=campaign_id),
        Line(PROVIDER, come, gone),
    )


def payout(amount_minor: int) -> tuple[Line, Line]:
    """What the provider held came to the bank; a negative amount went the other way."""
    return moved(PROVIDER, BANK, amount_minor)


def unexplained(net_minor: int) -> tuple[Line, Line]:
    """The provider holds this much more, or less, and nobody knows why."""
    return moved(SUSPENSE, PROVIDER, net_minor)


def moved(source: str, target: str, amount_minor: int) -> tuple[Line, Line]:
    """From one account to another; a negative amount the other way round."""
    if amount_minor < 0:
        source, target, amount_minor = target, source, -amount_minor
    return Line(target, debit_minor=amount_minor), Line(source, credit_minor=amount_minor)


def post(
    session: Session,
    kind: str,
    lines: tuple[Line, ...],
    *,
    entity_id: UUID,
    donation_id: UUID | None,
    reference: str,
    currency: str,
    at: datetime,
    posted_at: datetime,
) -> UUID:
    """Write one transaction whole. The database refuses it at commit unless it balances."""
    transaction_id = uuid7()
    session.execute(
        POST_TRANSACTION,
        {
            "id": transaction_id,
            "kind": kind,
            "entity_id": entity_id,
            "donation_id": donation_id,
            "reference": reference,
            "at": at,
            "posted_at": posted_at,
        },
    )
    session.execute(
        POST_ENTRIES,
        [
            {"transaction_id": transaction_id, "line": n, "currency": currency, **vars(each)}
            for n, each in enumerate(lines, start=1)
        ],
    )
    return transaction_id


def of_donation(session: Session, donation_id: UUID) -> list[dict[str, Any]]:
    """Every entry about a donation, in the order they were posted."""
    entries = (
        select(LedgerEntry, LedgerTransaction)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerTransaction.donation_id == donation_id)
        .order_by(LedgerTransaction.posted_at, LedgerTransaction.id, LedgerEntry.line)
    )
    return [
        {
            "kind": transaction.kind,
            "account": entry.account,
            "debit_minor": entry.debit_minor,
            "credit_minor": entry.credit_minor,
            "at": transaction.at,
        }
        for entry, transaction in session.execute(entries)
    ]
