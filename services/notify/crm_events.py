"""Events in a CRM: what we may have written of each, so that another hand is recognised there."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.notify.connectors.civicrm import records
from services.notify.models import CrmEvent

Marks = dict[str, dict[str, list[str]]]


def remember(session: Session, *, subscription_id: UUID, state: dict[str, Any], key: str) -> Marks:
    """Note what will perhaps be written of the events of this state; all that is known of them."""
    wanted = records.event_marks(state, key)
    if not wanted:
        return {}
    rows = _rows(session, subscription_id, sorted(UUID(each) for each in wanted))
    for row in rows:
        row.written = _joined(row.written, wanted[str(row.event_id)])
    session.flush()
    return {str(row.event_id): row.written for row in rows}


def _rows(session: Session, subscription_id: UUID, event_ids: list[UUID]) -> list[CrmEvent]:
    """Locked, in the order of ids, as others make and lock them."""
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


def _joined(written: dict[str, list[str]], marks: dict[str, str]) -> dict[str, list[str]]:
    return {
        name: [*(each for each in written.get(name, ()) if each != mark), mark]
        for name, mark in marks.items()
    }
