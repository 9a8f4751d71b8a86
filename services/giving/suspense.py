"""Suspense: what the provider moved and nobody can explain is in the books too, until somebody can."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from services.giving import ledger
from services.giving.differences import Books
from services.giving.models import Entity, LedgerEntry, LedgerTransaction
from services.giving.models.ledger import CORRECTION, UNEXPLAINED
from shared.payments.accounts import Account
from shared.payments.records import Movement

KINDS = ("charge_unknown", "refund_unknown", "movement_unexplained")
"""Findings of a movement that has nothing beside it in our books."""

OPEN = text(
    """
    select t.id, t.reference, t.at, f.reference as found, f.detail
    from ledger_transactions t
    join findings f on f.account = :account and f.detail ->> 'movement' = t.reference and f.kind = any(:kinds)
    where t.entity_id = :entity_id and t.kind = 'unexplained' and not exists (
      select from ledger_transactions c
      where c.entity_id = t.entity_id and c.kind = 'correction' and c.reference = t.reference)
    """
)


def book(session: Session, account: Account, movement: Movement, *, at: datetime) -> bool:
    """A movement without explanation, whole: what it changed of the balance; whether that is new."""
    entity_id = entity_of(session, account)
    if entity_id is None or movement.net_minor == 0:
        return False
    booked = select(LedgerTransaction.id).where(
        LedgerTransaction.entity_id == entity_id,
        LedgerTransaction.kind == UNEXPLAINED,
        LedgerTransaction.reference == movement.id,
    )
    if session.execute(booked).first() is not None:
        return False
    ledger.post(
        session,
        UNEXPLAINED,
        ledger.unexplained(movement.net_minor),
        entity_id=entity_id,
        donation_id=None,
        reference=movement.id,
        currency=movement.currency,
        at=movement.created_at,
        posted_at=at,
    )
    return True


def correct(session: Session, account: Account, *, at: datetime) -> int:
    """What was unexplained and has its gift or refund by now is taken out again; how many."""
    entity_id = entity_of(session, account)
    asked = {"account": account.account, "entity_id": entity_id, "kinds": list(KINDS)}
    waiting = [(row, _movement(row)) for row in session.execute(OPEN, asked)]
    books = Books.read(session, account.account, [movement for _, movement in waiting])
    done = 0
    for row, movement in waiting:
        difference = books.difference(movement, account)
        if difference is None or difference.kind not in KINDS:
            _reverse(session, row.id, at=at)
            done += 1
    return done


def _movement(row: Row[Any]) -> Movement:
    """The movement as its finding keeps it."""
    told = row.detail
    return Movement(
        id=row.reference,
        kind=told["kind"],
        amount_minor=told["amount_minor"],
        fee_minor=told["fee_minor"],
        net_minor=told["amount_minor"] - told["fee_minor"],
        currency=told["currency"],
        source=told.get("source") or row.found,
        created_at=row.at,
        available_at=row.at,
    )


def _reverse(session: Session, transaction_id: UUID, *, at: datetime) -> None:
    whole = session.get_one(LedgerTransaction, transaction_id)
    sides = select(LedgerEntry).where(LedgerEntry.transaction_id == transaction_id).order_by(LedgerEntry.line)
    entries = list(session.execute(sides).scalars())
    ledger.post(
        session,
        CORRECTION,
        tuple(
            ledger.Line(each.account, debit_minor=each.credit_minor, credit_minor=each.debit_minor)
            for each in entries
        ),
        entity_id=whole.entity_id,
        donation_id=None,
        reference=whole.reference,
        currency=entries[0].currency,
        at=at,
        posted_at=at,
    )


def entity_of(session: Session, account: Account) -> UUID | None:
    """The entity that an account receives for; None before it is set up."""
    return session.execute(select(Entity.id).where(Entity.slug == account.entity)).scalar_one_or_none()
