"""The consumer: hears the topics of one service, in one thread, and stores how far it has handled.

Up to 100 polled messages share a transaction; when one raises, the batch is rolled back and done again
one message a transaction, and what was raised decides (`inbox.verdict`): a dead letter, or the same
message again. To try again, its partition is paused, sought back to the message, and kept in the group
by further polling. Offsets are committed by value: the last handled + 1 of each partition.

Metrics: those of shared/inbox.py and shared/dead_letters.py; the lag goes with the heartbeat.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

from shared import dead_letters, kafka
from shared.catch_up import CatchUp
from shared.dead_letters import reason_of
from shared.envelope import Envelope
from shared.inbox import Inbox, verdict
from shared.kafka import Broker, CommitFailedError, ConsumerRebalanceListener, TopicPartition
from shared.messages import by_type
from shared.relay import backoff_s
from shared.telemetry import log
from shared.watch import Watch

POLL_MS = 200
TOGETHER = 100
EVERYTHING = 1_000_000
"""Records a poll may return: all that were fetched. A partition whose fetched records were returned in part
and which is then paused is never fetched again by kafka-python 3.0.12 (the rest is parked and forgotten)."""
TRY_DELAYS_S = (1.0, 2.0, 4.0, 8.0)
DEAD_IN_A_ROW_MAX = 20
ILL_DELAY_MAX_S = 5.0
WATCH_EVERY_S = 5.0


@dataclass
class Trial:
    """A message that failed, and how often."""

    offset: int
    tries: int = 0


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of a service's consumer group."""

    def __init__(self, inbox: Inbox, broker: Broker, *, group: str | None = None) -> None:
        self.inbox = inbox
        self.broker = broker
        self.group = group or inbox.consumer
        self.topics = sorted({by_type[name].topic for name in inbox.handlers})
        self.try_delays_s: tuple[float, ...] = TRY_DELAYS_S
        self.on_handled: Callable[[], None] = lambda: None
        self.state: dict[str, Any] = {
            "joined": False, "catching_up": False, "handled": 0, "dead": 0, "lag": None, "assigned": 0,
            "ill_since": None, "stopped": None,
        }  # fmt: skip
        self._kafka: Any = None
        self._stopping = Event()
        self._rebalanced = Event()
        self._joining = True
        self._catch_up = CatchUp()
        self._trials: dict[TopicPartition, Trial] = {}
        self._resume_at: dict[TopicPartition, float] = {}
        self._ill_rounds = 0
        self._dead_in_row = 0
        self._watch = Watch(broker)
        self._looked_at = 0.0

    def run(self, stopping: Event) -> None:
        """Hear until told to stop; on any trouble with Kafka, again with a new client."""
        self._stopping, failures = stopping, 0
        while self.topics and not stopping.is_set() and not self.state["stopped"]:
            try:
                self._open()
                while not stopping.is_set() and not self.state["stopped"]:
                    self.round()
                    failures = 0
            except Exception as error:  # nothing that was handled is lost: its offset, at worst
                failures += 1
                log.warning("consumer begins again", error=type(error).__name__, place=reason_of(error))
                stopping.wait(backoff_s(failures))
            finally:
                self.close()

    def round(self) -> None:
        """Poll once, handle what came, commit how far."""
        self._resume_those_due()
        polled = self._kafka.poll(timeout_ms=POLL_MS, max_records=EVERYTHING)
        if self._rebalanced.is_set():
            self._forget()
            if not self._joining and self._begin_anew():
                return  # what was polled is polled again, from the beginning
        if polled:
            self._handle(polled)
        if self.state["catching_up"]:
            self.state["catching_up"] = self._catch_up.going_on(self._kafka)
        if not self._joining and time.monotonic() - self._looked_at > WATCH_EVERY_S:
            self._look()

    def _begin_anew(self) -> bool:
        """Partitions were given: see how far their replica is; whether they are read from the beginning.

        Never while it still joins its group: the coordinator answers nothing else then, and who gives up is
        waited for (see `_look`).
        """
        self._catch_up.begin(self._kafka)
        self.state["catching_up"] = True
        return self._watch.assigned(self._kafka)

    def close(self) -> None:
        """Leave the group."""
        self.state["joined"] = False
        if self._kafka is not None:
            kafka.leave(self._kafka, joining=self._joining)
            self._kafka = None

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the client, on a thread of its own: pauses and positions are those of the new start."""
        self.state["joined"] = True
        self._joining = False
        self._rebalanced.set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing is kept between polls but what `_forget` forgets."""
        self._joining = True
        self._rebalanced.set()

    def _open(self) -> None:
        self._watch.begin()
        self._joining = True
        self._looked_at = time.monotonic()
        self._kafka = self.broker.consumer(self.group)
        self._kafka.subscribe(self.topics, listener=self)
        self._forget()

    def _forget(self) -> None:
        """Nothing of before the rebalance counts; a pause made while it went on must not stay for ever."""
        self._rebalanced.clear()
        if paused := self._kafka.paused():
            self._kafka.resume(*paused)
        self._trials.clear()
        self._resume_at.clear()

    def _handle(self, polled: dict[TopicPartition, list[Any]]) -> None:
        """Handle what was polled, some at a time; what is not reached is polled again."""
        queues = {place: deque(map(Envelope.of, records)) for place, records in polled.items()}
        while queues and not self._interrupted():
            batch = _take(queues, TOGETHER)
            moved = self._handle_together(batch)
            self._commit(moved)
            for place, envelopes in batch.items():
                if moved.get(place) != envelopes[-1].offset + 1:
                    queues.pop(place, None)  # it begins again at the message that failed
        for place, rest in queues.items():
            self._again(place, rest[0].offset, 0)

    def _interrupted(self) -> bool:
        return self._stopping.is_set() or self._rebalanced.is_set() or bool(self.state["stopped"])

    def _handle_together(self, batch: dict[TopicPartition, list[Envelope]]) -> dict[TopicPartition, int]:
        """Handle a batch, if need be one by one; the next offset of each partition that moved."""
        calm = {place: envelopes for place, envelopes in batch.items() if place not in self._trials}
        moved: dict[TopicPartition, int] = {}
        if self._ill_rounds == 0 and sum(map(len, calm.values())) > 1 and self._all(calm):
            moved = {place: envelopes[-1].offset + 1 for place, envelopes in calm.items()}
        ill_before = self._ill_rounds
        for place in batch.keys() - moved.keys():
            for envelope in batch[place]:
                if self._ill_rounds > ill_before:  # who is ill for one message is ill for the others
                    self._again(place, envelope.offset, self._ill_delay_s())
                    break
                if self.state["stopped"] or not self._one(place, envelope):
                    break
                moved[place] = envelope.offset + 1
        return moved

    def _all(self, batch: dict[TopicPartition, list[Envelope]]) -> bool:
        """The whole batch in one transaction; whether it committed."""
        try:
            handled = self.inbox.take([each for envelopes in batch.values() for each in envelopes])
        except Exception as error:  # each alone says which of them it was
            log.info("batch rolled back", reason=reason_of(error))
            return False
        self._well(handled)
        return True

    def _one(self, place: TopicPartition, envelope: Envelope) -> bool:
        """One message in a transaction of its own; whether its offset may be passed."""
        try:
            self._well(self.inbox.take([envelope]))
        except Exception as error:  # any: what it means is `verdict`'s to say
            return self._failed(place, envelope, error)
        self._trials.pop(place, None)
        return True

    def _well(self, handled: int) -> None:
        self.state["handled"] += handled
        if handled:
            self.on_handled()
        self.state["ill_since"] = None
        self._ill_rounds = 0
        if handled:
            self._dead_in_row = 0

    def _failed(self, place: TopicPartition, envelope: Envelope, error: Exception) -> bool:
        meaning = verdict(error)
        if meaning == "ill":
            return self._ill(place, envelope, error)
        trial = self._trials.get(place)
        if trial is None or trial.offset != envelope.offset:
            trial = self._trials[place] = Trial(envelope.offset)
        trial.tries += 1
        if meaning == "perhaps a bug" and trial.tries <= len(self.try_delays_s):
            self._again(place, envelope.offset, self.try_delays_s[trial.tries - 1])
            return False
        return self._bury(place, envelope, error, tries=trial.tries)

    def _bury(self, place: TopicPartition, envelope: Envelope, error: Exception, *, tries: int) -> bool:
        reason = reason_of(error)
        try:
            with self.inbox.transaction() as session:
                dead_letters.bury(session, self.inbox.consumer, envelope, reason=reason, tries=tries)
        except Exception as trouble:  # a letter that cannot be written may not be passed
            return self._ill(place, envelope, trouble)
        log.error(
            "dead letter",
            type=envelope.type,
            message_id=str(envelope.message_id),
            topic=place.topic,
            partition=place.partition,
            offset=envelope.offset,
            reason=reason,
        )
        self._trials.pop(place, None)
        self.state["dead"] += 1
        self._dead_in_row += 1
        if self._dead_in_row >= DEAD_IN_A_ROW_MAX:
            self.state["stopped"] = f"{DEAD_IN_A_ROW_MAX} dead letters in a row"
            log.error("consumer stopped", reason=self.state["stopped"])
        return True

    def _ill(self, place: TopicPartition, envelope: Envelope, error: Exception) -> bool:
        """We are ill, the message is innocent: the same again, without limit."""
        self._ill_rounds += 1
        self.state["ill_since"] = self.state["ill_since"] or datetime.now(UTC).isoformat()
        log.warning("handling fails for no fault of the message", reason=reason_of(error))
        self._again(place, envelope.offset, self._ill_delay_s())
        return False

    def _ill_delay_s(self) -> float:
        return float(min(ILL_DELAY_MAX_S, 0.05 * 2 ** min(self._ill_rounds, 10)) * random.uniform(0.5, 1))

    def _again(self, place: TopicPartition, offset: int, delay_s: float) -> None:
        """Have this partition begin at `offset` once more, after a while; other partitions go on."""
        if place in self._kafka.assignment():
            self._kafka.pause(place)
            self._kafka.seek(place, offset)
            self._resume_at[place] = time.monotonic() + delay_s

    def _resume_those_due(self) -> None:
        now = time.monotonic()
        for place in [place for place, due in self._resume_at.items() if due <= now]:
            del self._resume_at[place]
            if place in self._kafka.assignment():
                self._kafka.resume(place)

    def _commit(self, moved: dict[TopicPartition, int]) -> None:
        mine = {place: offset for place, offset in moved.items() if place in self._kafka.assignment()}
        if not mine:
            return
        try:
            kafka.commit_by_value(self._kafka, mine)
        except CommitFailedError:  # the group moved on: whoever has the partition hears them again
            self._rebalanced.set()

    def _look(self) -> None:
        """Note the lag, or give the client up (shared/watch.py); never while it joins its group.

        A member that goes away while joining is waited for by the broker, and by all others in the group, as
        long as `max_poll_interval_ms`.
        """
        self._looked_at = time.monotonic()
        self.state["assigned"], self.state["lag"] = self._watch.look(self._kafka, self._resume_at)


def _take(queues: dict[TopicPartition, deque[Envelope]], most: int) -> dict[TopicPartition, list[Envelope]]:
    """The first messages of the queues, at most so many, each partition's in order; taken off them."""
    batch: dict[TopicPartition, list[Envelope]] = {}
    for place in list(queues):
        count = min(most, len(queues[place]))
        if count:
            batch[place] = [queues[place].popleft() for _ in range(count)]
            most -= count
        if not queues[place]:
            del queues[place]
    return batch
