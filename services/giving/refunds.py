"""Refunds: staff give a gift back, whole or in part; the provider is asked until it says how that ended.

Above the limit of its entity a refund waits for another person first (refund_approvals.py).
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.giving import chases, disputes, refund_outcomes
from services.giving.models import Campaign, Donation, Entity, Refund, Settlement, Surplus, Transaction
from services.giving.models.donations import DonationNotSettled, DonationUnderDispute
from services.giving.models.refunds import REASONS, STATUSES
from services.giving.settings import current
from shared import audit, telemetry
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.errors import Conflict, Refused
from shared.http import Blueprint, IdempotencyKey
from shared.money import Minor
from shared.once import once
from shared.payments import gateway
from shared.payments.records import Refund as ProviderRefund

routes = Blueprint("refunds", __name__, url_prefix="/api/v1/giving/donations")

KEY_LIFE = timedelta(hours=24)
"""For this long the provider answers a repeated key with the same refund; after it we search first."""


class RefundUnderWay(Conflict):
    """All that is left of this donation is on its way back already."""


class RefundTooLarge(Refused):
    """No more of this donation is left to give back than `left_minor`."""


class NotThroughProvider(Refused):
    """This gift did not come through a provider account of ours, so it cannot be refunded from here."""


class RefundWish(Schema):
    """Why a gift goes back: a gift is not a purchase. Without `amount_minor`, all that is left of it."""

    reason = fields.String(required=True, validate=validate.OneOf(REASONS))
    note = fields.String(required=True, validate=validate.Length(3, 1000))
    amount_minor = Minor(validate=validate.Range(min=1))


class RefundShown(Schema):
    """`status`: waiting for an approval, requested, completed, returned (it came back to us), failed or
    rejected. `surplus_id` names the second payment that it gives back instead of the gift."""

    id = fields.UUID(required=True)
    donation_id = fields.UUID(required=True)
    surplus_id = fields.UUID(allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    reason = fields.String(required=True)
    note = fields.String(required=True)
    requested_at = fields.AwareDateTime(required=True)
    requested_by = fields.UUID(allow_none=True)
    approved_at = fields.AwareDateTime(allow_none=True)
    approved_by = fields.UUID(allow_none=True)
    completed_at = fields.AwareDateTime(allow_none=True)
    returned_at = fields.AwareDateTime(allow_none=True)
    failed_at = fields.AwareDateTime(allow_none=True)
    failure = fields.String(allow_none=True)
    rejected_by = fields.UUID(allow_none=True)
    rejection = fields.String(allow_none=True)


@routes.post(
    "/<uuid:donation_id>/refunds",
    allow="giving.refund",
    refuses=(DonationNotSettled, DonationUnderDispute, RefundUnderWay, RefundTooLarge, NotThroughProvider),
)
@routes.arguments(RefundWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, RefundShown)
def create(wish: dict[str, Any], header: dict[str, str], donation_id: UUID) -> Refund:
    """Give a gift back to the donor, or a part of it; above the entity's limit, once somebody else agrees."""
    telemetry.concerns(donation_id)
    with Transaction() as session:
        lock(session, Donation, donation_id)

        def values() -> dict[str, Any]:
            asked = wish.get("amount_minor")
            return prepared(session, donation_id, amount_minor=asked, by=caller().person_id, at=now())

        refund = once(session, Refund, header["key"], values=values, **wish)
        if not refund.repeated:
            note(session, refund, at=now())
        if refund.status == "waiting":
            refund.release()
    return carry_out(refund)


def prepared(
    session: Session, donation_id: UUID, *, by: UUID | None, at: datetime, amount_minor: int | None = None
) -> dict[str, Any]:
    """The values of a new refund of this donation, of which there must be so much left."""
    donation, settlement = lock(session, Donation, donation_id), session.get(Settlement, donation_id)
    if settlement is None:
        raise DonationNotSettled
    check_account(settlement.account)
    disputes.check_refundable(session, donation)
    amount_minor = _available(session, donation, amount_minor)
    return {
        "donation_id": donation_id,
        "account": settlement.account,
        "amount_minor": amount_minor,
        "currency": donation.currency,
        "requested_by": by,
        "requested_at": at,
        "retry_at": at + timedelta(minutes=1),
        "needs_approval": _is_above_limit(session, donation, amount_minor),
    }


def check_account(account: str) -> None:
    """Raise NotThroughProvider unless we can ask the provider on this account."""
    if account not in current().accounts:
        raise NotThroughProvider


