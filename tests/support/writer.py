"""Messages said under load by a test, and what came of them: a counter a key shows loss, repeats, order."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

from shared.consumer import Consumer
from shared.inbox import Inbox
from shared.outbox import publish
from shared.relay import Relay
from tests.support.broker import EmbeddedBroker
from tests.support.courier import Courier, launched, note

KEYS = [uuid4() for _ in range(20)]


@contextmanager
def thread_of(run: Callable[[threading.Event], Any]) -> Iterator[threading.Event]:
    """`run` on a thread until the block is over."""
    stopping = threading.Event()
    thread = threading.Thread(target=run, args=(stopping,), daemon=True)
    thread.start()
    try:
        yield stopping
    finally:
        stopping.set()
        thread.join(15)


class Writer:
    """Says so many messages about the keys in turn, counting for each; some transactions roll back."""

    def __init__(self, courier: Courier, count: int, *, pause_s: float = 0.002) -> None:
        self.courier, self.count, self.pause_s = courier, count, pause_s
        self.said: dict[UUID, int] = dict.fromkeys(KEYS, 0)
        self.ended = threading.Event()

    def run(self, stopping: threading.Event) -> None:
        for number in range(self.count):
            key = KEYS[number % len(KEYS)]
            with suppress(RolledBack), self.courier.transaction() as session:
                publish(session, launched(self.said[key], key))
                if random.random() < 0.05:
                    raise RolledBack
                self.said[key] += 1
            time.sleep(self.pause_s)
        self.ended.set()

    def expected(self) -> dict[str, list[int]]:
        return {str(key): list(range(count)) for key, count in self.said.items()}


class RolledBack(Exception):
    """The business changed its mind."""


def by_key(courier: Courier) -> dict[str, list[int]]:
    """The counters of each key, in the order of their effects."""
    found: dict[str, list[int]] = {str(key): [] for key in KEYS}
    for key, counter in courier.effects():
        found.setdefault(key, []).append(counter)
    return found


def settle(courier: Courier, writer: Writer, *, within_s: float = 60, still_s: float = 8) -> None:
    """Wait until all is said and as many effects as commits are there, or nothing has moved for `still_s`."""
    assert writer.ended.wait(120)
    total, seen, since = sum(writer.said.values()), -1, time.monotonic()
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        now = courier.one("select count(*) from effects")
        if now != seen:
            seen, since = now, time.monotonic()
        if (now >= total and courier.unpublished() == 0) or time.monotonic() - since > still_s:
            break
        time.sleep(0.2)
    time.sleep(1)


@contextmanager
def hearing(courier: Courier, broker: EmbeddedBroker, inbox: Inbox | None = None) -> Iterator[Consumer]:
    """A consumer at work."""
    inbox = inbox or Inbox("chaos", {"campaign.launched": note}, courier.transaction)
    consumer = Consumer(inbox, broker.broker)
    with thread_of(consumer.run):
        yield consumer


@contextmanager
def relaying(courier: Courier, broker: EmbeddedBroker, **options: Any) -> Iterator[Relay]:
    """A relay at work."""
    relay = Relay(courier.database.engine, broker.broker, **{"patience_s": 10, **options})
    with thread_of(relay.run):
        yield relay


def wait_for(holds: Callable[[], bool], *, within_s: float = 20) -> None:
    """Return when it holds, or after so long."""
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
