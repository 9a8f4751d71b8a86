"""Changes: what the systems around us must hear of, in order for each party."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notify.models import CHANGED, ERASED

PERSON_ERASED = "person.erased"

RECORD = text("""
with held as (select pg_advisory_xact_lock(hashtextextended(cast(:party_id as text), 7))),
change as (
  insert into crm_changes (party_id, message_id, cause, correlation_id, at)
  select cast(:party_id as uuid), cast(:message_id as uuid), :cause, cast(:correlation_id as uuid),
    cast(:occurred_at as timestamptz) from held
  on conflict do nothing returning position),
queued as (
  insert into deliveries
    (id, subscription_id, position, party_id, correlation_id, created_at, next_attempt_at)
  select uuidv7(), s.id, c.position, cast(:party_id as uuid), cast(:correlation_id as uuid),
    cast(:at as timestamptz), cast(:at as timestamptz)
  from change c cross join subscriptions s
  where s.deleted_at is null and s.created_at <= :occurred_at
    and s.types && cast(:types as text[])
    and (cast(:only as uuid) is null or s.id = cast(:only as uuid)))
select position from change
""")
"""The lock is held while a position is taken: for each party, positions are in the order of commits. A
paused subscription is queued for too: what it missed leaves when it goes on."""


def record(
    session: Session,
    *,
    party_id: UUID,
    message_id: UUID,
    cause: str,
    occurred_at: datetime,
    at: datetime,
    correlation_id: UUID | None = None,
    only: UUID | None = None,
) -> int | None:
    """Note that a party changed and queue a delivery to each subscription; None when it was noted before.

    A subscription hears of what happened since it was made: older facts are in the state it gets then. An
    erasure goes to all, whatever they chose to hear. With `only`, that subscription alone hears of it.
    """
    values = {
        "party_id": party_id,
        "message_id": message_id,
        "cause": cause,
        "occurred_at": occurred_at,
        "at": at,
        "correlation_id": correlation_id,
        "only": only,
        "types": [CHANGED, ERASED] if cause == PERSON_ERASED else [CHANGED],
    }
    position: int | None = session.execute(RECORD, values).scalar_one_or_none()
    return position
