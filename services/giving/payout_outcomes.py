"""Payout outcomes: what the provider says became of a payout, in the books; and which gifts it holds."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving import chases, ledger, receipt_cases
from services.giving.differences import CHARGES
from services.giving.models import Entity, Payout, Settlement, Transaction
from services.giving.models.ledger import PAYOUT, PAYOUT_RETURNED
from services.giving.settings import current
from shared.db import lock, uuid7
from shared.payments import gateway
from shared.payments.accounts import Account
from shared.payments.records import Movement
from shared.payments.records import Payout as ProviderPayout

ENDED = ("failed", "canceled")
UNKNOWN_AFTER = timedelta(days=3)
"""A payment in a payout that is no gift of ours by then never will be."""
FAILS_WITHIN = timedelta(days=10)
"""A bank sends a payout back within five working days."""

# Gifts are known by their charge; those of a payout that came back are in the one that holds it again.
HOLDS = text(
    """
    with told as (
      select * from unnest(cast(:charges as text[]), cast(:available as timestamptz[])) as t (charge, on_day)
    ), known as (
      update settlements set available_at = told.on_day, payout_id = :payout_id, arrived_at = :arrived_at
      from told where account = :account and charge_id = told.charge returning donation_id
    ), again as (
      update settlements set payout_id = :payout_id, arrived_at = :arrived_at
      from payouts where payouts.id = settlements.payout_id and payouts.account = :account
        and payouts.provider_payout_id = any(cast(:returned as text[])) and payouts.failed_at is not null
    )
    select count(*) from known
    """
)


def take(session: Session, account: str, told: ProviderPayout, *, at: datetime) -> str:
    """What the provider says of a payout, in any order and however often: `applied` when it is news.

    One that arrived and was sent back has both in the books, whichever of the two is heard of first.
    """
    payout = _lock(session, account, told, at=at)
    if payout is None:
        return "parked"
    arrives = told.status == "paid" and payout.arrived_at is None
    fails = told.status in ENDED and payout.failed_at is None
    if arrives:
        payout.arrived_at = told.arrives_at
        _post(session, payout, PAYOUT, at=at)
    if fails:
        payout.failed_at, payout.failure = at, told.failure_code or told.status
    if (arrives or fails) and payout.status == "returned":
        _post(session, payout, PAYOUT_RETURNED, at=at)
    if arrives or fails:
        _date_gifts(session, payout, at=at)
    return "applied" if arrives or fails else "ignored"


def _lock(session: Session, account: str, told: ProviderPayout, *, at: datetime) -> Payout | None:
    """Our row of it, made when there is none; None while we do not know whose account that is."""
    slug = current().account(account).entity
    entity_id = session.execute(select(Entity.id).where(Entity.slug == slug)).scalar_one_or_none()
    if entity_id is None:
        return None
    values = {
        "id": uuid7(),
        "entity_id": entity_id,
        "account": account,
        "provider_payout_id": told.id,
        "amount_minor": told.amount_minor,
        "currency": told.currency,
        "made_at": told.created_at,
        "arrives_at": told.arrives_at,
        "retry_at": at,
    }
    session.execute(insert(Payout).values(values).on_conflict_do_nothing())
    own = select(Payout).where(Payout.account == account, Payout.provider_payout_id == told.id)
    return session.execute(own.with_for_update()).scalar_one()


def _post(session: Session, payout: Payout, kind: str, *, at: datetime) -> None:
    sign = 1 if kind == PAYOUT else -1
    ledger.post(
        session,
        kind,
        ledger.payout(sign * payout.amount_minor),
        entity_id=payout.entity_id,
        donation_id=None,
        reference=payout.provider_payout_id,
        currency=payout.currency,
        at=(payout.arrived_at if kind == PAYOUT else payout.failed_at) or at,
        posted_at=at,
    )


def _date_gifts(session: Session, payout: Payout, *, at: datetime) -> None:
    """The gifts that it holds are at the bank, or are no more; their receipts may have waited for that."""
    held = update(Settlement).where(Settlement.payout_id == payout.id)
    session.execute(held.values(arrived_at=_arrived(payout)))
    receipt_cases.look_again(session, payout_id=payout.id, at=at)


def _arrived(payout: Payout) -> datetime | None:
    return payout.arrived_at if payout.status == "arrived" else None


def catch_up(account: Account, *, since: datetime, at: datetime) -> int:
    """Take every payout of the provider's list, the oldest first; all there ever were, the first time."""
    with Transaction() as session:
        known = session.execute(select(Payout.id).where(Payout.account == account.account).limit(1)).first()
    listed = list(gateway.payouts(account, since - FAILS_WITHIN if known else None))
    taken = 0
    for each in reversed(listed):
        with Transaction() as session:
            taken += take(session, account.account, each, at=at) == "applied"
    return taken


def tell_gifts(accounts: list[str], *, at: datetime, most: int = 50) -> int:
    """Ask which gifts are in payouts that we have not asked about; of how many it is known now."""
    with Transaction() as session:
        waiting = _without_details(session, accounts, at=at, most=most)
    told, failed = chases.each(waiting, partial(_ask, at=at))
    if failed:
        raise failed[0]
    return told


def _without_details(session: Session, accounts: list[str], *, at: datetime, most: int) -> list[Payout]:
    due = select(Payout).where(
        Payout.detailed_at.is_(None), Payout.retry_at <= at, Payout.account.in_(accounts)
    )
    found = list(
        session.execute(
            due.order_by(Payout.retry_at, Payout.made_at).limit(most).with_for_update(skip_locked=True)
        ).scalars()
    )
    for each in found:
        each.retry_at = at + timedelta(minutes=10)
    return found


def _ask(payout: Payout, *, at: datetime) -> bool:
    moved = list(gateway.payout_movements(current().account(payout.account), payout.provider_payout_id))
    with Transaction() as session:
        return hold(session, payout.id, moved, at=at)


def hold(session: Session, payout_id: UUID, moved: Iterable[Movement], *, at: datetime) -> bool:
    """Mark the gifts that a payout is made of; whether each payment in it is known, or never will be."""
    payout = lock(session, Payout, payout_id)
    charges = {each.source: each.available_at for each in moved if each.kind in CHARGES and each.source}
    values = {
        "payout_id": payout.id,
        "account": payout.account,
        "arrived_at": _arrived(payout),
        "charges": list(charges),
        "available": list(charges.values()),
        "returned": [each.source for each in moved if each.kind in ("payout_failure", "payout_cancel")],
    }
    known = session.execute(HOLDS, values).scalar_one()
    receipt_cases.look_again(session, payout_id=payout.id, at=at)
    if known == len(charges) or at - payout.made_at > UNKNOWN_AFTER:
        payout.detailed_at = at
    return payout.detailed_at is not None
