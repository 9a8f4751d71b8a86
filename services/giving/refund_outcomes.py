"""Refund outcomes: what the provider says became of a refund, ours or one made there, taken forward only.

When the money went back, the donation, the books, the totals and the news follow together, once; and the
other way round when it comes again.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import findings, gift_changes, gifts, surpluses
from services.giving.models import Donation, Refund, Surplus
from services.giving.models.ledger import REFUND, REFUND_RETURNED, SURPLUS_REFUND
from shared.db import lock, uuid7
from shared.messages import DonationRefunded, DonationRefundReturned
from shared.outbox import publish
from shared.payments.records import Refund as ProviderRefund


def take_answer(session: Session, refund_id: UUID, done: ProviderRefund, *, at: datetime) -> str:
    """What the provider says of a refund of ours, from its answer or its webhook: forward only."""
    known = session.get(Refund, refund_id)
    if known is None:
        return "parked"
    gift = gifts.lock(session, known.donation_id)
    refund = lock(session, Refund, refund_id)
    if (done.amount_minor, done.currency) != (refund.amount_minor, refund.currency):
        return _differs(session, refund.account, done, gift, at=at)
    if done.status == "succeeded":
        completed_at = max(done.created_at, refund.requested_at)  # the provider tells whole seconds
        return complete(session, gift, refund, done, at=completed_at)
    if done.status in {"failed", "canceled"}:
        return fail(session, gift, refund, done, at=at)
    refund.provider_refund_id = done.id
    refund.release()
    return "applied"


def is_ours(session: Session, refund_id: UUID, *, account: str) -> bool:
    """Whether a refund that carries this id was asked by us on this account."""
    refund = session.get(Refund, refund_id)
    return refund is not None and refund.account == account


def complete(
    session: Session, gift: gifts.Gift, refund: Refund, done: ProviderRefund, *, at: datetime
) -> str:
    """The money went back: donation, books, totals and news, once."""
    if refund.completed_at is not None or refund.failed_at is not None:
        return "ignored"
    if refund.amount_minor > _held(session, gift.donation_id, refund.surplus_id).left_minor:
        return _differs(session, refund.account, done, gift, at=at)
    refund.provider_refund_id, refund.completed_at = done.id, at
    refund.release()
    session.flush()
    told = _change(session, gift, refund, REFUND, at=at)
    if told is not None:
        news = DonationRefunded(**told, refunded_at=at, reason=refund.reason)
        publish(session, news, correlation_id=gift.donation_id, at=at)
    return "applied"


def fail(session: Session, gift: gifts.Gift, refund: Refund, done: ProviderRefund, *, at: datetime) -> str:
    """The money could not go back: the gift stays as it is and staff may ask again.

    One that was reported done and then came back is ours again, and a finding: the donor was told it left.
    """
    if refund.completed_at is not None:
        return _return(session, gift, refund, done, at=at) if refund.returned_at is None else "ignored"
    if refund.failed_at is not None:
        return "ignored"
    refund.provider_refund_id = done.id
    refund.failed_at, refund.failure = at, done.failure_reason or done.status
    refund.release()
    return "applied"


def _return(session: Session, gift: gifts.Gift, refund: Refund, done: ProviderRefund, *, at: datetime) -> str:
    detail = {"refund": done.id, "failure": done.failure_reason}
    findings.record(session, "refund_came_back", refund.account, done.id, gift.donation_id, detail, at=at)
    at = refund.returned_at = max(done.created_at, refund.completed_at or at)
    told = _change(session, gift, refund, REFUND_RETURNED, at=at)
    if told is not None:
        news = DonationRefundReturned(**told, returned_at=at)
        publish(session, news, correlation_id=gift.donation_id, at=at)
    return "applied"


def _change(
    session: Session, gift: gifts.Gift, refund: Refund, kind: str, *, at: datetime
) -> dict[str, Any] | None:
    """Gift, books and totals, and what the news says of it; a second payment changes no gift."""
    moved = {"reference": str(refund.provider_refund_id), "at": at, "posted_at": at}
    if refund.surplus_id is not None:
        kind, minor = (
            (SURPLUS_REFUND, refund.amount_minor) if kind == REFUND else (kind, -refund.amount_minor)
        )
        surplus = lock(session, Surplus, refund.surplus_id)
        surplus.refunded_minor += minor
        surpluses.post(session, gift, kind, minor, currency=refund.currency, **moved)
        return None
    donation = gift_changes.change(session, gift, kind, refund.amount_minor, **moved)
    return gifts.said(gift, gifts.party_id(session, gift)) | {
        "refund_id": refund.id,
        "refund_minor": refund.amount_minor,
        "refunded_minor": donation.refunded_minor,
    }


def _held(session: Session, donation_id: UUID, surplus_id: UUID | None) -> Donation | Surplus:
    """What a refund takes from, as it stands under its lock."""
    if surplus_id is not None:
        return lock(session, Surplus, surplus_id)
    return session.get_one(Donation, donation_id, populate_existing=True)


def take_foreign(session: Session, account: str, done: ProviderRefund, *, at: datetime) -> str:
    """A refund that was made at the provider, not by us, whole or a part: it is taken into the books.

    More than is left is a finding. One of a payment that we do not know (yet) is parked.
    """
    paid = gifts.by_payment(session, account, done.payment_intent)
    if paid is None:
        return "parked"
    gift = gifts.lock(session, paid.donation_id)
    known = select(Refund.id).where(Refund.account == account, Refund.provider_refund_id == done.id)
    refund_id = session.execute(known).scalar_one_or_none()
    if refund_id is not None:
        return take_answer(session, refund_id, done, at=at)
    if done.status in {"failed", "canceled"}:
        return "ignored"
    left = _held(session, gift.donation_id, paid.surplus_id).left_minor
    if done.currency != gift.currency or not 0 < done.amount_minor <= left:
        return _differs(session, account, done, gift, at=at)
    made = Refund(
        id=uuid7(),
        donation_id=gift.donation_id,
        surplus_id=paid.surplus_id,
        account=account,
        amount_minor=done.amount_minor,
        currency=done.currency,
        reason="provider",
        note="",
        requested_at=max(done.created_at, paid.settled_at),
        retry_at=at + timedelta(hours=1),
    )
    session.add(made)
    session.flush()
    return take_answer(session, made.id, done, at=at)


def _differs(session: Session, account: str, done: ProviderRefund, gift: gifts.Gift, *, at: datetime) -> str:
    detail = {"theirs": {"amount_minor": done.amount_minor, "currency": done.currency}}
    return findings.mismatch(session, "refund_differs", account, done.id, gift.donation_id, detail, at=at)
