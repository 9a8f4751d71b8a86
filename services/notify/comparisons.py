"""Comparisons: all that we know beside all that a CRM holds under our ids, each night or when asked for.

Nothing is written over there: a repair tells the CRM of the parties once more, by deliveries like any other.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from marshmallow import Schema, fields, validate
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.notify import changes, conflicts
from services.notify.models import (
    CIVICRM,
    CrmChange,
    CrmComparison,
    CrmDifference,
    Subscription,
    Transaction,
)
from services.notify.models.crm_comparison import STEPS, ComparisonOutdated, ComparisonRunning
from services.notify.models.crm_difference import DOUBLED, KINDS
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.db import lock, uuid7
from shared.errors import NotFound
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged
from shared.promises import SOMETIMES

routes = Blueprint("comparisons", __name__, url_prefix="/api/v1/notify/crm-comparisons")
RIGHT = "integrations.manage"
READING = {**conflicts.READING, "event": "events.read"}
REPAIR = "crm.repair"
REPAIR_PART = 20


class ComparisonQuery(PageQuery):
    """Which comparisons."""

    subscription_id = fields.UUID()


class ComparisonWish(Schema):
    """Which CRM to compare with."""

    subscription_id = fields.UUID(required=True)


class ComparisonShown(Schema):
    """How far a comparison has come, and how much it found; `asked_by` is nobody for a nightly one."""

    id = fields.UUID()
    subscription_id = fields.UUID()
    status = fields.String(validate=validate.OneOf(["running", "finished", "failed"]))
    step = fields.String(allow_none=True, validate=validate.OneOf(STEPS))
    started_at = fields.AwareDateTime()
    asked_by = fields.UUID(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    failed_at = fields.AwareDateTime(allow_none=True)
    error = fields.String(allow_none=True)
    parties_total = fields.Integer()
    parties_count = fields.Integer()
    contacts_count = fields.Integer()
    contributions_count = fields.Integer()
    participants_count = fields.Integer()
    under_way_count = fields.Integer(
        metadata={"description": "parties that a delivery was on its way of: not judged"}
    )
    in_conflict_count = fields.Integer(metadata={"description": "fields that wait among the conflicts"})
    missing_count = fields.Integer()
    extra_count = fields.Integer()
    differing_count = fields.Integer()
    doubled_count = fields.Integer()
    repair_asked_at = fields.AwareDateTime(allow_none=True)
    repair_asked_by = fields.UUID(allow_none=True)
    repaired_parties_count = fields.Integer()


class DifferenceQuery(PageQuery):
    """Which differences."""

    kind = fields.String(validate=validate.OneOf(KINDS))


class DifferenceShown(Schema):
    """One record; both values of its field for who may read people, and for nobody else."""

    id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(KINDS))
    entity = fields.String(validate=validate.OneOf(list(READING)))
    record_id = fields.String(
        metadata={"description": "the party's, donation's, registration's or event's id"}
    )
    party_id = fields.UUID(allow_none=True)
    crm_id = fields.Integer(allow_none=True, metadata={"description": "the record's number over there"})
    field = fields.String(allow_none=True)
    ours = fields.String(allow_none=True, metadata=SOMETIMES)
    theirs = fields.String(allow_none=True, metadata=SOMETIMES)
    repairable = fields.Boolean()
    found_at = fields.AwareDateTime()


@routes.get("", allow=RIGHT)
@routes.arguments(ComparisonQuery, location="query")
@routes.response(200, paged(ComparisonShown))
def index(query):
    """Comparisons, the newest first."""
    found = select(CrmComparison)
    if "subscription_id" in query:
        found = found.where(CrmComparison.subscription_id == query["subscription_id"])
    with Transaction() as session:
        return page(
            session, found, after=query["after"], limit=query["limit"], keys=[CrmComparison.id.desc()]
        )


@routes.post("", allow=RIGHT, refuses=(NotFound,))
@routes.arguments(ComparisonWish)
@routes.response(201, ComparisonShown)
def create(wish):
    """Compare now; while a comparison with this CRM goes on, that one is answered."""
    by, at = caller().person_id, now()
    with Transaction() as session:
        subscription = session.get(Subscription, wish["subscription_id"])
        if subscription is None or subscription.deleted_at or subscription.connector != CIVICRM:
            raise NotFound
        if (comparison := start(session, subscription.id, by=by, at=at)) is None:
            return running(session, subscription.id)
        _audit(session, "crm_comparison.asked", comparison, at=at)
        return comparison


@routes.get("/<uuid:comparison_id>", allow=RIGHT)
@routes.response(200, ComparisonShown)
def show(comparison_id):
    """One comparison."""
    with Transaction() as session:
        return lock(session, CrmComparison, comparison_id)


@routes.get("/<uuid:comparison_id>/differences", allow=RIGHT)
@routes.arguments(DifferenceQuery, location="query")
@routes.response(200, paged(DifferenceShown))
def index_differences(query, comparison_id):
    """What it found, in that order; kept until the next one has finished."""
    found = select(CrmDifference).where(CrmDifference.comparison_id == comparison_id)
    if "kind" in query:
        found = found.where(CrmDifference.kind == query["kind"])
    with Transaction() as session:
        if session.get(CrmComparison, comparison_id) is None:
            raise NotFound
        shown = page(session, found, after=query["after"], limit=query["limit"], keys=[CrmDifference.id])
        return shown | {"items": [_readable(each) for each in shown["items"]]}


def _readable(difference: CrmDifference) -> dict[str, Any]:
    """Without its values for who may not read what they are about."""
    hidden = () if caller().has(READING[difference.entity]) else ("ours", "theirs")
    return {
        name: getattr(difference, name) for name in DifferenceShown._declared_fields if name not in hidden
    }


@routes.post("/<uuid:comparison_id>/repairs", allow=RIGHT, refuses=(ComparisonRunning, ComparisonOutdated))
@routes.response(202, ComparisonShown)
def create_repair(comparison_id):
    """Tell the CRM once more of each party that differs, in the background; once."""
    by, at = caller().person_id, now()
    with Transaction() as session:
        comparison = ask_repair(session, comparison_id, by=by, at=at)
        _audit(session, "crm_comparison.repair_asked", comparison, at=at)
        return comparison


def start(session: Session, subscription_id: UUID, *, by: UUID | None, at: datetime) -> CrmComparison | None:
    """A new comparison; None while one with this CRM goes on."""
    told = select(func.count(CrmChange.party_id.distinct()))
    values = {
        "id": uuid7(),
        "subscription_id": subscription_id,
        "started_at": at,
        "asked_by": by,
        "next_attempt_at": at,
        "parties_total": session.execute(told).scalar_one(),
    }
    made = insert(CrmComparison).values(values).on_conflict_do_nothing().returning(CrmComparison)
    return session.execute(made).scalar_one_or_none()


def running(session: Session, subscription_id: UUID) -> CrmComparison:
    """The one that goes on with this CRM; NotFound when it is over since."""
    open_one = select(CrmComparison).where(
        CrmComparison.subscription_id == subscription_id, CrmComparison.step.is_not(None)
    )
    if (found := session.execute(open_one).scalar_one_or_none()) is None:
        raise NotFound
    return found


def start_all(session: Session, *, at: datetime) -> None:
    """One with each CRM that is told of us."""
    connected = select(Subscription.id).where(
        Subscription.connector == CIVICRM, Subscription.deleted_at.is_(None), Subscription.active
    )
    for subscription_id in session.execute(connected).scalars():
        start(session, subscription_id, by=None, at=at)


def forget_older(session: Session, comparison: CrmComparison) -> None:
    """What earlier comparisons of this CRM listed is out of date: their counts stay alone."""
    older = select(CrmComparison.id).where(
        CrmComparison.subscription_id == comparison.subscription_id, CrmComparison.id != comparison.id
    )
    session.execute(delete(CrmDifference).where(CrmDifference.comparison_id.in_(older)))


def ask_repair(session: Session, comparison_id: UUID, *, by: UUID | None, at: datetime) -> CrmComparison:
    """The latest finished comparison alone: what an older one listed may be right since."""
    comparison = lock(session, CrmComparison, comparison_id)
    later = select(CrmComparison.id).where(
        CrmComparison.subscription_id == comparison.subscription_id,
        CrmComparison.id > comparison.id,
        CrmComparison.finished_at.is_not(None),
    )
    if session.execute(later.limit(1)).first():
        raise ComparisonOutdated
    comparison.ask_repair(by=by, at=at)
    return comparison


def repair_some(session: Session, *, at: datetime) -> int:
    """Queue deliveries for the next parties that are to be repaired; how much was done."""
    asked = (
        select(CrmComparison)
        .where(CrmComparison.repair_asked_at.is_not(None), CrmComparison.repaired_at.is_(None))
        .order_by(CrmComparison.repair_asked_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if (comparison := session.execute(asked).scalar_one_or_none()) is None:
        return 0
    left = (
        CrmDifference.comparison_id == comparison.id,
        CrmDifference.party_id.is_not(None),
        CrmDifference.repaired_at.is_(None),
        CrmDifference.kind != DOUBLED,
    )
    some = select(CrmDifference.party_id).where(*left).distinct().order_by(CrmDifference.party_id)
    party_ids = list(session.execute(some.limit(REPAIR_PART)).scalars())
    for party_id in party_ids:
        changes.record(
            session,
            party_id=party_id,
            message_id=uuid5(comparison.id, str(party_id)),
            cause=REPAIR,
            occurred_at=at,
            at=at,
            only=comparison.subscription_id,
        )
    session.execute(
        update(CrmDifference).where(*left, CrmDifference.party_id.in_(party_ids)).values(repaired_at=at)
    )
    comparison.repaired_parties_count += len(party_ids)
    if not party_ids:
        comparison.repaired_at = at
    return 1


def _audit(session: Session, action: str, comparison: CrmComparison, *, at: datetime) -> None:
    audit.record(
        session,
        by=caller().person_id,
        action=action,
        subject=("crm_comparison", comparison.id),
        at=at,
        fields=[],
        right=RIGHT,
    )
