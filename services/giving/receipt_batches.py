"""Receipt batches: the yearly receipts of an entity, issued in the background, a few donors a transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import receipt_issues, yearly_receipts
from services.giving.models import Donation, Entity, ReceiptBatch, ReceiptCase, Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import now, today
from shared.db import lock
from shared.http import Blueprint, IdempotencyKey
from shared.once import once
from shared.pages import PageQuery, page, paged

routes = Blueprint("receipt_batches", __name__, url_prefix="/api/v1/giving/receipt-batches")

TOGETHER, AHEAD = 20, 400
"""Donors a transaction, for others issue meanwhile; and donors found by one search."""


class BatchWish(Schema):
    """The yearly receipts of which entity, for which year."""

    entity_id = fields.UUID(required=True)
    year = fields.Integer(required=True, strict=True, validate=validate.Range(2000, 2100))


class BatchShown(Schema):
    """How far it has come: donors expected and done, receipts issued."""

    id = fields.UUID(required=True)
    entity_id = fields.UUID(required=True)
    year = fields.Integer(required=True)
    asked_at = fields.AwareDateTime(required=True)
    expected = fields.Integer(required=True)
    done = fields.Integer(required=True)
    issued = fields.Integer(required=True)
    finished_at = fields.AwareDateTime(allow_none=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(BatchShown))
def index(query: dict[str, Any]) -> Any:
    """Batches, the latest first."""
    with Transaction() as session:
        return page(session, select(ReceiptBatch), keys=[ReceiptBatch.id.desc()], **query)


@routes.post("", allow="receipts.issue")
@routes.arguments(BatchWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, BatchShown)
def create(wish: dict[str, Any], header: dict[str, str]) -> Any:
    """Issue the yearly receipts that wait, in the background; what is issued already stays as it is."""
    with Transaction() as session:
        by, at = caller().person_id, now()
        values = {"asked_by": by, "asked_at": at, "done": 0, "issued": 0}

        def made() -> dict[str, Any]:
            if session.get(Entity, wish["entity_id"]) is None:
                raise FieldsRefused({"entity_id": ["There is no such entity."]})
            if wish["year"] > today(at).year:
                raise FieldsRefused({"year": ["That year has not begun."]})
            return values | {"expected": len(waiting(session, wish["entity_id"], after=None))}

        batch = once(session, ReceiptBatch, header["key"], values=made, claim_s=0, **wish)
        if not batch.repeated:
            audit.record(
                session,
                by=by,
                action="receipts.batch_asked",
                subject=("entity", batch.entity_id),
                right="receipts.issue",
                detail={"year": batch.year},
                at=at,
                key=current().link_key,
            )
        return batch


def waiting(session: Session, entity_id: UUID, *, after: UUID | None, most: int | None = None) -> list[UUID]:
    """Donors with gifts to this entity that wait for a yearly receipt, in the order of their ids."""
    found = (
        select(Donation.donor_id)
        .join(ReceiptCase, ReceiptCase.donation_id == Donation.id)
        .where(ReceiptCase.entity_id == entity_id, *yearly_receipts.WAITING)
        .distinct()
        .order_by(Donation.donor_id)
        .limit(most)
    )
    return list(session.execute(found.where(Donation.donor_id > after) if after else found).scalars())


def work(*, at: datetime) -> int:
    """Go on with the oldest batch that has not ended; how many donors were looked at."""
    with Transaction() as session:
        open_ones = select(ReceiptBatch).where(ReceiptBatch.finished_at.is_(None))
        batch = session.execute(open_ones.order_by(ReceiptBatch.asked_at).limit(1)).scalar_one_or_none()
        if batch is None:
            return 0
        ahead = waiting(session, batch.entity_id, after=batch.after, most=AHEAD)
        if not ahead:
            batch.finished_at = at
            return 1
    for start in range(0, len(ahead), TOGETHER):
        with Transaction() as session:
            step(session, batch.id, ahead[start : start + TOGETHER], at=at)
    return len(ahead)


def step(session: Session, batch_id: UUID, donor_ids: list[UUID], *, at: datetime) -> None:
    """The receipts of a few donors, and how far the batch has come, in one transaction."""
    batch = lock(session, ReceiptBatch, batch_id)
    receipt_issues.hold(session, batch.entity_id)
    told = {"entity_id": batch.entity_id, "year": batch.year, "by": batch.asked_by, "at": at}
    made = [yearly_receipts.issue(session, each, **told) for each in donor_ids]
    batch.done, batch.after = batch.done + len(donor_ids), donor_ids[-1]
    batch.issued += sum(each is not None for each in made)
