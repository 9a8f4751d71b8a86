"""The relay: what committed is published in order, and marked only when the broker has it."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from shared import relay as relay_module
from shared.kafka import KafkaError, TopicPartition
from shared.messages import PersonCard
from shared.outbox import publish
from shared.relay import BrokerDoubtful, Relay
from tests.support.broker import ONLY_EMBEDDED, EmbeddedBroker
from tests.support.courier import Courier, launched, settled


@pytest.fixture
def relay(courier: Courier, broker: EmbeddedBroker) -> Iterator[Relay]:
    relay = Relay(courier.database.engine, broker.broker, patience_s=10)
    yield relay
    relay.close()


def records(broker: EmbeddedBroker, topic: str, *, least: int, within_s: float = 15) -> list[Any]:
    """What a topic holds, read from its beginning; in the order of each partition."""
    consumer = broker.broker.consumer(None)
    found: list[Any] = []
    try:
        places = [TopicPartition(topic, number) for number in range(6)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        deadline = time.monotonic() + within_s
        while len(found) < least and time.monotonic() < deadline:
            found += [each for batch in consumer.poll(timeout_ms=200).values() for each in batch]
    finally:
        consumer.close(autocommit=False, timeout_ms=1000)
    return found


def drain(relay: Relay, courier: Courier, *, within_s: float = 20) -> None:
    """Have the relay work until nothing waits, as its loop does, without the pauses."""
    deadline = time.monotonic() + within_s
    while courier.unpublished() and time.monotonic() < deadline:
        try:
            relay.step()
        except (KafkaError, BrokerDoubtful) as error:
            relay._doubt(error)
            time.sleep(0.1)
    assert courier.unpublished() == 0


def eventually(holds: Callable[[], bool], *, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def counters_by_key(found: list[Any]) -> dict[bytes, list[int]]:
    """The counters of each key in the order they came first."""
    seen: set[bytes] = set()
    order: dict[bytes, list[int]] = {}
    for record in found:
        message_id = dict(record.headers)["ce_id"]
        if message_id not in seen:
            seen.add(message_id)
            order.setdefault(record.key, []).append(json.loads(record.value)["goal_minor"])
    return order


def test_what_was_said_arrives_whole(relay: Relay, courier: Courier, broker: EmbeddedBroker) -> None:
    message = settled(12_000)
    (message_id,) = courier.say(message)

    assert relay.step() == 1

    (record,) = records(broker, "amicale.giving", least=1)
    value, headers = json.loads(record.value), {name: raw.decode() for name, raw in record.headers}
    assert record.key.decode() == headers["ce_subject"] == str(message.donation_id)
    assert headers["ce_id"] == str(message_id)
    assert value["amount_minor"] == 12_000
    assert value["contact"]["email"] == "claire@example.org"
    assert abs(record.timestamp / 1000 - time.time()) < 10


def test_a_tombstone_arrives_without_a_value(relay: Relay, courier: Courier, broker: EmbeddedBroker) -> None:
    courier.say(PersonCard.tombstone(uuid4(), 4))
    relay.step()

    (record,) = records(broker, "amicale.people", least=1)

    assert record.value is None
    assert dict(record.headers)["ce_sequence"] == b"4"


def test_a_row_is_sent_once_when_all_is_well(relay: Relay, courier: Courier) -> None:
    courier.say(launched())

    assert (relay.step(), relay.step(), relay.step()) == (1, 0, 0)


def test_more_than_a_batch_leaves_in_order(
    relay: Relay, courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "BATCH", 7)
    keys = [uuid4() for _ in range(5)]
    courier.say(*(launched(counter, keys[counter % 5]) for counter in range(50)))

    drain(relay, courier)

    order = counters_by_key(records(broker, "amicale.giving", least=50))
    assert order == {str(key).encode(): list(range(at, 50, 5)) for at, key in enumerate(keys)}


def test_a_broker_that_is_away_marks_nothing(relay: Relay, courier: Courier, broker: EmbeddedBroker) -> None:
    broker.kill()
    courier.say(launched())

    with pytest.raises(KafkaError):
        relay.step()
    assert courier.unpublished() == 1

    broker.start()
    drain(relay, courier)
    assert len(records(broker, "amicale.giving", least=1)) == 1


def test_a_frozen_broker_marks_nothing_and_all_arrives_when_it_thaws(
    relay: Relay, courier: Courier, broker: EmbeddedBroker
) -> None:
    courier.say(launched(0))
    relay.step()
    relay.patience_s = 1
    broker.freeze()
    key = uuid4()
    courier.say(*(launched(counter, key) for counter in range(20)))

    with pytest.raises((KafkaError, BrokerDoubtful)) as doubt:
        relay.step()
    relay._doubt(doubt.value)
    assert courier.unpublished() == 20

    broker.thaw()
    drain(relay, courier)
    assert counters_by_key(records(broker, "amicale.giving", least=21))[str(key).encode()] == list(range(20))


@ONLY_EMBEDDED
def test_a_topic_that_nobody_made_gets_nothing(courier: Courier, broker: EmbeddedBroker) -> None:
    broker.kill()
    broker.start(topics=False)
    relay = Relay(courier.database.engine, broker.broker, patience_s=5)
    courier.say(launched())

    with pytest.raises(BrokerDoubtful, match=r"amicale\.giving"):
        relay.step()
    assert courier.unpublished() == 1

    broker.broker.apply_topics()
    drain(relay, courier)
    relay.close()


def test_an_emptied_broker_gets_everything_again(courier: Courier, broker: EmbeddedBroker) -> None:
    person = uuid4()
    cards = [PersonCard(person_id=person, version=2), PersonCard.tombstone(uuid4(), 9)]
    relay = Relay(courier.database.engine, broker.broker, cards=lambda session: cards, patience_s=10)
    key = uuid4()
    ids = courier.say(*(launched(counter, key) for counter in range(30)))
    drain(relay, courier)

    broker.empty()
    relay._doubt(ConnectionError())
    ids += courier.say(launched(30, key))
    drain(relay, courier)

    found = records(broker, "amicale.giving", least=31)
    assert counters_by_key(found) == {str(key).encode(): list(range(31))}
    assert [dict(each.headers)["ce_id"].decode() for each in found] == [str(each) for each in ids]
    assert len(records(broker, "amicale.people", least=2)) == 2
    relay.close()


def test_a_broker_emptied_under_a_living_producer_is_noticed(
    relay: Relay, courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier.say(launched(1))
    relay.step()
    broker.empty()

    monkeypatch.setattr(relay_module, "CLUSTER_CHECK_S", 0)
    with suppress(KafkaError):
        relay.step()
    drain(relay, courier)

    assert len(records(broker, "amicale.giving", least=1)) == 1


@ONLY_EMBEDDED
@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        ("amicale-1", "amicale-2", "info"),
        ("amicale-1", "kafka-of-the-school", "warning"),
        ("kafka-of-the-school", "kafka-restored", "warning"),
    ],
)
def test_only_a_broker_that_begins_anew_with_the_stack_is_no_warning(
    courier: Courier, broker: EmbeddedBroker, before: str, after: str, level: str
) -> None:
    broker.kill()
    broker.start(cluster_id=after)
    courier.rows("insert into relay_state (one, cluster_id) values (1, :before)", before=before)
    relay = Relay(courier.database.engine, broker.broker, patience_s=10)

    with capture_logs() as logs:
        relay.step()

    assert [each["log_level"] for each in logs if "saying again" in each["event"]] == [level]
    relay.close()


def test_the_first_broker_ever_is_not_an_emptied_one(relay: Relay, courier: Courier) -> None:
    courier.say(launched())
    courier.rows("update outbox set published_at = now()")

    assert relay.step() == 0
    assert courier.one("select count(*) from relay_state") == 1
    assert courier.unpublished() == 0


def test_one_of_several_relays_works(relay: Relay, courier: Courier, broker: EmbeddedBroker) -> None:
    other = Relay(courier.database.engine, broker.broker)
    courier.say(launched())

    with courier.database.engine.begin() as connection:
        assert connection.execute(
            text("select pg_try_advisory_xact_lock(hashtext('amicale.relay'))")
        ).scalar()
        assert relay.step() == 0
        assert relay.state["working"] is False
    assert relay.step() + other.step() == 1
    other.close()


def test_nothing_is_skipped_that_commits_late(relay: Relay, courier: Courier, broker: EmbeddedBroker) -> None:
    """Positions are taken before the commit: 8 writers with open transactions, the relay at work."""
    keys = [uuid4() for _ in range(8)]

    def write(key: UUID) -> None:
        for counter in range(20):
            with courier.transaction() as session:
                publish(session, launched(counter, key))
                time.sleep(random.random() * 0.02)

    writers = [threading.Thread(target=write, args=(key,)) for key in keys]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        relay.step()
    drain(relay, courier)

    order = counters_by_key(records(broker, "amicale.giving", least=160))
    assert order == {str(key).encode(): list(range(20)) for key in keys}


def test_a_lost_connection_loses_the_marks(relay: Relay, courier: Courier) -> None:
    courier.say(launched())
    relay.step()
    courier.say(launched())
    real = relay._send

    def cut(rows: Any) -> None:
        real(rows)
        courier.at.server.run(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name like 'amicale-courier%' and state = 'idle in transaction'"
        )

    relay._send = cut  # type: ignore[method-assign]
    with pytest.raises(DBAPIError):
        relay.step()
    assert courier.unpublished() == 1

    relay._send = real  # type: ignore[method-assign]
    drain(relay, courier)


def test_the_loop_goes_on_after_trouble_and_stops_when_told(
    relay: Relay, courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "CLUSTER_CHECK_S", 0.2)
    stopping = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stopping,))
    thread.start()
    broker.kill()
    courier.say(*(launched() for _ in range(5)))
    eventually(lambda: relay.state["trouble_since"] is not None)
    broker.start()
    eventually(lambda: courier.unpublished() == 0)
    eventually(lambda: relay.state["trouble_since"] is None)
    stopping.set()
    thread.join(3)

    assert courier.unpublished() == 0
    assert not thread.is_alive()
