"""How long things are kept: what the kit's own jobs make, clear and delete by the clock.

The whole table stands in docs/architecture.md ("How long things are kept").
"""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import limits
from shared.outbox import versioned_types
from shared.schema import make_partitions

OUTBOX_CONTACT = timedelta(days=9)
OUTBOX_CARDS = timedelta(days=1)
LETTER_CONTACT = timedelta(days=30)
AT_ONCE = 5_000


def keep(session: Session, *, at: datetime) -> int:
    """Clear and delete what has had its time, up to some thousands of rows; how many rows."""
    cards = {"before": at - OUTBOX_CARDS, "cards": versioned_types(), "most": AT_ONCE}
    return limits.forget(session) + sum(
        int(session.execute(statement, values).scalar_one())
        for statement, values in (
            (_CLEAR_OUTBOX, {"before": at - OUTBOX_CONTACT, "most": AT_ONCE}),
            (_DELETE_CARDS, cards),
            (_CLEAR_LETTERS, {"before": at - LETTER_CONTACT}),
            (_CLEAR_HELD, {"before": at - LETTER_CONTACT}),
        )
    )


def make_room(session: Session) -> int:
    """Make the partitions of the months ahead and drop those older than 13 months; how many were made."""
    return make_partitions(session.connection())


_CLEAR_OUTBOX = text("""
    with old as (select position, id from outbox
                 where contact is not null and published_at < :before limit :most),
    cleared as (update outbox o set contact = null from old
                where (o.position, o.id) = (old.position, old.id) returning 1)
    select count(*) from cleared
""")
_DELETE_CARDS = text("""
    with old as (select position, id from outbox
                 where type = any(:cards) and published_at < :before limit :most),
    gone as (delete from outbox o using old
             where (o.position, o.id) = (old.position, old.id) returning 1)
    select count(*) from gone
""")
_CLEAR_LETTERS = text("""
    with cleared as (update dead_letters set contact = null
                     where contact is not null and died_at < :before returning 1)
    select count(*) from cleared
""")
_CLEAR_HELD = text("""
    with cleared as (update held_messages set contact = null
                     where contact is not null and held_at < :before returning 1)
    select count(*) from cleared
""")
