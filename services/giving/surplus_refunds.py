"""Surplus refunds: the second payment of a gift goes back to the donor, whole; the gift stays."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import refunds
from services.giving.models import Donation, Refund, Surplus, Transaction
from services.giving.refunds import NotThroughProvider, RefundShown, RefundUnderWay
from shared import telemetry
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.errors import NotFound
from shared.http import Blueprint, IdempotencyKey
from shared.once import once

routes = Blueprint("surplus_refunds", __name__, url_prefix="/api/v1/giving/surpluses")

NOTE = "Deuxième paiement du même don."


@routes.post(
    "/<uuid:surplus_id>/refunds", allow="giving.refund", refuses=(RefundUnderWay, NotThroughProvider)
)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, RefundShown)
def create(header: dict[str, str], surplus_id: UUID) -> Refund:
    """Give a second payment back. It was never a gift, so that no limit asks for another person."""
    with Transaction() as session:
        surplus = session.get(Surplus, surplus_id)
        if surplus is None:
            raise NotFound
        lock(session, Donation, surplus.donation_id)

        def values() -> dict[str, Any]:
            return prepared(session, surplus_id, by=caller().person_id, at=now())

        refund = once(session, Refund, header["key"], values=values)
        telemetry.concerns(refund.donation_id)
        if not refund.repeated:
            refunds.note(session, refund, at=now())
    return refunds.carry_out(refund)


def prepared(session: Session, surplus_id: UUID, *, by: UUID | None, at: datetime) -> dict[str, Any]:
    """The values of a new refund of a second payment: all that is left of it."""
    surplus = lock(session, Surplus, surplus_id)
    refunds.check_account(surplus.account)
    live = select(Refund.id).where(
        Refund.surplus_id == surplus_id, Refund.failed_at.is_(None), Refund.completed_at.is_(None)
    )
    if surplus.left_minor == 0 or session.execute(live).first() is not None:
        raise RefundUnderWay
    return {
        "donation_id": surplus.donation_id,
        "surplus_id": surplus_id,
        "account": surplus.account,
        "amount_minor": surplus.left_minor,
        "currency": surplus.currency,
        "reason": "duplicate",
        "note": NOTE,
        "requested_by": by,
        "requested_at": at,
        "retry_at": at + timedelta(minutes=1),
    }
