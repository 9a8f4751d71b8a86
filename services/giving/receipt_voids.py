"""Receipt voids: a receipt that counts no more is kept and shown as voided; what is left gets a new one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.giving import receipt_cases, receipt_chain, receipt_facts, receipt_issues, receipt_news
from services.giving.eligibility import blocking
from services.giving.models import Receipt, ReceiptCase, ReceiptLine, ReceiptVoid
from services.giving.models.receipts import ReceiptAlreadyVoided


def money_changed(session: Session, donation_id: UUID, *, at: datetime) -> Receipt | None:
    """Money of a gift went back or came back, as the books now say: its receipt follows, in the same
    transaction. The receipt that replaces a voided one, if any of it is left.

    To be called, with the gift locked, by whoever posts a refund, a dispute or its end.
    """
    entity_id = session.execute(
        select(ReceiptCase.entity_id).where(ReceiptCase.donation_id == donation_id)
    ).scalar_one_or_none()
    if entity_id is None:
        return None
    receipt_issues.hold(session, entity_id)
    [gift] = receipt_facts.of_gifts(session, [donation_id], at=at)
    if gift.receipt_id is None:
        receipt_cases.look_again(session, donation_id=donation_id, at=at)
        return None
    line = session.get_one(ReceiptLine, (gift.receipt_id, donation_id))
    found = set(receipt_cases.why_not(session, gift, at=at))
    reason = next((name for name in BY_REASON if name in found), "")
    if not reason and gift.kept_minor == line.amount_minor:
        return None
    receipt = session.get_one(Receipt, gift.receipt_id)
    return void(session, receipt, reason=BY_REASON.get(reason, "refund"), note="", by=None, at=at)


BY_REASON = {
    "disputed": "dispute",
    "refunded": "refund",
    "counterparts_over_share": "counterpart",
    "counterparts_over_ceiling": "counterpart",
}


def void(
    session: Session, receipt: Receipt, *, reason: str, note: str, by: UUID | None, at: datetime
) -> Receipt | None:
    """Void a receipt, and issue what replaces it; ReceiptAlreadyVoided the second time. Entity held."""
    if session.get(ReceiptVoid, receipt.id) is not None:
        raise ReceiptAlreadyVoided
    made = ReceiptVoid(receipt_id=receipt.id, reason=reason, note=note, voided_at=at, voided_by=by)
    session.add(made)
    session.flush()
    receipt_chain.seal(session, receipt, void=made)
    freed = update(ReceiptCase).where(ReceiptCase.receipt_id == receipt.id)
    session.execute(freed.values(receipt_id=None, look_at=at))
    covered = select(ReceiptLine.donation_id).where(ReceiptLine.receipt_id == receipt.id)
    gifts = receipt_facts.of_gifts(session, session.execute(covered).scalars().all(), at=at)
    left = []
    for gift in gifts:
        if found := blocking(receipt_cases.why_not(session, gift, at=at)):
            receipt_cases.note(session, gift, found, at=at)
        else:
            left.append(gift)
    replacement = receipt_issues.issue(session, left, by=by, at=at) if left else None
    receipt_news.voided(session, receipt, made, replacement, at=at)
    return replacement
