"""Dead letters: messages that could not be handled, and those of the same key that wait behind them.

While (consumer, topic, key) has a waiting letter, or anything held, later messages of that key are
held too. A replay is asked for here and done by the worker, which knows the handlers
(shared/replays.py); a discard needs a reason and releases the key. Cards are never held.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.envelope import WHOLLY_PERSONAL, Envelope, joined
from shared.errors import Conflict, DomainError, NotFound, Refused
from shared.messages import MASK, MessageMalformed
from shared.outbox import versioned_types

DIED = Counter("amicale_dead_letters_total", "Messages that could not be handled.", ["consumer", "type"])
NAMES = UUID("5f0f3c0e-5a43-4f0e-9d7e-6d8f4c1f2a10")
ROOT = Path(__file__).parent.parent


class LetterNotFound(NotFound):
    """There is no such dead letter."""


class LetterClosed(Conflict):
    """This dead letter was already replayed or discarded."""


class LetterCleared(Conflict):
    """The personal part of this letter is gone after its 30 days: it can only be discarded."""


class ReasonMissing(Refused):
    """A discard needs a reason of at least 3 characters."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter, as staff see it: personal values are masked."""

    id: UUID
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    type: str | None
    message_id: UUID | None
    correlation_id: UUID | None
    reason: str
    tries: int
    died_at: datetime
    replay_asked_at: datetime | None
    replayed_at: datetime | None
    discarded_at: datetime | None
    discard_reason: str | None
    closed_by: UUID | None
    held: int
    """How many messages of the same key wait behind it."""
    headers: dict[str, str] | None = None
    value: Any = None


def letters(
    session: Session, *, waiting: bool = True, after: UUID | None = None, limit: int = 50
) -> list[DeadLetter]:
    """The newest letters first; `after` is the id of the last one seen."""
    rows = session.execute(_LIST, {"waiting": waiting, "after": after, "limit": limit})
    return [DeadLetter(**row._mapping) for row in rows]


def waiting_count(session: Session) -> int:
    """How many letters wait for someone to replay or discard them."""
    return int(session.execute(_COUNT).scalar_one())


def letter(session: Session, letter_id: UUID) -> DeadLetter:
    """One letter with its headers and its value, personal values masked; LetterNotFound."""
    row = session.execute(_ONE, {"id": letter_id}).one_or_none()
    if row is None:
        raise LetterNotFound
    shown = dict(row._mapping)
    payload, contact = shown.pop("payload"), shown.pop("contact")
    return DeadLetter(**shown, value=_masked(payload, contact))


def ask_replay(session: Session, letter_id: UUID, *, by: UUID | None, at: datetime) -> None:
    """Have the worker handle this letter again, and then what waits behind it, in order."""
    found = _locked(session, letter_id)
    if found.payload == WHOLLY_PERSONAL and found.contact is None:
        raise LetterCleared
    session.execute(_ASK, {"id": letter_id, "by": by, "at": at})


def discard(session: Session, letter_id: UUID, *, reason: str, by: UUID | None, at: datetime) -> None:
    """Give the message up for a stated reason; what waited behind it is handled from now on.

    An inbox row is written, so that the message is not taken when it arrives once more.
    """
    if len(reason.strip()) < 3:
        raise ReasonMissing
    found = _locked(session, letter_id)
    session.execute(_DISCARD, {"id": letter_id, "reason": reason.strip(), "by": by, "at": at})
    begins = inbox_begins(session)
    if found.message_id is not None and found.message_id.version == 7 and begins is not None:
        session.execute(_HEARD, {"id": letter_id, "begins": begins})


def _locked(session: Session, letter_id: UUID) -> Any:
    found = session.execute(_LOCK, {"id": letter_id}).one_or_none()
    if found is None:
        raise LetterNotFound
    if found.replayed_at or found.discarded_at:
        raise LetterClosed
    return found


def bury(session: Session, consumer: str, envelope: Envelope, *, reason: str, tries: int = 1) -> bool:
    """Write a message off as a dead letter, once; whether it is a new one."""
    payload, contact = envelope.parts()
    values = _stored(consumer, envelope) | {
        "id": letter_id_of(consumer, envelope),
        "correlation_id": envelope.correlation_id,
        "payload": payload,
        "contact": contact,
        "reason": reason,
        "tries": tries,
    }
    new = session.execute(_BURY, values).one_or_none() is not None
    if new:
        DIED.labels(consumer, envelope.type or "none").inc()
    return new


def letter_id_of(consumer: str, envelope: Envelope) -> UUID:
    """The same id for the same message, and for the same record when it names no message."""
    named = envelope.message_id is not None and envelope.message_id.version == 7
    what = envelope.message_id if named else f"{envelope.partition}/{envelope.offset}/{envelope.value}"
    return uuid5(NAMES, f"{consumer}/{envelope.topic}/{what}")


def hold(session: Session, consumer: str, envelope: Envelope) -> None:
    """Store a message behind the letter of its key, once."""
    payload, contact = envelope.parts()
    session.execute(_HOLD, _stored(consumer, envelope) | {"payload": payload, "contact": contact})


