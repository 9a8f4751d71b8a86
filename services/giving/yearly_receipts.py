"""Yearly receipts: one for all that a donor gave to an entity in a year, in January or when they ask."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, literal, select
from sqlalchemy.orm import Session

from services.giving import donors, receipt_cases, receipt_facts, receipt_issues
from services.giving.eligibility import Facts, blocking
from services.giving.models import Donation, Donor, Receipt, ReceiptCase
from shared.clock import today

WAITING = ReceiptCase.receipt_id.is_(None), literal("yearly") == any_(ReceiptCase.reasons)


def of_gift(session: Session, donation_id: UUID, *, by: UUID | None, at: datetime) -> Receipt | None:
    """The receipt of the year so far that this gift belongs on; None when it waits for no yearly one."""
    [gift] = receipt_facts.of_gifts(session, [donation_id], at=at)
    if gift.rhythm != "yearly" or gift.receipt_id is not None or gift.received_on is None:
        return None
    donor_id = session.get_one(Donation, donation_id).donor_id
    year = gift.received_on.year
    return issue(session, donor_id, entity_id=gift.entity_id, year=year, by=by, at=at)


def issue(
    session: Session, donor_id: UUID, *, entity_id: UUID, year: int, by: UUID | None, at: datetime
) -> Receipt | None:
    """The receipt of what a donor, by all ids they are known by, gave in `year`; None when nothing waits.

    The caller holds the entity. What stands against one of the gifts is written down for that gift.
    """
    donor = session.get_one(Donor, donor_id)
    ids = donors.rows_of(session, donor.person_id) if donor.person_id else [donor_id]
    waiting = select(ReceiptCase.donation_id).join(Donation, Donation.id == ReceiptCase.donation_id)
    own = waiting.where(ReceiptCase.entity_id == entity_id, Donation.donor_id.in_(ids), *WAITING)
    gifts = receipt_facts.of_gifts(session, session.execute(own).scalars().all(), at=at)
    kept = [each for each in gifts if _counts(session, each, year=year, at=at)]
    kept.sort(key=lambda gift: (gift.received_on or today(at), gift.donation_id))
    return receipt_issues.issue(session, kept, by=by, at=at) if kept else None


def _counts(session: Session, gift: Facts, *, year: int, at: datetime) -> bool:
    if gift.received_on is None or gift.received_on.year != year:
        return False
    if found := blocking(receipt_cases.why_not(session, gift, at=at)):
        receipt_cases.note(session, gift, found, at=at)
        return False
    return True
