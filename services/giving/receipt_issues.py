"""Receipt issues: a receipt is numbered, frozen and sealed in one transaction, and the news leaves with it.

All that is issued or voided for an entity happens one after the other, under a lock on its row: so numbers
follow each other, and a refund that is being written is met before or after, never half.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving import receipt_chain, receipt_news
from services.giving.eligibility import Facts
from services.giving.models import Entity, Receipt, ReceiptCase, ReceiptLine, ReceiptSeries
from services.giving.settings import current
from shared.clock import today
from shared.db import uuid7

LAYOUT = 1
"""Which layout prints what is frozen: a receipt is printed again as it was, whatever comes later."""


def hold(session: Session, entity_id: UUID) -> None:
    """Wait until nobody else issues or voids for this entity."""
    held = select(Entity.id).where(Entity.id == entity_id).with_for_update(key_share=True)
    session.execute(held).one()


def issue(session: Session, gifts: Sequence[Facts], *, by: UUID | None, at: datetime) -> Receipt:
    """One receipt for these gifts of one donor, entity and article; the caller holds the entity.

    All of them are eligible: `receipt_cases` asked. A receipt that any of them was on before is replaced.
    """
    first, frozen = gifts[0], gifts[-1].frozen
    days = [each.received_on for each in gifts if each.received_on]
    receipt = Receipt(
        id=uuid7(),
        entity_id=first.entity_id,
        series=frozen["receipt_series"],
        year=today(at).year,
        article=first.article,
        party_id=first.party_id,
        amount_minor=sum(each.kept_minor for each in gifts),
        currency=first.currency,
        first_on=min(days),
        last_on=max(days),
        issued_at=at,
        issued_by=by,
        frozen=_frozen(gifts),
    )
    receipt.number = _next_number(session, receipt)
    before = _turns(session, [each.donation_id for each in gifts])
    if replaced := _replaced(session, list(before)):
        receipt.replaces_id = replaced.id
        receipt.frozen = receipt.frozen | {"replaces": replaced.order_number}
    lines = [
        ReceiptLine(
            receipt_id=receipt.id,
            donation_id=each.donation_id,
            turn=before.get(each.donation_id, 0),
            amount_minor=each.kept_minor,
            paid_on=each.received_on,
            means=each.means,
        )
        for each in gifts
    ]
    to = receipt_chain.addressee(receipt.id, gifts[-1].to or {})
    session.add(receipt)
    session.flush()
    session.add_all([to, *lines])
    receipt_chain.seal(session, receipt, lines=lines, addressee=to)
    session.flush()
    cases = update(ReceiptCase).where(ReceiptCase.donation_id.in_([each.donation_id for each in gifts]))
    session.execute(cases.values(receipt_id=receipt.id, reasons=[], look_at=None))
    receipt_news.issued(session, receipt, lines, at=at)
    return receipt


def _frozen(gifts: Sequence[Facts]) -> dict[str, Any]:
    """What the receipt says beside its own columns, as it stands now."""
    last = gifts[-1]
    shelters = {each.frozen["sheltered_body"] for each in gifts}
    return last.frozen | {
        "sheltered_body": shelters.pop() if len(shelters) == 1 else None,
        "entitlement": last.frozen["entitlements"][last.article],
        "counterparts_minor": sum(each.counterparts_minor for each in gifts),
        "locale": last.locale,
        "public_url": current().public_url.rstrip("/"),
        "layout": LAYOUT,
    }


def _next_number(session: Session, receipt: Receipt) -> int:
    """The next number of the series this year, taken under the lock of its counter row."""
    key = {"entity_id": receipt.entity_id, "series": receipt.series, "year": receipt.year}
    counted = insert(ReceiptSeries).values(**key, last_number=1)
    counted = counted.on_conflict_do_update(
        index_elements=list(key), set_={"last_number": ReceiptSeries.last_number + 1}
    )
    return session.execute(counted.returning(ReceiptSeries.last_number)).scalar_one()


def _turns(session: Session, donation_ids: list[UUID]) -> dict[UUID, int]:
    """On how many receipts, all voided, each gift was before."""
    counted = select(ReceiptLine.donation_id, func.count().label("count")).group_by(ReceiptLine.donation_id)
    found = session.execute(counted.where(ReceiptLine.donation_id.in_(donation_ids)))
    return {row.donation_id: row.count for row in found}


def _replaced(session: Session, donation_ids: list[UUID]) -> Receipt | None:
    """The latest receipt that any of these gifts was on."""
    if not donation_ids:
        return None
    earlier = select(Receipt).join(ReceiptLine, ReceiptLine.receipt_id == Receipt.id)
    latest = earlier.where(ReceiptLine.donation_id.in_(donation_ids)).order_by(Receipt.id.desc()).limit(1)
    return session.execute(latest).scalar_one_or_none()
