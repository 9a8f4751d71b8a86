"""Parts of a comparison: so much as fits in memory is claimed, read over there and written down, in turn.

How far it has come is written with what was found: killed anywhere, it goes on from there, and a part that
two processes read is written down once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, insert, select, union
from sqlalchemy.orm import Session

from services.notify import comparisons, deliveries, parties
from services.notify.connectors import Missed, Target, unreadable
from services.notify.connectors.civicrm import judgement, records
from services.notify.connectors.civicrm.api import Api
from services.notify.connectors.civicrm.judgement import Difference, Held
from services.notify.connectors.target import Marks
from services.notify.models import (
    CrmChange,
    CrmComparison,
    CrmConflict,
    CrmDifference,
    CrmMemory,
    Delivery,
    Gift,
    Recipient,
    Registration,
    Subscription,
)
from services.notify.models.crm_comparison import CONTACTS, CONTRIBUTIONS, PARTIES
from services.notify.models.crm_difference import DOUBLED, EXTRA
from services.notify.settings import NotifySettings
from shared.db import lock, uuid7

PARTIES_PART, RECORDS_PART = 50, 500
CLAIM = timedelta(seconds=60)
ENTITY = {"contacts": "contact", "contributions": "contribution", "participants": "participant"}
EVENT = "event"
FIRST = UUID(int=0)


@dataclass(frozen=True)
class Part:
    """What is compared next: some of our parties, or the records over there after a number."""

    comparison_id: UUID
    subscription_id: UUID
    step: str
    cursor: str
    target: Target
    states: list[dict[str, Any]]
    kept: dict[str, Marks]
    under_way: set[UUID]


@dataclass(frozen=True)
class Found:
    """What was read of a part, and where the next one begins; `cursor` is None after the last of a step."""

    cursor: str | None
    differences: list[Difference]
    held: list[Held]


def claim(session: Session, *, at: datetime, settings: NotifySettings) -> Part | None:
    """The next part that is due, for a minute; the caller commits before anything is asked over there."""
    due = (
        select(CrmComparison)
        .where(CrmComparison.step.is_not(None), CrmComparison.next_attempt_at <= at)
        .order_by(CrmComparison.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if (comparison := session.execute(due).scalar_one_or_none()) is None:
        return None
    subscription = session.get_one(Subscription, comparison.subscription_id)
    if subscription.deleted_at is not None or not subscription.active:
        comparison.fail("subscription ended or paused", at=at)
        return None
    comparison.next_attempt_at = at + CLAIM
    assert comparison.step is not None
    party_ids = _next_parties(session, comparison.cursor) if comparison.step == PARTIES else []
    return Part(
        comparison_id=comparison.id,
        subscription_id=subscription.id,
        step=comparison.step,
        cursor=comparison.cursor,
        target=deliveries.target(subscription, settings),
        states=[deliveries.state_for_crm(session, party_id) for party_id in party_ids],
        kept=_kept(session, subscription.id, party_ids),
        under_way=_waiting(session, subscription.id, party_ids),
    )


def _next_parties(session: Session, cursor: str) -> list[UUID]:
    """By ix_crm_changes_party."""
    after = UUID(cursor) if cursor else FIRST
    told = select(CrmChange.party_id).where(CrmChange.party_id > after).distinct()
    return list(session.execute(told.order_by(CrmChange.party_id).limit(PARTIES_PART)).scalars())


def _kept(session: Session, subscription_id: UUID, party_ids: list[UUID]) -> dict[str, Marks]:
    memories = select(CrmMemory.party_id, CrmMemory.kept).where(
        CrmMemory.subscription_id == subscription_id, CrmMemory.party_id.in_(party_ids)
    )
    return {str(party_id): kept for party_id, kept in session.execute(memories)}


def _waiting(session: Session, subscription_id: UUID, party_ids: list[UUID]) -> set[UUID]:
    """By ix_deliveries_waiting."""
    waiting = select(Delivery.party_id).where(
        Delivery.subscription_id == subscription_id,
        Delivery.party_id.in_(party_ids),
        Delivery.status.in_(deliveries.WAITING),
    )
    return set(session.execute(waiting).scalars())


def read(part: Part) -> Found | Missed:
    """Ask the CRM, with no transaction open."""
    try:
        api = Api(part.target)
        return _read_parties(api, part) if part.step == PARTIES else _read_held(api, part)
    except Missed as missed:
        return missed
    except Exception as error:
        return unreadable(error)


def _read_parties(api: Api, part: Part) -> Found:
    key = part.target.mark_key
    there = judgement.read(api, part.states) if part.states else {}
    found = [
        each
        for state in part.states
        for each in judgement.judge(state, there, part.kept.get(state["party_id"], {}), key)
    ]
    more = len(part.states) == PARTIES_PART
    return Found(part.states[-1]["party_id"] if more else None, found, [])


def _read_held(api: Api, part: Part) -> Found:
    held, last = judgement.held(api, part.step, after=int(part.cursor or 0), limit=RECORDS_PART)
    return Found(None if last is None else str(last), [], held)


def conclude(session: Session, part: Part, found: Found | Missed, *, at: datetime) -> CrmComparison | None:
    """Write down a part with where the next begins; None when another process has done it."""
    comparison = lock(session, CrmComparison, part.comparison_id)
    if is_taken(comparison, part):
        return None
    if isinstance(found, Missed):
        comparison.missed(error=found.error, retry_after_s=found.retry_after_s, at=at)
        return comparison
    if part.step == PARTIES:
        _keep(session, comparison, _settled(session, comparison, part, found.differences), at=at)
    else:
        count = f"{part.step}_count"
        setattr(comparison, count, getattr(comparison, count) + len(found.held))
        _keep(session, comparison, _extra(session, part.step, found.held), at=at)
    comparison.next_attempt_at = at
    comparison.advance(found.cursor, at=at)
    if comparison.finished_at is not None:
        comparisons.forget_older(session, comparison)
    return comparison


def is_taken(comparison: CrmComparison, part: Part) -> bool:
    """Whether the part was written down before."""
    return (comparison.step, comparison.cursor) != (part.step, part.cursor)


def _settled(
    session: Session, comparison: CrmComparison, part: Part, found: list[Difference]
) -> list[Difference]:
    """Without parties that changed while they were read, but for what is there twice, which no delivery
    mends; and without fields that staff know of as conflicts."""
    party_ids = [UUID(state["party_id"]) for state in part.states]
    moving = part.under_way | _waiting(session, part.subscription_id, party_ids)
    moving |= _changed(session, part.states)
    comparison.parties_count += len(party_ids)
    comparison.under_way_count += len(moving)
    still = [each for each in found if each.kind == DOUBLED or UUID(each.party_id) not in moving]
    known = _in_conflict(session, part.subscription_id, party_ids)
    left = [each for each in still if _place(each) not in known]
    comparison.in_conflict_count += len(still) - len(left)
    return _once_an_event(session, comparison, left)


def _once_an_event(session: Session, comparison: CrmComparison, found: list[Difference]) -> list[Difference]:
    """An event is listed by the first of the parties who registered for it, and by no other."""
    listed = select(CrmDifference.record_id, CrmDifference.crm_id).where(
        CrmDifference.comparison_id == comparison.id, CrmDifference.entity == EVENT
    )
    known = {tuple(each) for each in session.execute(listed)}
    first = {(each.record_id, each.crm_id): each for each in reversed(found) if each.entity == EVENT}
    new = [each for place, each in first.items() if place not in known]
    return [*(each for each in found if each.entity != EVENT), *new]


def _changed(session: Session, states: list[dict[str, Any]]) -> set[UUID]:
    sequences = {UUID(state["party_id"]): state["sequence"] for state in states}
    latest = select(CrmChange.party_id, func.max(CrmChange.position)).where(CrmChange.party_id.in_(sequences))
    found = session.execute(latest.group_by(CrmChange.party_id))
    return {party_id for party_id, position in found if position > sequences[party_id]}


def _in_conflict(session: Session, subscription_id: UUID, party_ids: list[UUID]) -> set[tuple[Any, ...]]:
    places = select(CrmConflict.party_id, CrmConflict.record, CrmConflict.field).where(
        CrmConflict.subscription_id == subscription_id,
        CrmConflict.party_id.in_(party_ids),
        CrmConflict.decided_at.is_(None),
    )
    return {tuple(each) for each in session.execute(places)}


def _place(each: Difference) -> tuple[Any, ...]:
    record = records.CONTACT if each.entity == "contact" else each.record_id
    return (UUID(each.party_id), record, each.field)


def _extra(session: Session, step: str, held: list[Held]) -> list[Difference]:
    """Records that bear an id which looks like ours, and is none; an erased person's gifts are forgotten
    here and stay there."""
    ids = [UUID(each.record_id) for each in held]
    known = set(session.execute(_known(step, ids)).scalars())
    strange = [each for each in held if UUID(each.record_id) not in known]
    if step == CONTRIBUTIONS:
        strange = [each for each in strange if not _is_of_erased(session, each)]
    return [Difference(EXTRA, ENTITY[step], each.record_id, None, each.crm_id) for each in strange]


def _known(step: str, ids: list[UUID]) -> Any:
    if step == CONTACTS:
        return union(
            select(CrmChange.party_id).where(CrmChange.party_id.in_(ids)),
            select(Recipient.person_id).where(Recipient.person_id.in_(ids)),
        )
    column = Gift.donation_id if step == CONTRIBUTIONS else Registration.registration_id
    return select(column).where(column.in_(ids))


def _is_of_erased(session: Session, each: Held) -> bool:
    if not judgement.OUR_ID.fullmatch(each.party_id.lower()):
        return False
    stands_for = parties.resolve(session, UUID(each.party_id))
    erased = exists().where(Recipient.person_id == stands_for, Recipient.erased_at.is_not(None))
    return bool(session.execute(select(erased)).scalar_one())


def _keep(session: Session, comparison: CrmComparison, found: list[Difference], *, at: datetime) -> None:
    for each in found:
        count = f"{each.kind}_count"
        setattr(comparison, count, getattr(comparison, count) + 1)
    if found:
        rows = [
            vars(each) | {"id": uuid7(), "comparison_id": comparison.id, "found_at": at} for each in found
        ]
        session.execute(insert(CrmDifference), rows)
