"""Surpluses: a donation paid twice. The second payment is held for the donor until it is given back.

It is no gift: it stands in suspense in the books, and in no total.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving import chases, gifts, ledger
from services.giving.models import Surplus, Transaction
from services.giving.models.ledger import FEE, SURPLUS, SUSPENSE
from shared.db import lock, uuid7
from shared.http import Blueprint
from shared.money import Minor
from shared.pages import PageQuery, page, paged
from shared.payments.records import Payment

routes = Blueprint("surpluses", __name__, url_prefix="/api/v1/giving/surpluses")


class SurplusShown(Schema):
    """A second payment of a donation; `left_minor` waits to go back."""

    id = fields.UUID(required=True)
    donation_id = fields.UUID(required=True)
    payment_id = fields.String(required=True)
    amount_minor = Minor(required=True)
    left_minor = Minor(required=True)
    currency = fields.String(required=True)
    paid_at = fields.AwareDateTime(required=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(SurplusShown))
def index(query: dict[str, Any]) -> Any:
    """Second payments that were not given back yet, the newest first."""
    with Transaction() as session:
        held = select(Surplus).where(Surplus.refunded_minor + Surplus.disputed_minor < Surplus.amount_minor)
        return page(session, held, keys=[Surplus.paid_at.desc(), Surplus.id.desc()], **query)


def keep(
    session: Session,
    gift: gifts.Gift,
    *,
    account: str,
    payment_id: str,
    amount_minor: int,
    currency: str,
    paid_at: datetime,
    at: datetime,
) -> bool:
    """Hold a second payment, and its money in the books; whether it is news."""
    made = insert(Surplus).values(
        id=uuid7(),
        donation_id=gift.donation_id,
        account=account,
        payment_id=payment_id,
        amount_minor=amount_minor,
        currency=currency,
        paid_at=paid_at,
        found_at=at,
        retry_at=at,
        refunded_minor=0,
        disputed_minor=0,
    )
    new = session.execute(made.on_conflict_do_nothing().returning(Surplus.id)).scalar_one_or_none()
    if new is not None:
        moved = {"reference": payment_id, "at": paid_at, "posted_at": at}
        post(session, gift, SURPLUS, -amount_minor, currency=currency, **moved)
    return new is not None


def post(session: Session, gift: gifts.Gift, kind: str, minor: int, *, currency: str, **moved: Any) -> None:
    """Money held for the donor left what the provider holds for us; below zero, it came."""
    lines = ledger.withdrawal(SUSPENSE, minor)
    ledger.post(
        session,
        kind,
        lines,
        entity_id=gift.entity_id,
        donation_id=gift.donation_id,
        currency=currency,
        **moved,
    )


def of_donation(session: Session, donation_id: UUID) -> list[Surplus]:
    """The second payments of a gift, the oldest first."""
    found = select(Surplus).where(Surplus.donation_id == donation_id).order_by(Surplus.paid_at, Surplus.id)
    return list(session.execute(found).scalars())


def without_details(session: Session, accounts: list[str], *, at: datetime, most: int = 50) -> list[Surplus]:
    """Those whose charge and fee the provider has not told yet; each is asked for again in a while."""
    unknown = select(Surplus).where(Surplus.detailed_at.is_(None), Surplus.account.in_(accounts))
    return chases.take_due(session, unknown, since="found_at", at=at, most=most)


def detail(session: Session, surplus_id: UUID, payment: Payment, *, at: datetime) -> bool:
    """Charge and fee, from the provider's own record; the fee goes into the books."""
    surplus = lock(session, Surplus, surplus_id)
    movement = payment.charge.movement if payment.charge else None
    if surplus.detailed_at is not None or payment.charge is None or movement is None:
        return False
    surplus.charge_id, surplus.movement_id = payment.charge.id, movement.id
    surplus.fee_minor, surplus.detailed_at = movement.fee_minor, at
    if movement.fee_minor:
        gift = gifts.read(session, surplus.donation_id)
        ledger.post(
            session,
            FEE,
            ledger.fee(movement.fee_minor),
            entity_id=gift.entity_id,
            donation_id=gift.donation_id,
            reference=movement.id,
            currency=movement.currency,
            at=movement.created_at,
            posted_at=at,
        )
    return True
