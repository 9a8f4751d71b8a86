"""Gift changes: money of a settled gift goes back, or comes again: gift, books and totals together.

Refunds and disputes come through `change`, whichever way, and its tax receipt follows from there.
"""

from datetime import datetime

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.orm import Session

from services.giving import gifts, ledger, receipt_voids
from services.giving.models import Donation, LedgerTransaction
from services.giving.models.ledger import (
    DISPUTE,
    DISPUTE_WON,
    DISPUTES,
    REFUND,
    REFUND_RETURNED,
    REFUNDS,
)

WAYS = {
    REFUND: (Donation.refund, REFUNDS, 1),
    REFUND_RETURNED: (Donation.refund, REFUNDS, -1),
    DISPUTE: (Donation.dispute, DISPUTES, 1),
    DISPUTE_WON: (Donation.dispute, DISPUTES, -1),
}
"""For each kind of transaction: the donation's rule, the account, and whether money goes or comes again."""

TOTALS = """
with giver as ({})
update campaign_totals set raised_minor = raised_minor - :minor,
  donations_count = donations_count + {}, donors_count = donors_count + giver.donors
from giver where campaign_totals.campaign_id = :campaign_id
"""
PART = text(TOTALS.format("select 0 as donors", 0))
GONE = text(
    TOTALS.format(
        """
        update campaign_donors set donations_count = donations_count - 1
        where campaign_id = :campaign_id and party_id = :party_id
        returning case donations_count when 0 then -1 else 0 end as donors
        """,
        -1,
    )
)
THERE_AGAIN = text(
    TOTALS.format(
        """
        insert into campaign_donors as known (campaign_id, party_id, donations_count, first_at)
        values (:campaign_id, :party_id, 1, :settled_at)
        on conflict (campaign_id, party_id) do update set
          donations_count = known.donations_count + 1,
          first_at = case when known.donations_count = 0 then excluded.first_at
                          else least(known.first_at, excluded.first_at) end
        returning case donations_count when 1 then 1 else 0 end as donors
        """,
        1,
    )
)
"""A gift of which nothing is left is none, and its donor counts by the others that they gave."""


def change(
    session: Session,
    gift: gifts.Gift,
    kind: str,
    amount_minor: int,
    *,
    reference: str,
    at: datetime,
    posted_at: datetime,
) -> Donation:
    """Money of a gift went back or came again, by the provider's `reference`: gift, books and totals.

    The gift is locked, and its caller has seen that it has this much left and publishes the news.
    """
    rule, account, sign = WAYS[kind]
    donation = session.get_one(Donation, gift.donation_id, populate_existing=True)
    was_there = donation.refunded_at is None
    rule(donation, sign * amount_minor, at=at)
    ledger.post(
        session,
        kind,
        ledger.withdrawal(account, sign * amount_minor, fund_id=gift.fund_id, campaign_id=gift.campaign_id),
        entity_id=gift.entity_id,
        donation_id=donation.id,
        reference=reference,
        currency=donation.currency,
        at=at,
        posted_at=posted_at,
    )
    is_there = donation.refunded_at is None
    if not is_there:
        donation.refunded_at = _last_taken_at(session, donation)
    session.flush()
    session.execute(
        _totals(was_there, is_there),
        {
            "campaign_id": gift.campaign_id,
            "party_id": gifts.party_id(session, gift),
            "settled_at": donation.settled_at,
            "minor": sign * amount_minor,
        },
    )
    receipt_voids.money_changed(session, donation.id, at=posted_at)
    return donation


FILL = text(
    """
    update donations set refunded_minor = amount_minor where id in (
      select id from donations
      where refunded_at is not null and refunded_minor = 0 and disputed_minor = 0
      limit :most for no key update skip locked)
    returning id
    """
)


def fill_refunded(session: Session, *, most: int = 500) -> int:
    """Gifts given back whole by code that knew no parts, old or taken back to: all of them went back.

    By ix_donations_refunded. A release that drops `status` drops this too.
    """
    return len(session.execute(FILL, {"most": most}).all())


def _totals(was_there: bool, is_there: bool) -> TextClause:
    if was_there == is_there:
        return PART
    return THERE_AGAIN if is_there else GONE


def _last_taken_at(session: Session, donation: Donation) -> datetime:
    """When the last of it went, whichever we heard of last."""
    taken = select(func.max(LedgerTransaction.at)).where(
        LedgerTransaction.donation_id == donation.id, LedgerTransaction.kind.in_((REFUND, DISPUTE))
    )
    return session.execute(taken).scalar_one()
