"""Replays: the worker handles again the dead letters that staff asked for, then what waits behind them.

Each message has a transaction of its own, in the order of its key. New messages of the key are held
for as long as anything of it is, so none passes another.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared import dead_letters
from shared.dead_letters import envelope_of, reason_of
from shared.inbox import Inbox, verdict
from shared.outbox import versioned_types
from shared.telemetry import log

AT_ONCE = 100


class Replays:
    """What one consumer has to handle again."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    def run(self, at: datetime) -> int:
        """Handle the letters asked for and what is held behind closed ones; how many messages."""
        done = sum(self.replay(letter_id, at=at) for letter_id in self._ids(_ASKED))
        return done + sum(self.drain(topic, key) for topic, key in self._released())

    def replay(self, letter_id: UUID, *, at: datetime) -> bool:
        """Handle one letter; whether it was handled. When it fails, it waits on with the new reason."""
        try:
            with self.inbox.transaction() as session:
                row = session.execute(_LOCK_LETTER, {"id": letter_id}).one_or_none()
                if row is None:
                    return False
                self.inbox.handle(session, [envelope_of(row)], holds=False)
                session.execute(_REPLAYED, {"id": letter_id, "at": at})
        except Exception as error:
            if verdict(error) == "ill":
                raise
            self._failed_again(letter_id, error)
            return False
        log.info("dead letter replayed", letter_id=str(letter_id))
        return True

    def drain(self, topic: str, key: str) -> int:
        """Handle what is held of a key, in order, until nothing is or one of them dies; how many."""
        done = 0
        while done < AT_ONCE and self._next(topic, key):
            done += 1
        return done

    def _next(self, topic: str, key: str) -> bool:
        """Handle the oldest held message of a key; False when there is none, or it is not its turn."""
        values = {"consumer": self.inbox.consumer, "topic": topic, "key": key, "cards": versioned_types()}
        row: Any = None
        try:
            with self.inbox.transaction() as session:
                row = session.execute(_LOCK_HELD, values).one_or_none()
                if row is None:
                    return False
                self.inbox.handle(session, [envelope_of(row)], holds=False)
                session.execute(_UNHOLD, {"position": row.position})
        except Exception as error:
            if row is None or verdict(error) == "ill":
                raise
            self._died(row, error)
            return False
        return True

    def _died(self, row: Any, error: Exception) -> None:
        """A held message fails in its turn: it is the key's dead letter now."""
        with self.inbox.transaction() as session:
            dead_letters.bury(session, self.inbox.consumer, envelope_of(row), reason=reason_of(error))
            session.execute(_UNHOLD, {"position": row.position})

    def _failed_again(self, letter_id: UUID, error: Exception) -> None:
        with self.inbox.transaction() as session:
            session.execute(_FAILED_AGAIN, {"id": letter_id, "reason": reason_of(error)})
        log.error("dead letter failed again", letter_id=str(letter_id), reason=reason_of(error))

    def _ids(self, statement: Any) -> list[UUID]:
        with self.inbox.transaction() as session:
            return list(session.scalars(statement, {"consumer": self.inbox.consumer, "most": AT_ONCE}))

    def _released(self) -> list[tuple[str, str]]:
        values = {"consumer": self.inbox.consumer, "most": AT_ONCE, "cards": versioned_types()}
        with self.inbox.transaction() as session:
            return [(row.topic, row.key) for row in session.execute(_RELEASED, values)]


_ASKED = text("""
    select id from dead_letters
    where consumer = :consumer and replay_asked_at is not null
      and replayed_at is null and discarded_at is null
    order by replay_asked_at, id limit :most
""")
_LOCK_LETTER = text("""
    select * from dead_letters
    where id = :id and replay_asked_at is not null and replayed_at is null and discarded_at is null
    for update
""")
_REPLAYED = text("update dead_letters set replayed_at = :at where id = :id")
_FAILED_AGAIN = text("""
    update dead_letters set tries = tries + 1, reason = :reason, replay_asked_at = null where id = :id
""")
_NO_LETTER = """
    not exists (select 1 from dead_letters d
      where (d.consumer, d.topic, d.key) = (h.consumer, h.topic, h.key)
        and d.replayed_at is null and d.discarded_at is null and coalesce(d.type, '') <> all(:cards))
"""
_RELEASED = text(f"""
    select distinct h.topic, h.key from held_messages h
    where h.consumer = :consumer and {_NO_LETTER} limit :most
""")
_LOCK_HELD = text(f"""
    select * from held_messages h
    where (h.consumer, h.topic, h.key) = (:consumer, :topic, :key) and {_NO_LETTER}
    order by h.position limit 1 for update
""")
_UNHOLD = text("delete from held_messages where position = :position")
