"""Refund outcomes: what the provider says became of a refund, ours or one made there, taken forward only.

When the money went back, the donation, the books, the totals and the news follow together, once.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.giving import findings, gifts, ledger
from services.giving.models import Donation, Refund, Settlement
from shared.db import lock, uuid7
from shared.messages import DonationRefunded
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
        detail = {"theirs": {"amount_minor": done.amount_minor, "currency": done.currency}}
        return findings.mismatch(
            session, "refund_differs", refund.account, done.id, gift.donation_id, detail, at=at
        )
    if done.status == "succeeded":
        completed_at = max(done.created_at, refund.requested_at)  # the provider tells whole seconds
        return complete(session, gift, refund, provider_refund_id=done.id, at=completed_at)
    if done.status in {"failed", "canceled"}:
        return fail(session, gift, refund, done, at=at)
    refund.provider_refund_id = done.id
    refund.release()
    return "applied"


def is_ours(session: Session, refund_id: UUID, *, account: str) -> bool:
    """Whether a refund that carries this id was asked by us on this account."""
    refund = session.get(Refund, refund_id)
    return refund is not None and refund.account == account


TAKE_BACK = text(
    """
    with giver as (
      update campaign_donors set donations_count = donations_count - 1
      where campaign_id = :campaign_id and party_id = :party_id
      returning case donations_count when 0 then 1 else 0 end as was_last
    )
    update campaign_totals set raised_minor = raised_minor - :amount_minor,
      donations_count = donations_count - 1, donors_count = donors_count - giver.was_last
    from giver where campaign_totals.campaign_id = :campaign_id
    """
)


def complete(
    session: Session, gift: gifts.Gift, refund: Refund, *, provider_refund_id: str, at: datetime
) -> str:
    """The money went back: donation, books, totals and news, once."""
    if refund.completed_at is not None or refund.failed_at is not None:
        return "ignored"
    donation = session.get_one(Donation, gift.donation_id, populate_existing=True)
    donation.refund(at=at)
    refund.provider_refund_id, refund.completed_at = provider_refund_id, at
    refund.release()
    session.flush()
    ledger.post(
        session,
        "refund",
        ledger.reversal(refund.amount_minor, fund_id=gift.fund_id, campaign_id=gift.campaign_id),
        entity_id=gift.entity_id,
        donation_id=gift.donation_id,
        reference=provider_refund_id,
        currency=refund.currency,
        at=at,
        posted_at=at,
    )
    party = gifts.party_id(session, gift)
    session.execute(
        TAKE_BACK, {"campaign_id": gift.campaign_id, "party_id": party, "amount_minor": refund.amount_minor}
    )
    publish(session, _news(gift, refund, party, at), correlation_id=gift.donation_id, at=at)
    return "applied"


def _news(gift: gifts.Gift, refund: Refund, party: UUID, at: datetime) -> DonationRefunded:
    return DonationRefunded(
        **gifts.said(gift, party),
        refund_id=refund.id,
        refund_minor=refund.amount_minor,
        refunded_minor=refund.amount_minor,
        refunded_at=at,
        reason=refund.reason,
    )


def fail(session: Session, gift: gifts.Gift, refund: Refund, done: ProviderRefund, *, at: datetime) -> str:
    """The money could not go back: the gift stays settled and staff may ask again.

    One that was reported done and then came back is a finding: our books say it left.
    """
    if refund.completed_at is not None:
        detail = {"refund": done.id, "failure": done.failure_reason}
        return findings.mismatch(
            session, "refund_came_back", refund.account, done.id, gift.donation_id, detail, at=at
        )
    if refund.failed_at is not None:
        return "ignored"
    refund.provider_refund_id = done.id
    refund.failed_at, refund.failure = at, done.failure_reason or done.status
    refund.release()
    return "applied"


def take_foreign(session: Session, account: str, done: ProviderRefund, *, at: datetime) -> str:
    """A refund that was made at the provider, not by us: a whole one is taken into the books.

    A part of a gift is a finding. One of a payment that we do not know (yet) is parked.
    """
    found = select(Settlement).where(
        Settlement.account == account, Settlement.payment_id == done.payment_intent
    )
    settlement = session.execute(found).scalar_one_or_none()
    if settlement is None:
        return "parked"
    gift, made_at = gifts.lock(session, settlement.donation_id), max(done.created_at, settlement.settled_at)
    known = select(Refund).where(Refund.donation_id == gift.donation_id, Refund.failed_at.is_(None))
    refund = session.execute(known.with_for_update()).scalar_one_or_none()
    if refund is not None and refund.provider_refund_id in {None, done.id} and refund.reason == "provider":
        return take_answer(session, refund.id, done, at=at)
    if (done.amount_minor, done.currency) != (gift.amount_minor, gift.currency) or refund is not None:
        detail = {"theirs": {"amount_minor": done.amount_minor, "currency": done.currency}}
        return findings.mismatch(session, "refund_differs", account, done.id, gift.donation_id, detail, at=at)
    if done.status in {"failed", "canceled"}:
        return "ignored"
    made = Refund(
        id=uuid7(),
        donation_id=gift.donation_id,
        account=account,
        amount_minor=done.amount_minor,
        currency=done.currency,
        reason="provider",
        note="",
        requested_at=made_at,
        retry_at=at + timedelta(hours=1),
    )
    session.add(made)
    session.flush()
    return take_answer(session, made.id, done, at=at)
