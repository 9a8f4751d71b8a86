"""Messages while what carries them dies: effects equal commits, in the order of each key.

Each proof has a control run with the guard off, which must fail. The sizes are those of
CHAOS_SCALE (tests/support/scale.py); the seed is printed.
"""

import random
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared import consumer as consumer_module
from shared import kafka
from shared import relay as relay_module
from shared.inbox import Inbox
from shared.outbox import publish
from shared.relay import Relay
from tests.support.broker import EmbeddedBroker
from tests.support.courier import Courier, launched, note
from tests.support.scale import sized
from tests.support.writer import KEYS, Writer, by_key, hearing, relaying, settle, thread_of, wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.usefixtures("seeded"), pytest.mark.timeout(1800)]

ROOT = Path(__file__).parent.parent.parent
POINTS = ("after commit, before send", "after ack, before mark")


class Mortal:
    """A relay process that is started again whenever it died."""

    def __init__(self, courier: Courier, broker: EmbeddedBroker, kind: str = "MortalRelay") -> None:
        self.arguments = [courier.at.app_url, broker.address]
        self.kind = kind

    def live(self, point: str, *, within_s: float = 30) -> None:
        """Run until it has died at `point`, or has lived for so long."""
        command = [sys.executable, "-m", "tests.chaos.mortal_relay", *self.arguments, point]
        process = subprocess.Popen([*command, str(random.randint(1, 4)), self.kind], cwd=ROOT)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def deaths(courier: Courier, broker: EmbeddedBroker, *, kind: str, kills: int, count: int) -> Writer:
    """The relay dies again and again while messages are said; then one lives."""
    writer, mortal = Writer(courier, count), Mortal(courier, broker, kind)
    with thread_of(writer.run):
        for number in range(kills):
            mortal.live(POINTS[number % 2], within_s=10)
            if random.random() < 0.5:
                mortal.live("never", within_s=random.uniform(1, 3))
        writer.ended.wait(120)
    return writer


def test_the_relay_may_die_anywhere(courier: Courier, broker: EmbeddedBroker) -> None:
    with hearing(courier, broker):
        writer = deaths(courier, broker, kind="MortalRelay", kills=sized(50, least=4), count=sized(10_000))
        with relaying(courier, broker):
            settle(courier, writer)

    assert by_key(courier) == writer.expected()


@pytest.mark.full
def test_control_marking_before_sending_loses(courier: Courier, broker: EmbeddedBroker) -> None:
    with hearing(courier, broker):
        writer = deaths(courier, broker, kind="MarksFirst", kills=4, count=1_000)
        with relaying(courier, broker):
            settle(courier, writer)

    assert sum(map(len, by_key(courier).values())) < sum(writer.said.values())


class Forgetful(Inbox):
    """The guard off: what was handled is not remembered."""

    def _unheard(self, session: Any, envelopes: list[Any]) -> list[Any]:
        return envelopes


def test_control_without_the_inbox_effects_double(courier: Courier, broker: EmbeddedBroker) -> None:
    forgetful = Forgetful("chaos", {"campaign.launched": note}, courier.transaction)
    with hearing(courier, broker, forgetful):
        writer, mortal = Writer(courier, 300, pause_s=0), Mortal(courier, broker)
        writer.run(threading.Event())
        for _ in range(2):
            mortal.live("after ack, before mark")
        with relaying(courier, broker):
            settle(courier, writer)

    assert sum(map(len, by_key(courier).values())) > sum(writer.said.values())


def test_several_relays_keep_the_order(courier: Courier, broker: EmbeddedBroker) -> None:
    writer = Writer(courier, sized(10_000), pause_s=0.001)
    with hearing(courier, broker), thread_of(writer.run), ExitStack() as relays:
        for _ in range(3):
            relays.enter_context(relaying(courier, broker))
        settle(courier, writer)

    assert by_key(courier) == writer.expected()


class SkipsLocked(Relay):
    """The guard off: several relays at once, each taking rows that no other has locked."""

    def step(self) -> int:
        with self.engine.begin() as connection:
            self._ready(connection)
            rows = connection.execute(_SKIP_LOCKED).all()
            time.sleep(random.uniform(0, 0.02))
            if rows:
                self._send(rows)
                connection.execute(relay_module._MARK, relay_module.marking(rows))
        return len(rows)


_SKIP_LOCKED = text("""
    select position, topic, key, headers, payload, contact, clock_timestamp() as taken_at from outbox
    where published_at is null order by position limit 5 for update skip locked
""")


def test_control_skip_locked_relays_turn_the_order_round(courier: Courier, broker: EmbeddedBroker) -> None:
    writer = Writer(courier, 600, pause_s=0)
    writer.run(threading.Event())
    with hearing(courier, broker), ExitStack() as relays:
        for _ in range(4):
            relays.enter_context(thread_of(SkipsLocked(courier.database.engine, broker.broker).run))
        settle(courier, writer)

    assert by_key(courier) != writer.expected()


def two_writers_of_one_key(courier: Courier, *, locks: bool) -> list[int]:
    """Two writers count up one aggregate and publish; the counters in the order of positions."""
    key = KEYS[0]
    courier.rows("insert into aggregates values (:key, -1)", key=str(key))
    count = text("update aggregates set counter = counter + 1 where key = :key returning counter")

    def write(stopping: threading.Event) -> None:
        for _ in range(40):
            if locks:
                with courier.transaction() as session:
                    counter = session.execute(count, {"key": str(key)}).scalar_one()
                    time.sleep(random.random() * 0.01)
                    publish(session, launched(counter, key))
            else:
                counter = courier.one(str(count), key=str(key))
                time.sleep(random.random() * 0.01)
                courier.say(launched(counter, key))

    threads = [threading.Thread(target=write, args=(threading.Event(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = courier.rows(
        "select (payload::jsonb ->> 'goal_minor')::int as counter from outbox order by position"
    )
    return [row.counter for row in found]


def test_the_aggregates_lock_orders_its_messages(courier: Courier) -> None:
    assert two_writers_of_one_key(courier, locks=True) == list(range(80))


def test_control_without_the_lock_they_pass_each_other(courier: Courier) -> None:
    assert two_writers_of_one_key(courier, locks=False) != list(range(80))


def poisoned(courier: Courier, broker: EmbeddedBroker) -> list[int]:
    """A message that can never be handled stands before others of its partition, of another key."""
    place = kafka.TopicPartition("amicale.giving", 0)
    producer = broker.broker.producer()
    producer.send("amicale.giving", value=b"{", key=b"k", partition=0).get(timeout=10)
    for found in courier.rows("select * from outbox where published_at is null order by position"):
        headers = [(name, value.encode()) for name, value in found.headers.items()]
        sent = producer.send(
            "amicale.giving",
            value=found.payload.encode(),
            key=found.key.encode(),
            partition=0,
            headers=headers,
        )
        assert sent.get(timeout=10).topic_partition == place
    producer.close(timeout=2)
    with hearing(courier, broker):
        wait_for(lambda: len(courier.effects()) == 10, within_s=10)
    return [counter for _, counter in courier.effects()]


def test_a_poison_message_stops_nobody(courier: Courier, broker: EmbeddedBroker) -> None:
    courier.say(*(launched(counter) for counter in range(10)))

    assert poisoned(courier, broker) == list(range(10))
    assert courier.one("select count(*) from dead_letters") == 1


@pytest.mark.full
def test_control_without_dead_letters_it_stops_everybody(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "verdict", lambda error: "ill")
    courier.say(*(launched(counter) for counter in range(10)))

    assert poisoned(courier, broker) == []
