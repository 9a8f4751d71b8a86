"""Receipt news: what is told of a receipt, in the transaction that issues or voids it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import gifts
from services.giving.models import Receipt, ReceiptLine, ReceiptVoid
from shared.messages import ReceiptIssued, ReceiptVoided
from shared.outbox import publish


def issued(session: Session, receipt: Receipt, lines: Iterable[ReceiptLine], *, at: datetime) -> None:
    """A receipt is there for its donor."""
    told = _said(session, receipt, list(lines))
    replaced = session.get(Receipt, receipt.replaces_id) if receipt.replaces_id else None
    news = ReceiptIssued(
        **told, issued_at=receipt.issued_at, replaces=replaced.order_number if replaced else None
    )
    publish(session, news, correlation_id=told["donation_ids"][-1], at=at)


def voided(
    session: Session, receipt: Receipt, void: ReceiptVoid, replacement: Receipt | None, *, at: datetime
) -> None:
    """A receipt counts no more; the donor is to be told."""
    covered = select(ReceiptLine).where(ReceiptLine.receipt_id == receipt.id)
    told = _said(session, receipt, list(session.execute(covered).scalars()))
    news = ReceiptVoided(
        **told,
        voided_at=void.voided_at,
        reason=void.reason,
        replaced_by=replacement.order_number if replacement else None,
    )
    publish(session, news, correlation_id=told["donation_ids"][-1], at=at)


def _said(session: Session, receipt: Receipt, lines: list[ReceiptLine]) -> dict[str, Any]:
    """What both messages say; the letter leads to the page of the latest gift."""
    covered = sorted(line.donation_id for line in lines)
    gift = gifts.read(session, covered[-1])
    told = gifts.said(gift, receipt.party_id, with_link=True)
    shared = ("party_id", "person_id", "entity_name", "contact")
    return {name: told[name] for name in shared} | {
        "receipt_id": receipt.id,
        "number": receipt.order_number,
        "article": receipt.article,
        "amount_minor": receipt.amount_minor,
        "currency": receipt.currency,
        "first_on": receipt.first_on,
        "last_on": receipt.last_on,
        "donation_ids": covered,
    }