def _available(session: Session, donation: Donation, asked_minor: int | None) -> int:
    """What goes back: as much as was asked for, or all that is neither gone nor on its way."""
    under_way = _asked(session, donation, Refund.completed_at.is_(None))
    left = donation.left_minor - under_way
    if left <= 0:
        raise RefundUnderWay if under_way else DonationNotSettled
    if asked_minor is not None and asked_minor > left:
        raise RefundTooLarge(left_minor=left)
    return asked_minor or left


def _is_above_limit(session: Session, donation: Donation, amount_minor: int) -> bool:
    """Whether another person must agree; a gift given back in small parts is not below it."""
    entity = select(Entity.refund_alone_minor).join(Campaign, Campaign.entity_id == Entity.id)
    limit = session.execute(entity.where(Campaign.id == donation.campaign_id)).scalar_one()
    before = _asked(session, donation, Refund.requested_by.is_not(None))
    return limit is not None and before + amount_minor > limit


def _asked(session: Session, donation: Donation, which: Any) -> int:
    """The sum of the donation's refunds that did not end in vain."""
    asked = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.donation_id == donation.id, Refund.surplus_id.is_(None)
    )
    live = asked.where(Refund.failed_at.is_(None), Refund.returned_at.is_(None), which)
    return int(session.execute(live).scalar_one())


def note(session: Session, refund: Refund, *, at: datetime) -> None:
    """Staff's act in the audit trail."""
    audit.record(
        session,
        by=refund.requested_by,
        action="donation.refunded" if refund.surplus_id is None else "surplus.refunded",
        subject=("donation", refund.donation_id),
        right="giving.refund",
        reason=refund.reason,
        detail=refund.note,
        at=at,
        key=current().link_key,
    )


def carry_out(refund: Refund) -> Refund:
    """Ask the provider, with the refund's id as key, outside any transaction, and keep the answer.

    What the provider refuses for good ends the refund; when it does not answer, `chase` asks again. Nothing
    is asked for one that waits for an approval.
    """
    if refund.status != "requested":
        return refund
    with Transaction() as session:
        payment_id = _payment_id(session, refund)
    try:
        done = _ask(refund, payment_id)
    except gateway.ProviderRefused as refusal:
        with Transaction() as session:
            give_up(session, refund.id, failure=str(refusal.facts["provider_code"]), at=now())
        raise
    with Transaction() as session:
        refund_outcomes.take_answer(session, refund.id, done, at=now())
        return session.get_one(Refund, refund.id)


def _payment_id(session: Session, refund: Refund) -> str:
    if refund.surplus_id is not None:
        return session.get_one(Surplus, refund.surplus_id).payment_id
    return session.get_one(Settlement, refund.donation_id).payment_id


def _ask(refund: Refund, payment_id: str) -> ProviderRefund:
    """The refund as the provider has it; past the life of its key we search before asking again."""
    account = current().account(refund.account)
    if now() - (refund.approved_at or refund.requested_at) > KEY_LIFE:
        done = gateway.find_refund(account, refund.id, payment_intent=payment_id)
        if done is not None:
            return done
    return gateway.refund(
        account,
        refund_id=refund.id,
        payment_intent=payment_id,
        amount_minor=refund.amount_minor,
        reason=refund.reason,
    )


def give_up(session: Session, refund_id: UUID, *, failure: str, at: datetime) -> None:
    """The provider refuses this refund: the gift stays as it is."""
    refund = lock(session, Refund, refund_id)
    if refund.completed_at is None and refund.failed_at is None:
        refund.failed_at, refund.failure = at, failure
        refund.release()


def waiting(session: Session, *, at: datetime, most: int = 20) -> list[Refund]:
    """Refunds of ours that the provider has not confirmed; each is asked about again in a while.

    Those of an account that is not ours at the moment wait until it is, and those that nobody has approved
    until somebody does.
    """
    late = (
        select(Refund)
        .where(Refund.completed_at.is_(None), Refund.failed_at.is_(None), Refund.retry_at <= at)
        .where(~Refund.needs_approval | Refund.approved_at.is_not(None))
        .where(Refund.reason != "provider", Refund.account.in_(list(current().accounts)))
        .order_by(Refund.retry_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = list(session.execute(late).scalars())
    for each in found:
        asked_at = each.approved_at or each.requested_at
        each.retry_at = at + min(max(at - asked_at, timedelta(minutes=1)), timedelta(hours=6))
    return found


def chase(*, at: datetime) -> int:
    """Carry out refunds that were interrupted, and look after those the bank has not done; how many ended."""
    with Transaction() as session:
        found = waiting(session, at=at)
    return chases.each(found, _ends)[0]


def _ends(refund: Refund) -> bool:
    try:
        return carry_out(refund).status != "requested"
    except gateway.ProviderRefused:
        return True
