"""The inbox: a fact acts once, through a row that commits with its effect.

    @hears(DonationSettled)
    def settled(session, message):
        emails.thank(session, message)

Handlers stand in a service's consumers.py, one for each type. They get the session of the door's
transaction and the message, with `message_id`, `occurred_at` and `correlation_id` from its headers.
A handler that returns has handled; what it raises says what follows (`verdict`).
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import ModuleType
from typing import Any, Literal, TypeVar
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import dead_letters, telemetry
from shared.clock import now
from shared.db import is_ill, uuid7_time
from shared.envelope import Envelope
from shared.errors import DomainError
from shared.messages import Message, MessageMalformed, correlation

HANDLED = Counter("amicale_inbox_handled_total", "Messages handled.", ["consumer", "type"])
IGNORED = Counter("amicale_inbox_ignored_total", "Messages not handled, and why.", ["consumer", "why"])
HELD = Counter("amicale_inbox_held_total", "Messages held behind a dead letter of their key.", ["consumer"])

Handler = Callable[[Session, Any], Any]
Transaction = Callable[[], AbstractContextManager[Session]]
Marked = TypeVar("Marked", bound=Handler)


class HeardTwice(TypeError):
    """Two handlers of one service hear the same type; they would share one inbox row."""


def hears(message: type[Message]) -> Callable[[Marked], Marked]:
    """Mark the function that handles a type of message in this service."""

    def mark(function: Marked) -> Marked:
        function.hears = message  # type: ignore[attr-defined]
        return function

    return mark


def handlers_of(module: ModuleType) -> dict[str, Handler]:
    """The handlers that a module marks, by type."""
    found: dict[str, Handler] = {}
    for each in vars(module).values():
        message = getattr(each, "hears", None)
        if not (isinstance(message, type) and issubclass(message, Message)):
            continue
        if found.setdefault(message.type, each) is not each:
            raise HeardTwice(message.type)
    return found


class Inbox:
    """What one consumer has handled, and how it handles."""

    def __init__(self, consumer: str, handlers: dict[str, Handler], transaction: Transaction) -> None:
        self.consumer = consumer
        self.handlers = handlers
        self.transaction = transaction
        self._oldest: datetime | None = None
        self._oldest_known_at: datetime | None = None

    def take(self, envelopes: Sequence[Envelope]) -> int:
        """Handle these in one transaction, each once; how many handlers ran. All of it or nothing."""
        with self.transaction() as session:
            return len(self.handle(session, envelopes))

    def handle(
        self, session: Session, envelopes: Iterable[Envelope], *, holds: bool = True
    ) -> list[Envelope]:
        """Handle, in order, those that are new; hold those whose key waits. Returns the handled ones."""
        concerned = self._concerned(session, envelopes)
        held = dead_letters.held_keys(session, self.consumer, concerned) if holds and concerned else set()
        free = []
        for envelope in concerned:
            if not envelope.versioned and (envelope.topic, envelope.key) in held:
                HELD.labels(self.consumer).inc()
                dead_letters.hold(session, self.consumer, envelope)
            else:
                free.append(envelope)
        new = self._unheard(session, free)
        for envelope in new:
            self._act(session, envelope)
        return new

    def _act(self, session: Session, envelope: Envelope) -> None:
        message = envelope.message()
        name, trace = f"hear {envelope.type}", envelope.headers.get("traceparent")
        facts = {"message_id": str(envelope.message_id), "correlation_id": str(envelope.correlation_id)}
        with (
            correlation.set_to(envelope.correlation_id),
            telemetry.traced(name, trace, **facts),
            telemetry.bound(**facts),
        ):
            self.handlers[envelope.type](session, message)
        HANDLED.labels(self.consumer, envelope.type).inc()

    def _concerned(self, session: Session, envelopes: Iterable[Envelope]) -> list[Envelope]:
        """Those that this service hears; MessageMalformed at the first whose envelope is wrong."""
        at = now()
        concerned = []
        for envelope in envelopes:
            if fault := envelope.fault(at):
                raise MessageMalformed(fault)
            if envelope.type not in self.handlers:
                continue
            if not envelope.versioned and self._too_old(session, envelope, at):
                IGNORED.labels(self.consumer, "older than the inbox").inc()
                continue
            concerned.append(envelope)
        return concerned

    def _unheard(self, session: Session, envelopes: list[Envelope]) -> list[Envelope]:
        """Those whose inbox row is new, and all that need none; rows are written in the order of ids."""
        ids = {each.message_id: each for each in envelopes if not each.versioned}
        if not ids:
            return envelopes
        ordered = sorted(ids.values(), key=lambda each: str(each.message_id))
        values = {
            "consumer": self.consumer,
            "ids": [each.message_id for each in ordered],
            "types": [each.type for each in ordered],
            "correlations": [each.correlation_id for each in ordered],
        }
        new = {row[0] for row in session.execute(_TAKE, values)}
        if len(new) < len(ids):
            IGNORED.labels(self.consumer, "handled before").inc(len(ids) - len(new))
        unheard = []
        for envelope in envelopes:
            if envelope.versioned:
                unheard.append(envelope)
            elif envelope.message_id in new:
                new.discard(envelope.message_id)  # the same message may stand in one batch twice
                unheard.append(envelope)
        return unheard

    def _too_old(self, session: Session, envelope: Envelope, at: datetime) -> bool:
        if self._oldest_known_at is None or (at - self._oldest_known_at).total_seconds() > 3600:
            self._oldest, self._oldest_known_at = dead_letters.inbox_begins(session), at
        moment = uuid7_time(envelope.message_id or UUID(int=0))
        return self._oldest is not None and moment < self._oldest


_TAKE = text("""
    insert into inbox (consumer, message_id, type, correlation_id)
    select :consumer, * from unnest(
      cast(:ids as uuid[]), cast(:types as text[]), cast(:correlations as uuid[]))
    on conflict do nothing returning message_id
""")


Verdict = Literal["cannot", "ill", "perhaps a bug"]


def verdict(error: BaseException) -> Verdict:
    """What an exception says of its message: it cannot succeed, we are ill, or there may be a bug."""
    if isinstance(error, DomainError | MessageMalformed):
        return "cannot"
    return "ill" if is_ill(error) else "perhaps a bug"
