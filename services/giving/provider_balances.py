"""Provider balances: what the provider says it holds for an entity, against the same account of our books."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.giving import findings, suspense
from services.giving.differences import CHARGES, REFUNDS, RETURNED, Books
from services.giving.models import Donation, LedgerTransaction, Payout, Settlement, Transaction
from shared.clock import now
from shared.payments import gateway
from shared.payments.accounts import Account
from shared.payments.records import Movement
from shared.telemetry import log

TRIES = 3
JUST_BEFORE = timedelta(minutes=1)

HELD = text(
    """
    select e.currency, sum(e.debit_minor - e.credit_minor) as held
    from ledger_transactions t join ledger_entries e on e.transaction_id = t.id and e.account = 'provider'
    where t.entity_id = :entity_id group by e.currency
    """
)

Sums = dict[str, int]
"""Minor units by currency."""


def compare(account: Account, moved: list[Movement], *, until: datetime) -> int:
    """A finding for each currency in which the two differ; how many are new.

    `moved` is what the provider's list said just now; what it moved after `until` need not be booked yet, and
    is counted. Both sides are read at one moment only while nothing moves: else it is left to the next time.
    """
    for _ in range(TRIES):
        with Transaction() as session:
            entity_id = suspense.entity_of(session, account)
            before = held(session, entity_id) if entity_id else {}
        theirs = gateway.balance(account)
        known = {each.id for each in moved}
        newest = list(gateway.balance_transactions(account, now() - JUST_BEFORE))
        still = all(each.id in known for each in newest)
        moved = moved if still else [*(each for each in newest if each.id not in known), *moved]
        if entity_id is None:
            return 0
        with Transaction() as session:
            ours = held(session, entity_id)
            young = [each for each in moved if each.created_at > until]
            expected = _together(ours, _unbooked(session, account, entity_id, young))
            on_its_way = _on_its_way(session, entity_id)
        if still and ours == before:
            return _find(account, _together(theirs, on_its_way), expected)
    log.info("balance not compared: it moves", account=account.account)
    return 0


def held(session: Session, entity_id: UUID) -> Sums:
    """What the provider holds by our books."""
    return {row.currency: int(row.held) for row in session.execute(HELD, {"entity_id": entity_id})}


def _unbooked(session: Session, account: Account, entity_id: UUID, young: list[Movement]) -> Sums:
    """Of what moved lately, what the books do not have yet."""
    books = Books.read(session, account.account, young)
    ids = [each.id for each in young]
    booked = select(LedgerTransaction.reference).where(
        LedgerTransaction.entity_id == entity_id, LedgerTransaction.reference.in_(ids)
    )
    references: Collection[str] = set(session.execute(booked).scalars())
    sums: Sums = {}
    for each in young:
        sums[each.currency] = sums.get(each.currency, 0) + _missing(books, references, each)
    # A gift whose charge we were not told yet is booked, and its charge was counted as unknown just now.
    untold = (
        select(Donation.currency, func.sum(Donation.amount_minor))
        .join(Settlement, Settlement.donation_id == Donation.id)
        .where(Settlement.account == account.account, Settlement.detailed_at.is_(None))
        .group_by(Donation.currency)
    )
    return _together(sums, {currency: -int(minor) for currency, minor in session.execute(untold)})


def _missing(books: Books, references: Collection[str], movement: Movement) -> int:
    if movement.id in references:
        return 0
    if movement.kind in CHARGES:
        pair = books.by_charge.get(movement.source or "")
        if pair is None:
            return movement.net_minor
        return -movement.fee_minor if pair[0].fee_minor is None else 0
    if movement.kind in REFUNDS:
        refund = books.refunds.get(movement.source or "")
        return movement.net_minor if refund is None or refund.completed_at is None else 0
    if movement.kind in RETURNED:
        refund = books.refunds.get(movement.source or "")
        return movement.net_minor if refund is None or refund.returned_at is None else 0
    return 0 if movement.kind.startswith("payout") else movement.net_minor


def _on_its_way(session: Session, entity_id: UUID) -> Sums:
    """What has left the provider and is not at the bank: our books still hold it there."""
    own = select(Payout).where(
        Payout.entity_id == entity_id, Payout.arrived_at.is_(None), Payout.failed_at.is_(None)
    )
    sums: Sums = {}
    for each in session.execute(own).scalars():
        sums[each.currency] = sums.get(each.currency, 0) + each.amount_minor
    return sums


def _together(one: Sums, other: Sums) -> Sums:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}


def _find(account: Account, theirs: Sums, ours: Sums) -> int:
    """The same difference is found once: another one is another finding."""
    new = 0
    for currency in sorted({*theirs, *ours}):
        difference = theirs.get(currency, 0) - ours.get(currency, 0)
        if difference:
            detail = {
                "amount_minor": difference,
                "currency": currency,
                "theirs_minor": theirs.get(currency, 0),
                "ours_minor": ours.get(currency, 0),
            }
            with Transaction() as session:
                new += findings.record(
                    session,
                    "balance_differs",
                    account.account,
                    f"{currency} {difference}",
                    None,
                    detail,
                    at=now(),
                )
    return new
