"""Settlements: the hot path, on which a gift becomes ours; and the details that come after.

The donation, its proof, the books, the totals and the news commit together, or nothing does.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from services.giving import chases, findings, gifts, ledger, receipt_cases, surpluses
from services.giving.models import Campaign, Settlement
from services.giving.models.campaigns import goal_reached
from shared import outbox
from shared.db import lock, uuid7
from shared.messages import CampaignGoalReached, DonationSettled
from shared.outbox import publish
from shared.payments.records import Payment


@dataclass(frozen=True)
class Paid:
    """What the provider says was paid on one of its pages."""

    account: str
    checkout_id: UUID
    session_id: str
    donation_id: str | None
    payment_id: str
    amount_minor: int
    currency: str
    method: str | None
    paid_at: datetime


# One statement, so that the campaign's total, the one row that all gifts of a campaign share, is locked
# for no round trip but the commit. All its rows are found by primary key; donations and checkouts by
# their id and by uq_checkouts_open.
SETTLE = text(
    """
    with gift as (
      update donations set settled_at = :at, claimed_until = null
      where id = :donation_id and settled_at is null returning id
    ), closed as (
      update checkouts set closed_at = coalesce(closed_at, :at),
        outcome = case when id = :checkout_id then 'paid' else 'expired' end,
        session_id = case when id = :checkout_id then :session_id else session_id end,
        payment_id = case when id = :checkout_id then :payment_id else payment_id end
      where donation_id = :donation_id and (id = :checkout_id or closed_at is null)
    ), proof as (
      insert into settlements
        (donation_id, checkout_id, account, payment_id, paid_at, settled_at, retry_at, method_kind)
      select id, :checkout_id, :account, :payment_id, :paid_at, :at, :at, :method from gift
    ), booked as (
      insert into ledger_transactions (id, kind, entity_id, donation_id, reference, at, value_at, posted_at)
      select :transaction_id, 'gift', :entity_id, id, :payment_id,
             greatest(cast(:paid_at as timestamptz), opens_at),
             case when opens_at > :paid_at then cast(:paid_at as timestamptz) end, :at
      from gift, (select max(opens_at) as opens_at from closings where entity_id = :entity_id) as books
    ), entries as (
      insert into ledger_entries
        (transaction_id, line, account, fund_id, campaign_id, currency, debit_minor, credit_minor)
      select :transaction_id, 1, 'provider', null, null, :currency, :amount_minor, 0 from gift
      union all
      select :transaction_id, 2, 'gifts', :fund_id, :campaign_id, :currency, 0, :amount_minor from gift
    ), news as (
      insert into outbox (id, topic, type, key, correlation_id, headers, payload, contact)
      select cast(:news_id as uuid), :news_topic, :news_type, :news_key, cast(:news_correlation_id as uuid),
             cast(:news_headers as jsonb), :news_payload, :news_contact from gift
    ), giver as (
      insert into campaign_donors as known (campaign_id, party_id, donations_count, first_at)
      select :campaign_id, :party_id, 1, :at from gift
      on conflict (campaign_id, party_id) do update set
        donations_count = known.donations_count + 1,
        first_at = case when known.donations_count = 0 then excluded.first_at
                        else least(known.first_at, excluded.first_at) end
      returning case donations_count when 1 then 1 else 0 end as is_first
    )
    update campaign_totals set raised_minor = raised_minor + :amount_minor,
      donations_count = donations_count + 1, donors_count = donors_count + giver.is_first,
      latest_at = greatest(latest_at, :at)
    from giver where campaign_totals.campaign_id = :campaign_id
    returning raised_minor, donors_count
    """
)


def settle(session: Session, paid: Paid, *, at: datetime, gift: gifts.Gift | None = None) -> str:
    """A payment was accepted: donation, books, totals and news, once.

    `gift` is the checkout's, when the caller has locked it already. Returns what became of it: `applied`;
    `ignored` when it was known; `parked` when we know no such checkout (yet); `mismatch` when what was paid
    is not what we asked, which is written down as a finding and changes nothing else.
    """
    gift = gift or gifts.lock_by_checkout(session, paid.checkout_id)
    if gift is None:
        return "parked"
    if different := _differences(gift, paid):
        detail = {"theirs": different, "payment": paid.payment_id}
        return findings.mismatch(
            session, "payment_differs", paid.account, paid.session_id, gift.donation_id, detail, at=at
        )
    if gift.settled_at is not None:
        return _again(session, gift, paid, at=at)
    party = gifts.party_id(session, gift)
    sums = session.execute(SETTLE, _settling(gift, paid, party, at)).one()._asdict()
    if gift.goal_reached_at is None and goal_reached(gift, **sums):
        reach_goal(session, gift.campaign_id, at=at, **sums)
    return "applied"


def _differences(gift: gifts.Gift, paid: Paid) -> dict[str, object]:
    """What the provider says that our own row does not."""
    pairs = {
        "account": (paid.account, gift.account),
        "session": (paid.session_id, gift.session_id or paid.session_id),
        "donation": (paid.donation_id or str(gift.donation_id), str(gift.donation_id)),
        "amount_minor": (paid.amount_minor, gift.amount_minor),
        "currency": (paid.currency, gift.currency),
    }
    return {name: theirs for name, (theirs, ours) in pairs.items() if theirs != ours}


def _again(session: Session, gift: gifts.Gift, paid: Paid, *, at: datetime) -> str:
    """The gift is ours already: the same payment is no news, another one is the donor's and held for them."""
    settlement = session.get_one(Settlement, gift.donation_id)
    if settlement.payment_id == paid.payment_id:
        return "ignored"
    surpluses.keep(
        session,
        gift,
        account=paid.account,
        payment_id=paid.payment_id,
        amount_minor=paid.amount_minor,
        currency=paid.currency,
        paid_at=paid.paid_at,
        at=at,
    )
    detail = {"first": settlement.payment_id, "second": paid.payment_id, "amount_minor": paid.amount_minor}
    return findings.mismatch(
        session, "paid_twice", paid.account, paid.payment_id, gift.donation_id, detail, at=at
    )


