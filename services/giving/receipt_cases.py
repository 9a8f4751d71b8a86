"""Receipt cases: every settled gift on its way to a tax receipt, and what holds it up.

A case is opened when the provider has told means and fee of a gift (not on the hot path), and looked at by
the clock. What an answer of the office or of the donor may change is looked at again when they gave it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving import receipt_facts, receipt_issues
from services.giving.eligibility import REASONS, TIME, Facts, Rules, blocking, reasons
from services.giving.models import Receipt, ReceiptCase, Settlement
from shared.clock import today

AGAIN = timedelta(hours=1)
NOTHING_GIVEN = Rules(0, 0, 0)
"""Where nothing was given in return, no rule about it is read."""

MISSED = text(
    """
    insert into receipt_cases (donation_id, entity_id, reasons, look_at)
    select s.donation_id, c.entity_id, '{}', :at
    from settlements s join donations d on d.id = s.donation_id join campaigns c on c.id = d.campaign_id
    where s.detailed_at is not null
      and not exists (select from receipt_cases k where k.donation_id = s.donation_id)
    order by s.donation_id limit :most
    on conflict do nothing returning donation_id
    """
)


def open(session: Session, donation_id: UUID, *, entity_id: UUID, at: datetime) -> None:
    """A gift has settled and its means are known: see what receipt it is for."""
    case = insert(ReceiptCase).values(donation_id=donation_id, entity_id=entity_id, reasons=[], look_at=at)
    session.execute(case.on_conflict_do_nothing())


def open_missed(session: Session, *, at: datetime, most: int = 5_000) -> int:
    """Open the case of gifts that settled before there were cases; how many."""
    return len(session.execute(MISSED, {"at": at, "most": most}).all())


def look_again(
    session: Session,
    *,
    at: datetime,
    entity_id: UUID | None = None,
    donation_id: UUID | None = None,
    payout_id: UUID | None = None,
) -> None:
    """Something changed for a gift, an entity, the gifts of a payout: look again at what is on no receipt."""
    waiting = update(ReceiptCase).where(ReceiptCase.receipt_id.is_(None)).values(look_at=at)
    if entity_id is not None:
        waiting = waiting.where(ReceiptCase.entity_id == entity_id)
    if donation_id is not None:
        waiting = waiting.where(ReceiptCase.donation_id == donation_id)
    if payout_id is not None:
        paid_out = select(Settlement.donation_id).where(Settlement.payout_id == payout_id)
        waiting = waiting.where(ReceiptCase.donation_id.in_(paid_out))
    session.execute(waiting)


def due(session: Session, *, at: datetime, most: int = 100) -> list[tuple[UUID, UUID]]:
    """Cases whose time has come, the oldest first: gift and entity."""
    waiting = select(ReceiptCase.donation_id, ReceiptCase.entity_id).where(ReceiptCase.look_at <= at)
    ordered = waiting.order_by(ReceiptCase.look_at, ReceiptCase.donation_id).limit(most)
    return [(row.donation_id, row.entity_id) for row in session.execute(ordered)]


def look(session: Session, donation_id: UUID, *, entity_id: UUID, at: datetime) -> Receipt | None:
    """Issue the receipt of one gift when nothing stands against it, else write down what does."""
    receipt_issues.hold(session, entity_id)
    return decide(session, donation_id, by=None, at=at, against=lambda found: found)


Against = Callable[[tuple[str, ...]], tuple[str, ...]]


def decide(
    session: Session, donation_id: UUID, *, by: UUID | None, at: datetime, against: Against = blocking
) -> Receipt | None:
    """The receipt of a gift: the one it is on, or a new one, or None; the caller holds the entity.

    `against` picks the reasons that count: staff may pass over some of them.
    """
    [gift] = receipt_facts.of_gifts(session, [donation_id], at=at)
    if gift.receipt_id is not None:
        return session.get_one(Receipt, gift.receipt_id)
    found = against(why_not(session, gift, at=at))
    if not found:
        return receipt_issues.issue(session, [gift], by=by, at=at)
    note(session, gift, found, at=at)
    return None


def why_not(session: Session, gift: Facts, *, at: datetime) -> tuple[str, ...]:
    """Why a gift cannot be on a receipt now, by the law of the day it was received."""
    rules = NOTHING_GIVEN
    if gift.counterparts_minor:
        rules = receipt_facts.rules(session, on=gift.received_on or today(at))
    return reasons(gift, rules, today=today(at))


def note(session: Session, gift: Facts, found: tuple[str, ...], *, at: datetime) -> None:
    """Write down what stands against a receipt; what only time can change is looked at again."""
    by_time = any(REASONS[each] == TIME and each != "yearly" for each in found)
    kept = update(ReceiptCase).where(ReceiptCase.donation_id == gift.donation_id)
    session.execute(kept.values(reasons=list(found), look_at=at + AGAIN if by_time else None))


def counts(session: Session) -> dict[str, Any]:
    """How many gifts wait, by reason."""
    unnested = select(func.unnest(ReceiptCase.reasons).label("reason")).where(
        ReceiptCase.receipt_id.is_(None)
    )
    each = unnested.subquery()
    found = session.execute(select(each.c.reason, func.count().label("count")).group_by(each.c.reason))
    return {row.reason: row.count for row in found}
