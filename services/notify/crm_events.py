"""Events in a CRM: one delivery at a time may make one, for nothing over there keeps two from being made.

A delivery holds the events of its party that are not known to be there yet, as long as its claim.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.notify.connectors.civicrm import records
from services.notify.models import CrmEvent

Marks = dict[str, dict[str, list[str]]]


def hold(
    session: Session,
    *,
    subscription_id: UUID,
    delivery_id: UUID,
    state: dict[str, Any],
    key: str,
    at: datetime,
    until: datetime,
) -> Marks | None:
    """The marks of these events, which nobody else makes now; None while another delivery may."""
    wanted = records.event_marks(state, key)
    if not wanted:
        return {}
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(subscription_id), 8))))
    rows = _rows(session, subscription_id, wanted)
    if any(_is_held(row, delivery_id, at) for row in rows):
        return None
    for row in rows:
        row.written = _joined(row.written, wanted[str(row.event_id)])
        if row.made_at is None:
            row.held_by, row.held_until = delivery_id, until
    session.flush()
    return {str(row.event_id): row.written for row in rows}


def _rows(session: Session, subscription_id: UUID, wanted: dict[str, dict[str, str]]) -> list[CrmEvent]:
    event_ids = [UUID(each) for each in wanted]
    values = [{"subscription_id": subscription_id, "event_id": each, "written": {}} for each in event_ids]
    session.execute(insert(CrmEvent).values(values).on_conflict_do_nothing())
    rows = (
        select(CrmEvent)
        .where(CrmEvent.subscription_id == subscription_id, CrmEvent.event_id.in_(event_ids))
        .order_by(CrmEvent.event_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.execute(rows).scalars())


def _is_held(row: CrmEvent, delivery_id: UUID, at: datetime) -> bool:
    held = row.held_until is not None and row.held_until > at
    return row.made_at is None and held and row.held_by != delivery_id


def _joined(written: dict[str, list[str]], marks: dict[str, str]) -> dict[str, list[str]]:
    return {
        name: [*(each for each in written.get(name, ()) if each != mark), mark]
        for name, mark in marks.items()
    }


def release(session: Session, *, delivery_id: UUID, subscription_id: UUID, made_at: datetime | None) -> None:
    """The delivery is over: its events are there, or the next one may try."""
    session.execute(
        update(CrmEvent)
        .where(CrmEvent.subscription_id == subscription_id, CrmEvent.held_by == delivery_id)
        .values(held_by=None, held_until=None, made_at=made_at)
    )
