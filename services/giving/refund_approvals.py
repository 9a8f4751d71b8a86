"""Refund approvals: above its entity's limit, a refund needs four eyes before the provider is asked."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from services.giving import disputes, refunds
from services.giving.models import Donation, Refund, Surplus, Transaction
from services.giving.models.donations import DonationUnderDispute
from services.giving.models.refunds import ApprovedByAsker, RefundNotWaiting
from services.giving.refunds import RefundShown, RefundTooLarge
from services.giving.settings import current
from shared import audit, telemetry
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.errors import NotFound
from shared.http import Blueprint

routes = Blueprint("refund_approvals", __name__, url_prefix="/api/v1/giving/donations")


class Rejection(Schema):
    """Why not: who asked reads it."""

    note = fields.String(required=True, validate=validate.Length(3, 1000))


@routes.post(
    "/<uuid:donation_id>/refunds/<uuid:refund_id>/approvals",
    allow="giving.refund",
    refuses=(ApprovedByAsker, RefundNotWaiting, DonationUnderDispute, RefundTooLarge),
)
@routes.response(201, RefundShown)
def approve(donation_id: UUID, refund_id: UUID) -> Refund:
    """Agree to a refund that somebody else asked for; the provider is asked now. Twice is once."""
    telemetry.concerns(donation_id)
    with Transaction() as session:
        refund = approved(session, donation_id, refund_id, by=caller().person_id, at=now())
    return refunds.carry_out(refund)


@routes.post(
    "/<uuid:donation_id>/refunds/<uuid:refund_id>/rejections",
    allow="giving.refund",
    refuses=(RefundNotWaiting,),
)
@routes.arguments(Rejection)
@routes.response(201, RefundShown)
def reject(wish: dict[str, Any], donation_id: UUID, refund_id: UUID) -> Refund:
    """Say no to a refund that waits, or take one's own back; or no longer wait for one that failed."""
    telemetry.concerns(donation_id)
    with Transaction() as session:
        note, by = wish["note"], caller().person_id
        return rejected(session, donation_id, refund_id, note=note, by=by, at=now())


def approved(
    session: Session, donation_id: UUID, refund_id: UUID, *, by: UUID | None, at: datetime
) -> Refund:
    """Somebody else agrees, and it can still be done as it was asked."""
    donation, refund = _found(session, donation_id, refund_id)
    if refund.approve(by=by, at=at):
        _check(session, donation, refund)
        refund.retry_at = at + timedelta(minutes=1)
        _write_down(session, "refund.approved", refund, by=by, at=at)
    return refund


def rejected(
    session: Session, donation_id: UUID, refund_id: UUID, *, note: str, by: UUID | None, at: datetime
) -> Refund:
    """Somebody says no: nothing is asked of the provider, and the gift stays as it is."""
    refund = _found(session, donation_id, refund_id)[1]
    if refund.reject(note, by=by, at=at):
        _write_down(session, "refund.rejected", refund, by=by, at=at, detail=note)
    return refund


def _found(session: Session, donation_id: UUID, refund_id: UUID) -> tuple[Donation, Refund]:
    """Both locked, in the order of all that changes them."""
    donation, refund = lock(session, Donation, donation_id), lock(session, Refund, refund_id)
    if refund.donation_id != donation_id:
        raise NotFound
    return donation, refund


def _check(session: Session, donation: Donation, refund: Refund) -> None:
    """What happened since it was asked for may have left less than that."""
    if refund.surplus_id is None:
        disputes.check_refundable(session, donation)
    held = donation if refund.surplus_id is None else session.get_one(Surplus, refund.surplus_id)
    if refund.amount_minor > held.left_minor:
        raise RefundTooLarge(left_minor=held.left_minor)


def _write_down(
    session: Session, action: str, refund: Refund, *, by: UUID | None, at: datetime, detail: str | None = None
) -> None:
    audit.record(
        session,
        by=by,
        action=action,
        subject=("refund", refund.id),
        right="giving.refund",
        detail=detail,
        at=at,
        key=current().link_key,
    )
