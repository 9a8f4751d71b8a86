"""Checkouts: the donor's visits to the provider's payment page, and what became of each."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from services.giving import chases, gifts
from services.giving.models import Campaign, Checkout, Donation, Transaction
from services.giving.models.donations import DonationNotPayable, DonationProcessing
from services.giving.settings import current
from shared import links
from shared.db import lock
from shared.messages import DonationFailed
from shared.outbox import publish
from shared.payments import gateway
from shared.payments.records import Checkout as ProviderCheckout
from shared.payments.records import Page

LONGEST = timedelta(hours=25)
"""A page is open for 24 hours at most; after this the provider is asked what became of it."""
GONE = "resource_missing"
"""The provider's word for what it has no more."""


def open_for(session: Session, donation: Donation, *, at: datetime) -> Checkout:
    """The donation's open checkout; a new one when there is none, or when its page's time is over.

    CampaignNotLive instead of a new one when the campaign takes gifts no more; DonationProcessing while a
    debit is on its way.
    """
    donation.check_payable()
    waiting = select(Checkout).where(Checkout.donation_id == donation.id, Checkout.closed_at.is_(None))
    checkout = session.execute(waiting.with_for_update()).scalar_one_or_none()
    if checkout is not None and checkout.processing_at is not None:
        raise DonationProcessing
    if checkout is not None and not (checkout.expires_at and checkout.expires_at <= at):
        return checkout
    campaign = session.execute(
        select(Campaign).where(Campaign.id == donation.campaign_id).options(joinedload(Campaign.entity))
    ).scalar_one()
    campaign.check_open(at)
    if checkout is not None:
        _close(checkout, "expired", at=at)
        session.flush()
    made = Checkout(
        donation_id=donation.id,
        account=current().account_of(campaign.entity.slug).account,
        takes_debits=campaign.entity.creditor_id is not None and donation.currency == "EUR",
        created_at=at,
    )
    session.add(made)
    session.flush()
    return made


def payable(session: Session, donation: Donation, *, at: datetime) -> Checkout | None:
    """The checkout on which a gift can be paid; None when it was paid, or its debit is on its way."""
    try:
        return open_for(session, donation, at=at)
    except (DonationNotPayable, DonationProcessing):
        return None


def page_of(checkout: Checkout, wish: dict[str, Any]) -> Page | None:
    """Ask the provider for the page of `checkout`; None when we know it already. No transaction is open.

    When the provider does not answer, the donor may try again at once: the same key opens the same page.
    """
    if checkout.url is not None:
        return None
    try:
        return gateway.open_checkout(
            current().account(checkout.account),
            checkout_id=checkout.id,
            debits=checkout.takes_debits,
            **wish,
        )
    except gateway.ProviderUnavailable:
        with Transaction() as session:
            lock(session, Donation, checkout.donation_id).release()
        raise


def wish(session: Session, donation: Donation) -> dict[str, Any]:
    """What the provider is asked for: the same each time, or it would refuse the repeated key."""
    gift = gifts.read(session, donation.id)
    base = gifts.address(gift)
    return {
        "donation_id": donation.id,
        "campaign_id": donation.campaign_id,
        "amount_minor": donation.amount_minor,
        "currency": donation.currency,
        "description": gift.title[donation.locale],
        "email": gift.typed_email or gift.email or gift.donor_email or "",
        "locale": donation.locale,
        "success_url": f"{base}?paid=1",
        "cancel_url": f"{base}?cancelled=1",
    }


def keep_page(session: Session, opened: Checkout, page: Page | None) -> Checkout:
    """Keep what the provider answered; the wish is answered from here on. Locks donation, then checkout."""
    lock(session, Donation, opened.donation_id).release()
    checkout = lock(session, Checkout, opened.id)
    if page is not None:
        checkout.session_id, checkout.url, checkout.expires_at = page.id, page.url, page.expires_at
    return checkout


def decline(session: Session, checkout_id: UUID, *, code: str, at: datetime) -> str:
    """The bank said no; the donor may try another card on the same page."""
    checkout = session.get(Checkout, checkout_id, with_for_update=True)
    if checkout is None:
        return "parked"
    if checkout.closed_at is not None or (checkout.declined_at or at) > at:
        return "ignored"
    checkout.declined_at, checkout.decline_code = at, code
    return "applied"


def end(session: Session, checkout_id: UUID, outcome: str, *, at: datetime) -> str:
    """The page closed without a payment (`expired`), or the payment was refused for good (`failed`).

    The donation fails with it, unless another page is open.
    """
    gift = gifts.lock_by_checkout(session, checkout_id)
    if gift is None:
        return "parked"
    if gift.closed_at is not None or gift.settled_at is not None:
        return "ignored"
    checkout = session.get_one(Checkout, checkout_id)
    _close(checkout, outcome, at=at)
    reason = "declined" if checkout.declined_at else "expired"
    donation = session.get_one(Donation, gift.donation_id)
    if donation.fail(reason, at=at):
        party = gifts.party_id(session, gift)
        news = DonationFailed(**gifts.said(gift, party), failed_at=at, reason=reason)
        publish(session, news, correlation_id=gift.donation_id, at=at)
    return "applied"


def _close(checkout: Checkout, outcome: str, *, at: datetime) -> None:
    checkout.closed_at, checkout.outcome = at, outcome
    if outcome == "failed":
        checkout.declined_at = checkout.declined_at or at


def overdue(session: Session, *, at: datetime, most: int = 50) -> list[Checkout]:
    """Checkouts that should have ended by now, whose end nobody told us.

    In no order, so that those which cannot end yet do not stand before the others for good.
    """
    late = select(Checkout).where(
        Checkout.closed_at.is_(None),
        Checkout.created_at < at - LONGEST,
        Checkout.account.in_(list(current().accounts)),
    )
    return list(session.execute(late.order_by(func.random()).limit(most)).scalars())


def look_up(checkout: Checkout, *, at: datetime) -> ProviderCheckout | None:
    """What the provider knows of an overdue checkout; None of one that it never had, or has no more.

    No transaction is open.
    """
    account = current().account(checkout.account)
    if checkout.session_id is None:
        since = checkout.created_at - timedelta(minutes=5)
        return gateway.find_checkout(account, checkout.id, since=since, until=at)
    try:
        return gateway.fetch_checkout(account, checkout.session_id)
    except gateway.ProviderRefused as refusal:
        if refusal.facts["provider_code"] != GONE:
            raise
        return None


def link_of(donation: Donation) -> str:
    """Token of the donor's own page of this gift."""
    return links.sign(gifts.PURPOSE, donation.id, donation.link_version, key=current().link_key)


def chase(*, at: datetime) -> int:
    """Ask the provider about overdue checkouts; how many ended. A page never opened, or gone, has expired."""
    with Transaction() as session:
        late = overdue(session, at=at)
    return chases.each(late, partial(_ended, at=at))[0]


def _ended(checkout: Checkout, *, at: datetime) -> bool:
    known = look_up(checkout, at=at)
    if known is not None and known.status != "expired":
        return False
    with Transaction() as session:
        return end(session, checkout.id, "expired", at=at) == "applied"
