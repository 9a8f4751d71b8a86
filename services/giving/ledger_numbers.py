"""Ledger numbers: one for each transaction, without gaps in its entity and fiscal year, given in order.

Never where gifts settle: a job gives them afterwards, one entity at a time under its lock. Until then a
transaction is provisional.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.giving import books
from services.giving.models import Entity, Transaction
from shared.clock import ZONE

BATCH = 10_000

# The oldest first, as far as they are known by now; what comes late has the next number of its year. The last
# numbers are read once, not for each row: they would be looked for among those just written.
GIVE = text(
    """
    with new as (
      select id, at, day, make_date(
          cast(extract(year from day) as int) - cast(extract(month from day) < :start_month as int),
          :start_month, 1) as year
      from ledger_transactions t, lateral (select cast(t.at at time zone :zone as date) as day) as local
      where entity_id = :entity_id
        and not exists (select from ledger_numbers n where n.transaction_id = t.id)
      order by at, id limit :most
    ), ends as materialized (
      select year, coalesce(
          (select max(number) from ledger_numbers n where n.entity_id = :entity_id and n.year = years.year), 0
        ) as number
      from (select distinct year from new) as years
    )
    insert into ledger_numbers (entity_id, year, number, transaction_id, numbered_at)
    select :entity_id, year, ends.number + row_number() over (partition by year order by at, id), id, :at
    from new join ends using (year)
    """
)


def give_all(*, at: datetime) -> int:
    """Number what has no number yet, of each entity a batch at most; how many."""
    with Transaction() as session:
        entities = list(session.execute(select(Entity.id).order_by(Entity.id)).scalars())
    return sum(_give_alone(each, at=at) for each in entities)


def _give_alone(entity_id: UUID, *, at: datetime) -> int:
    with Transaction() as session:
        return give(session, entity_id, at=at)


def give(session: Session, entity_id: UUID, *, at: datetime, most: int = BATCH) -> int:
    """Number the oldest transactions of an entity that have no number; how many."""
    entity = books.lock(session, entity_id)
    asked = {
        "entity_id": entity_id,
        "start_month": entity.fiscal_year_start_month,
        "zone": ZONE.key,
        "most": most,
        "at": at,
    }
    return int(session.execute(GIVE, asked).rowcount)  # type: ignore[attr-defined]