def _settling(gift: gifts.Gift, paid: Paid, party: UUID, at: datetime) -> dict[str, object]:
    return {
        "donation_id": gift.donation_id,
        "campaign_id": gift.campaign_id,
        "fund_id": gift.fund_id,
        "entity_id": gift.entity_id,
        "party_id": party,
        "checkout_id": paid.checkout_id,
        "session_id": paid.session_id,
        "account": paid.account,
        "payment_id": paid.payment_id,
        "amount_minor": paid.amount_minor,
        "currency": paid.currency,
        "method": paid.method,
        "paid_at": paid.paid_at,
        "transaction_id": uuid7(),
        "at": at,
        **_news(gift, paid, party, at),
    }


def _news(gift: gifts.Gift, paid: Paid, party: UUID, at: datetime) -> dict[str, object]:
    """The outbox row of the fact, as parameters of SETTLE: published in the same statement."""
    news = DonationSettled(**gifts.said(gift, party, with_link=True), settled_at=at, method=paid.method)
    values = outbox.row(news, correlation_id=gift.donation_id, at=at)
    return {f"news_{name}": value for name, value in values.items()}


def reach_goal(session: Session, campaign_id: UUID, *, at: datetime, **sums: int) -> bool:
    """A gift passed the goal: said once, whatever is refunded and given afterwards."""
    first = update(Campaign).where(Campaign.id == campaign_id, Campaign.goal_reached_at.is_(None))
    campaign = session.execute(first.values(goal_reached_at=at).returning(Campaign)).scalar_one_or_none()
    if campaign is None:
        return False
    publish(session, CampaignGoalReached.of(campaign, reached_at=at, **sums))
    return True


def without_details(
    session: Session, accounts: list[str], *, at: datetime, most: int = 50
) -> list[Settlement]:
    """Settlements whose means and fee the provider has not told yet; each is asked for again in a while."""
    unknown = select(Settlement).where(Settlement.detailed_at.is_(None), Settlement.account.in_(accounts))
    return chases.take_due(session, unknown, since="settled_at", at=at, most=most)


def detail(session: Session, donation_id: UUID, payment: Payment, *, at: datetime) -> bool:
    """Means and fee of a settled gift, from the provider's own record; the fee goes into the books."""
    settlement = lock(session, Settlement, donation_id)
    charge = payment.charge
    if settlement.detailed_at is not None or charge is None or charge.movement is None:
        return False
    gift = gifts.lock(session, donation_id)
    movement = charge.movement
    settlement.charge_id, settlement.movement_id = charge.id, movement.id
    settlement.fee_minor, settlement.detailed_at = movement.fee_minor, at
    settlement.available_at = movement.available_at
    if charge.method:
        settlement.method_kind = charge.method.kind
        settlement.method_brand, settlement.method_last4 = charge.method.brand, charge.method.last4
    receipt_cases.open(session, donation_id, entity_id=gift.entity_id, at=at)
    if movement.fee_minor:
        ledger.post(
            session,
            "fee",
            ledger.fee(movement.fee_minor),
            entity_id=gift.entity_id,
            donation_id=donation_id,
            reference=movement.id,
            currency=movement.currency,
            at=movement.created_at,
            posted_at=at,
        )
    return True
