"""The outbox: a fact leaves only through a row that commits with the change it tells of.

    publish(session, DonationSettled.of(donation))

The relay (shared/relay.py) carries the rows to Kafka in the order of their positions, so whoever
publishes about an aggregate holds its row's lock. When a broker was emptied, facts are published
again from here, and cards anew from the service's function marked `@republishes_cards`.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from shared import telemetry
from shared.db import uuid7, uuid7_time
from shared.errors import DomainError
from shared.messages import Message, PersonCard, by_type, correlation

MESSAGE_MAX_BYTES = 64 * 1024
REPUBLISHED_AGAIN = timedelta(days=8)

Cards = Callable[[Session], Iterable[PersonCard]]
Marked = TypeVar("Marked", bound=Cards)


class MessageTooLarge(DomainError):
    """A message may not be larger than 64 KiB."""


def publish(
    session: Session, message: Message, *, correlation_id: UUID | None = None, at: datetime | None = None
) -> UUID:
    """Say a fact when, and only when, this transaction commits; the message's id.

    The correlation id is the one given, else that of the message or request being handled, else the
    message's key. `at` is when the fact happened, for facts told late; now otherwise.
    Raises MessageTooLarge over 64 KiB and MessageMalformed when a declared field is wrong.
    """
    values = row(message, correlation_id=correlation_id, at=at)
    session.execute(INSERT, values)
    return UUID(values["id"])


INSERT = text(
    "insert into outbox (id, topic, type, key, correlation_id, headers, payload, contact) values "
    "(:id, :topic, :type, :key, :correlation_id, cast(:headers as jsonb), :payload, :contact)"
)


def row(
    message: Message, *, correlation_id: UUID | None = None, at: datetime | None = None
) -> dict[str, str | None]:
    """The values of a message's outbox row, for statements that insert it among others."""
    message_id = uuid7()
    public, personal = message.dump()
    erased = bool(getattr(message, "erased", False))
    origin = correlation_id or correlation.current() or UUID(message.key_text)
    values: dict[str, str | None] = {
        "id": str(message_id),
        "topic": message.topic,
        "type": message.type,
        "key": message.key_text,
        "correlation_id": str(origin),
        "headers": json.dumps(_headers(message, message_id, origin, at or message.occurred_at)),
        "payload": None if erased else _json(public),
        "contact": None if personal is None or erased else _json(personal),
    }
    if sum(len((value or "").encode()) for value in values.values()) > MESSAGE_MAX_BYTES:
        raise MessageTooLarge
    return values


def _headers(message: Message, message_id: UUID, origin: UUID, at: datetime | None) -> dict[str, str]:
    """CloudEvents 1.0, binary mode, with our extensions."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(message_id),
        "ce_type": message.type,
        "ce_source": "/" + message.topic.replace(".", "/"),
        "ce_time": (at or uuid7_time(message_id)).astimezone(UTC).isoformat(),
        "ce_subject": message.key_text,
        "ce_correlationid": str(origin),
    }
    if message.versioned:
        headers["ce_sequence"] = str(getattr(message, "version"))  # noqa: B009
    if traceparent := telemetry.traceparent():
        headers["traceparent"] = traceparent
    return headers


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def republishes_cards(function: Marked) -> Marked:
    """Mark `(session) -> the card of each living person and the tombstone of each erased id`.

    The worker finds it in the service's consumers or schedule module, and calls it when the broker
    was emptied. Only the writer of `amicale.people` has one.
    """
    function.republishes_cards = True  # type: ignore[attr-defined]
    return function


def republish(session: Session, *, since: datetime, cards: Cards | None = None) -> tuple[int, int]:
    """Say again the facts published after `since`, and one new card a person; (facts, cards).

    Old rows keep their positions, so the old and new messages of a key never pass each other.
    """
    facts = session.execute(_AGAIN, {"since": since, "cards": versioned_types()}).scalar_one()
    said = 0
    for card in cards(session) if cards else ():
        publish(session, card)
        said += 1
    return int(facts), said


_AGAIN = text("""
    with again as (
      update outbox set published_at = null
      where published_at >= :since and type <> all(:cards) returning 1)
    select count(*) from again
""")


def versioned_types() -> list[str]:
    """Types whose version guards their effect: state, not facts."""
    return [name for name, message in by_type.items() if message.versioned]


@dataclass(frozen=True)
class OutboxState:
    """How far the relay is behind."""

    unpublished: int
    """Rows that wait, counted up to 10,000."""
    oldest_at: datetime | None
    """When the oldest of them was written."""

    def age_s(self, at: datetime) -> float:
        """Seconds that the oldest row has waited; 0 when none waits."""
        return max(0.0, (at - self.oldest_at).total_seconds()) if self.oldest_at else 0.0


def outbox_state(session: Session | Connection) -> OutboxState:
    """What waits to be published, read through the partial index."""
    found = session.execute(_WAITING).one()
    return OutboxState(found.waiting, uuid7_time(found.oldest) if found.oldest else None)


_WAITING = text("""
    select (select count(*) from (select 1 from outbox where published_at is null limit 10000) w) as waiting,
           (select id from outbox where published_at is null order by position limit 1) as oldest
""")
