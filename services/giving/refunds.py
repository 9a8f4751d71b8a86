"""Refunds: staff give a gift back, whole; the provider is asked, again until it says how that ended."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import chases, refund_outcomes
from services.giving.models import Donation, Refund, Settlement, Transaction
from services.giving.models.donations import DonationNotSettled
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
    """A refund of this donation was asked already."""


class NotThroughProvider(Refused):
    """This gift did not come through a provider account of ours, so it cannot be refunded from here."""


class RefundWish(Schema):
    """Why a gift goes back: a gift is not a purchase."""

    reason = fields.String(required=True, validate=validate.OneOf(REASONS))
    note = fields.String(required=True, validate=validate.Length(3, 1000))


class RefundShown(Schema):
    """`status`: requested, completed or failed."""

    id = fields.UUID(required=True)
    donation_id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    reason = fields.String(required=True)
    note = fields.String(required=True)
    requested_at = fields.AwareDateTime(required=True)
    completed_at = fields.AwareDateTime(allow_none=True)
    failure = fields.String(allow_none=True)


@routes.post(
    "/<uuid:donation_id>/refunds",
    allow="giving.refund",
    refuses=(DonationNotSettled, RefundUnderWay, NotThroughProvider),
)
@routes.arguments(RefundWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, RefundShown)
def create(wish: dict[str, Any], header: dict[str, str], donation_id: UUID) -> Refund:
    """Give the whole gift back to the donor."""
    telemetry.concerns(donation_id)
    with Transaction() as session:
        values = prepared(session, donation_id, key=header["key"], at=now())
        refund = once(
            session, Refund, header["key"], values=values | {"requested_by": caller().person_id}, **wish
        )
        if not refund.repeated:
            note(session, refund, at=now())
    return carry_out(refund)


def prepared(session: Session, donation_id: UUID, *, key: str, at: datetime) -> dict[str, Any]:
    """The values of a new refund of this donation; raises unless it is settled and nobody refunds it yet."""
    donation = lock(session, Donation, donation_id)
    live = select(Refund).where(Refund.donation_id == donation_id, Refund.failed_at.is_(None))
    other = session.execute(live).scalar_one_or_none()
    if other is not None and other.idempotency_key != key:
        raise RefundUnderWay if donation.refunded_at is None else DonationNotSettled
    settlement = session.get(Settlement, donation_id)
    if settlement is None:
        raise DonationNotSettled
    if settlement.account not in current().accounts:
        raise NotThroughProvider
    return {
        "donation_id": donation_id,
        "account": settlement.account,
        "amount_minor": donation.amount_minor,
        "currency": donation.currency,
        "requested_at": at,
        "retry_at": at + timedelta(minutes=1),
    }


def note(session: Session, refund: Refund, *, at: datetime) -> None:
    """Staff's act in the audit trail."""
    audit.record(
        session,
        by=refund.requested_by,
        action="donation.refunded",
        subject=("donation", refund.donation_id),
        right="giving.refund",
        reason=refund.reason,
        detail=refund.note,
        at=at,
        key=current().link_key,
    )


def carry_out(refund: Refund) -> Refund:
    """Ask the provider, with the refund's id as key, outside any transaction, and keep the answer.

    What the provider refuses for good ends the refund; when it does not answer, `chase` asks again.
    """
    if refund.status != "requested":
        return refund
    with Transaction() as session:
        payment_id = session.get_one(Settlement, refund.donation_id).payment_id
    try:
        done = _ask(refund, payment_id)
    except gateway.ProviderRefused as refusal:
        with Transaction() as session:
            give_up(session, refund.id, failure=str(refusal.facts["provider_code"]), at=now())
        raise
    with Transaction() as session:
        refund_outcomes.take_answer(session, refund.id, done, at=now())
        return session.get_one(Refund, refund.id)


def _ask(refund: Refund, payment_id: str) -> ProviderRefund:
    """The refund as the provider has it; past the life of its key we search before asking again."""
    account = current().account(refund.account)
    if now() - refund.requested_at > KEY_LIFE:
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
    """The provider refuses this refund: the gift stays settled."""
    refund = lock(session, Refund, refund_id)
    if refund.completed_at is None and refund.failed_at is None:
        refund.failed_at, refund.failure = at, failure
        refund.release()


def waiting(session: Session, *, at: datetime, most: int = 20) -> list[Refund]:
    """Refunds of ours that the provider has not confirmed; each is asked about again in a while.

    Those of an account that is not ours at the moment wait until it is.
    """
    late = (
        select(Refund)
        .where(Refund.completed_at.is_(None), Refund.failed_at.is_(None), Refund.retry_at <= at)
        .where(Refund.reason != "provider", Refund.account.in_(list(current().accounts)))
        .order_by(Refund.retry_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = list(session.execute(late).scalars())
    for each in found:
        each.retry_at = at + min(max(at - each.requested_at, timedelta(minutes=1)), timedelta(hours=6))
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
