"""Holds: one delivery at a time makes a record in a CRM that has no key against two of them.

Whoever finds it absent over there holds it, looks once more, and makes it. A hold lapses as a claim does, so
what a call that was given up makes late is there before another delivery may.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from services.notify.models import CrmHold
from services.notify.models.delivery import CLAIM

HOLD = text("""
insert into crm_holds as h (subscription_id, record_id, held_by, held_until)
select :subscription_id, record_id, :delivery_id, :until
from unnest(cast(:record_ids as uuid[])) record_id order by record_id
on conflict (subscription_id, record_id) do update
  set held_by = excluded.held_by, held_until = excluded.held_until
  where h.held_until <= :at or h.held_by = excluded.held_by
returning record_id
""")
"""In the order of ids: two that want the same wait for each other, and never in a circle."""


def hold(
    session: Session, *, subscription_id: UUID, delivery_id: UUID, record_ids: Sequence[str], at: datetime
) -> set[str]:
    """Those of these records that this delivery alone may make from now on."""
    wanted = {
        "subscription_id": subscription_id,
        "delivery_id": delivery_id,
        "record_ids": [UUID(each) for each in record_ids],
        "at": at,
        "until": at + CLAIM,
    }
    return {str(each) for each in session.execute(HOLD, wanted).scalars()}


def release(session: Session, *, subscription_id: UUID, delivery_id: UUID) -> None:
    """The delivery has arrived: all that it held is there."""
    session.execute(
        delete(CrmHold).where(CrmHold.subscription_id == subscription_id, CrmHold.held_by == delivery_id)
    )
