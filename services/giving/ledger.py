"""The ledger: double entry, append-only. A gift is settled with its own statement (settlements.py)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.giving.models import LedgerEntry, LedgerTransaction
from services.giving.models.ledger import FEES, PROVIDER
from shared.db import uuid7

POST_TRANSACTION = insert(LedgerTransaction).inline()
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


def post(
    session: Session,
    kind: str,
    lines: tuple[Line, ...],
    *,
    entity_id: UUID,
    donation_id: UUID,
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