def held_keys(session: Session, consumer: str, envelopes: Iterable[Envelope]) -> set[tuple[str, str | None]]:
    """(topic, key) of these that may not be handled now: a letter waits, or something is held behind one."""
    keys = sorted({each.key for each in envelopes if each.key is not None and not each.versioned})
    if not keys:
        return set()
    values = {"consumer": consumer, "keys": keys, "cards": versioned_types()}
    return {(row.topic, row.key) for row in session.execute(_HELD, values)}


def reason_of(error: BaseException) -> str:
    """Why it failed, for the letter and the log: classes, codes and places, never a value."""
    if isinstance(error, DomainError):
        return f"{type(error).__name__}: {error.code}"
    if isinstance(error, MessageMalformed):
        return f"MessageMalformed: {error}"
    if isinstance(error, DBAPIError):
        orig = error.orig
        constraint = getattr(getattr(orig, "diag", None), "constraint_name", None)
        facts = [type(orig).__name__, getattr(orig, "sqlstate", None), constraint]
        return " ".join(str(fact) for fact in facts if fact) + _place(error)
    return type(error).__name__ + _place(error)


def _place(error: BaseException) -> str:
    """` at services/notify/emails.py:88`: the innermost line of ours that it passed through."""
    place, step = "", error.__traceback__
    while step is not None:
        path = Path(step.tb_frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
            place = f" at {path.relative_to(ROOT)}:{step.tb_lineno}"
        step = step.tb_next
    return place


def inbox_begins(session: Session) -> datetime | None:
    """The time from which ids find a partition of the inbox: older messages can no longer be told apart."""
    found: datetime | None = session.execute(_BEGINS).scalar()
    return found


def _stored(consumer: str, envelope: Envelope) -> dict[str, Any]:
    return {
        "consumer": consumer,
        "topic": envelope.topic,
        "partition": envelope.partition,
        "offset": envelope.offset,
        "key": envelope.key,
        "type": envelope.type or None,
        "message_id": envelope.message_id,
        "headers": json.dumps(dict(envelope.headers)),
    }


def envelope_of(row: Any) -> Envelope:
    """The message again, from a letter or a held row."""
    value = joined(row.payload, row.contact)
    return Envelope(row.topic, row.partition, row.offset, row.key, row.headers, value)


def _masked(payload: str | None, contact: str | None) -> Any:
    if payload is None:
        return None
    if payload == WHOLLY_PERSONAL:
        return MASK
    value = json.loads(payload)
    if contact is not None:
        value["contact"] = _mask(json.loads(contact))
    return value


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(each) for name, each in value.items()}
    return MASK


_SHOWN = """
    d.id, d.consumer, d.topic, d.partition, d."offset", d.key, d.type, d.message_id, d.correlation_id,
    d.reason, d.tries, d.died_at, d.replay_asked_at, d.replayed_at, d.discarded_at, d.discard_reason,
    d.closed_by, (select count(*) from held_messages h
                  where (h.consumer, h.topic, h.key) = (d.consumer, d.topic, d.key)) as held
"""
_LIST = text(f"""
    select {_SHOWN} from dead_letters d
    where (not :waiting or (d.replayed_at is null and d.discarded_at is null))
      and (cast(:after as uuid) is null or (d.died_at, d.id) <
           (select a.died_at, a.id from dead_letters a where a.id = cast(:after as uuid)))
    order by d.died_at desc, d.id desc limit :limit
""")
_ONE = text(f"select {_SHOWN}, d.headers, d.payload, d.contact from dead_letters d where d.id = :id")
_COUNT = text("select count(*) from dead_letters where replayed_at is null and discarded_at is null")
_LOCK = text("select * from dead_letters where id = :id for update")
_ASK = text("update dead_letters set replay_asked_at = :at, closed_by = :by where id = :id")
_DISCARD = text("""
    update dead_letters set discarded_at = :at, discard_reason = :reason, closed_by = :by,
      replay_asked_at = null where id = :id
""")
_HEARD = text("""
    insert into inbox (consumer, message_id, type, correlation_id)
    select consumer, message_id, type, correlation_id from dead_letters
    where id = :id and type is not null and message_id >= kit_uuid7_floor(:begins)
    on conflict do nothing
""")
_BURY = text("""
    insert into dead_letters (id, consumer, topic, partition, "offset", key, type, message_id,
      correlation_id, headers, payload, contact, reason, tries)
    values (:id, :consumer, :topic, :partition, :offset, :key, :type, :message_id,
      :correlation_id, cast(:headers as jsonb), :payload, :contact, :reason, :tries)
    on conflict (id) do nothing returning id
""")
_HOLD = text("""
    insert into held_messages (consumer, topic, partition, "offset", key, type, message_id, headers,
      payload, contact)
    values (:consumer, :topic, :partition, :offset, :key, :type, :message_id,
      cast(:headers as jsonb), :payload, :contact)
    on conflict (consumer, message_id) do nothing
""")
_HELD = text("""
    select topic, key from dead_letters
    where consumer = :consumer and key = any(:keys) and replayed_at is null and discarded_at is null
      and coalesce(type, '') <> all(:cards)
    union select topic, key from held_messages where consumer = :consumer and key = any(:keys)
""")
_BEGINS = text("""
    select min(to_timestamp(right(c.relname, 7) || ' +00', 'YYYY"m"MM TZH'))
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'inbox'::regclass
""")
