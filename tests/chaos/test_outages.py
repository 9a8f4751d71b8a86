"""What carries messages is away for minutes: the broker killed, emptied or frozen, the database gone.

Each proof has a control run with the guard off, which must fail. At full size they are away for ten minutes
(CHAOS_SCALE=1, tests/support/scale.py); the seed is printed.
"""

import threading
import time
from typing import Any

import pytest

from shared import consumer as consumer_module
from shared import kafka
from shared.consumer import Consumer
from shared.inbox import Inbox
from shared.relay import Relay
from tests.support.broker import EmbeddedBroker
from tests.support.courier import Courier, launched, note
from tests.support.scale import SCALE, sized
from tests.support.writer import KEYS, Writer, by_key, hearing, relaying, settle, thread_of, wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.usefixtures("seeded"), pytest.mark.timeout(1800)]

AWAY_S, FROZEN_S = (600, 60) if SCALE >= 1 else (6, 6)


def emptied(courier: Courier, broker: EmbeddedBroker) -> Writer:
    """The broker dies under load with what was published and not heard; another, empty, takes its place."""
    writer = Writer(courier, sized(5_000, least=400))
    with thread_of(writer.run), relaying(courier, broker, patience_s=3):
        while sum(writer.said.values()) < writer.count * 0.4:
            time.sleep(0.05)
        broker.kill()
        time.sleep(2)
        broker.empty()
        while sum(writer.said.values()) < writer.count * 0.9:
            time.sleep(0.1)
        with hearing(courier, broker):
            settle(courier, writer)
    return writer


def test_a_broker_that_lost_everything_loses_nothing(courier: Courier, broker: EmbeddedBroker) -> None:
    writer = emptied(courier, broker)

    assert by_key(courier) == writer.expected()


@pytest.mark.full
def test_control_without_the_cluster_id_messages_are_lost(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "_compare", lambda self, connection, cluster_id: None)

    writer = emptied(courier, broker)

    assert sum(map(len, by_key(courier).values())) < sum(writer.said.values())


def gone(courier: Courier, broker: EmbeddedBroker, *, for_s: int) -> Writer:
    """The broker is killed, and what is said meanwhile waits in the outbox until it is started again."""
    writer = Writer(courier, 400 + for_s * 50, pause_s=0.01)
    with hearing(courier, broker), relaying(courier, broker), thread_of(writer.run):
        wait_for(lambda: courier.one("select count(*) from effects") > 0)
        broker.kill()
        time.sleep(for_s)
        waited = courier.unpublished()
        broker.start()
        began = time.monotonic()
        writer.ended.wait(120)
        wait_for(lambda: courier.unpublished() == 0, within_s=300)
        print(f"{waited} messages waited; drained {time.monotonic() - began:.0f} s after the broker's return")
        settle(courier, writer, within_s=120)
    return writer


def test_a_broker_away_drains_in_order_when_it_returns(courier: Courier, broker: EmbeddedBroker) -> None:
    writer = gone(courier, broker, for_s=AWAY_S)

    assert by_key(courier) == writer.expected()


@pytest.mark.full
@pytest.mark.parametrize("broker", ["apache"], indirect=True)
def test_control_without_awaiting_what_was_sent_it_is_lost(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "_await", lambda self, future, deadline: None)

    writer = gone(courier, broker, for_s=6)

    assert sum(map(len, by_key(courier).values())) < sum(writer.said.values())


def frozen(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, *, for_s: float = 6
) -> int:
    """The broker is frozen for longer than the client's delivery timeout; what is unpublished in the end."""
    monkeypatch.setitem(kafka.PRODUCER, "delivery_timeout_ms", 1_500)
    monkeypatch.setitem(kafka.PRODUCER, "request_timeout_ms", 1_000)
    with relaying(courier, broker, patience_s=4) as relay:
        courier.say(launched())
        wait_for(lambda: courier.unpublished() == 0)
        broker.freeze()
        courier.say(*(launched(counter, KEYS[0]) for counter in range(200)))
        time.sleep(for_s)
        assert courier.unpublished() == 200
        broker.thaw()
        wait_for(lambda: courier.unpublished() == 0, within_s=20)
        left = courier.unpublished()
    if relay._producer is not None:  # the control keeps its producer; the test process does not
        kafka.discard(relay._producer)
    return left


def test_a_frozen_broker_drains_when_it_thaws(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert frozen(courier, broker, monkeypatch, for_s=FROZEN_S) == 0


@pytest.mark.full
def test_control_one_producer_kept_for_ever_hangs(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "close", lambda self: None)

    assert frozen(courier, broker, monkeypatch) > 0


def away(courier: Courier, broker: EmbeddedBroker, *, for_s: float, handler: Any = note) -> Writer:
    """The database takes no connections while messages are on their way to their handlers."""
    writer = Writer(courier, 400, pause_s=0)
    writer.run(threading.Event())
    with relaying(courier, broker):
        wait_for(lambda: courier.unpublished() == 0)
    name, server = courier.at.name, courier.at.server
    inbox = Inbox("chaos", {"campaign.launched": handler}, courier.transaction)
    with hearing(courier, broker, inbox) as consumer:
        wait_for(lambda: consumer.state["handled"] > 0)
        server.run(
            f"alter database {name} allow_connections false",
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'",
        )
        time.sleep(for_s)
        server.run(f"alter database {name} allow_connections true")
        courier.database.engine.dispose(close=False)  # this test's own connections are gone, too
        settle(courier, writer)
    return writer


def test_a_database_away_kills_no_message(courier: Courier, broker: EmbeddedBroker) -> None:
    writer = away(courier, broker, for_s=AWAY_S)

    assert by_key(courier) == writer.expected()
    assert courier.one("select count(*) from dead_letters") == 0


@pytest.mark.full
def test_control_taking_illness_for_a_bug_passes_messages_over(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the letter cannot be written either, so the message would simply be gone."""
    monkeypatch.setattr(consumer_module, "verdict", lambda error: "cannot")
    monkeypatch.setattr(Consumer, "_ill", lambda self, place, envelope, error: True)
    monkeypatch.setattr(consumer_module, "TRY_DELAYS_S", ())

    def slowly(session: Any, message: Any) -> None:
        time.sleep(0.01)
        note(session, message)

    writer = away(courier, broker, for_s=4, handler=slowly)

    assert sum(map(len, by_key(courier).values())) < sum(writer.said.values())
