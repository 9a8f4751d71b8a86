"""The consumer: nothing is skipped, a poison message stops nobody, and the innocent are not punished."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from shared import consumer as consumer_module
from shared import kafka, watch
from shared.consumer import Consumer
from shared.db import uuid7
from shared.errors import Refused
from shared.inbox import Handler, Inbox
from shared.messages import Message, PersonCard
from shared.relay import Relay
from tests.support.broker import ONLY_EMBEDDED, EmbeddedBroker
from tests.support.courier import Courier, counter_of, launched, note


@pytest.fixture(autouse=True)
def quick_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded broker makes a first member wait half its session: have it short."""
    monkeypatch.setitem(kafka.CONSUMER, "session_timeout_ms", 1_500)
    monkeypatch.setitem(kafka.CONSUMER, "heartbeat_interval_ms", 300)


@contextmanager
def hearing(
    courier: Courier,
    broker: EmbeddedBroker,
    handler: Handler,
    *,
    consumer: Consumer | None = None,
    **options: Any,
) -> Iterator[Consumer]:
    """A consumer at work on a thread of its own."""
    inbox = Inbox("tests", {"campaign.launched": handler}, courier.transaction)
    consumer = consumer or Consumer(inbox, broker.broker)
    for name, value in options.items():
        setattr(consumer, name, value)
    stopping = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stopping,), daemon=True)
    thread.start()
    try:
        yield consumer
    finally:
        stopping.set()
        thread.join(10)
        assert not thread.is_alive()


def carry(courier: Courier, broker: EmbeddedBroker, *messages: Message) -> list[UUID]:
    """Say messages and have them on the broker."""
    ids = courier.say(*messages)
    relay = Relay(courier.database.engine, broker.broker)
    while courier.unpublished():
        relay.step()
    relay.close()
    return ids


def raw(broker: EmbeddedBroker, value: bytes, *, key: bytes = b"k", **headers: bytes) -> None:
    """A record as no relay of ours would send it."""
    producer = broker.broker.producer()
    producer.send("amicale.giving", value=value, key=key, headers=list(headers.items())).get(timeout=10)
    producer.close(timeout=2)


def eventually(holds: Callable[[], bool], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def counters(courier: Courier) -> list[int]:
    return sorted(counter for _, counter in courier.effects())


def committed(broker: EmbeddedBroker) -> int:
    """How many messages of amicale.giving the group has passed."""
    reader = broker.broker.consumer("tests")
    try:
        places = [kafka.TopicPartition("amicale.giving", number) for number in range(6)]
        return sum(reader.committed(place) or 0 for place in places)
    finally:
        reader.close(autocommit=False, timeout_ms=500)


def test_what_is_said_is_handled_in_order_and_its_offset_kept(
    courier: Courier, broker: EmbeddedBroker
) -> None:
    key = uuid4()
    carry(courier, broker, *(launched(counter, key) for counter in range(300)))

    with hearing(courier, broker, note):
        eventually(lambda: len(courier.effects()) == 300)
    assert [counter for _, counter in courier.effects()] == list(range(300))
    assert committed(broker) == 300

    carry(courier, broker, launched(300))
    with hearing(courier, broker, note) as again:
        eventually(lambda: len(courier.effects()) == 301)
    assert again.state["handled"] == 1


def test_a_poison_message_stops_nobody(courier: Courier, broker: EmbeddedBroker) -> None:
    raw(broker, b"{", ce_type=b"campaign.launched", ce_id=b"not an id")
    raw(broker, b"\xff\xfe", key=b"\xff", ce_type=b"\xff")
    raw(broker, b"[1,2]")
    carry(courier, broker, launched(1))
    (good,) = courier.rows("select headers from outbox")
    headers = {name: value.encode() for name, value in good.headers.items()}
    other = headers | {"ce_id": str(uuid7()).encode()}
    raw(broker, b'{"campaign_id": 5}', key=b"k2", **other)
    carry(courier, broker, launched(2))

    with hearing(courier, broker, note):
        eventually(
            lambda: counters(courier) == [1, 2] and courier.one("select count(*) from dead_letters") == 4
        )
        eventually(lambda: committed(broker) == 6)

    reasons = {row.reason for row in courier.rows("select reason from dead_letters")}
    assert any("slug" in reason for reason in reasons)


def test_what_may_be_a_bug_is_tried_five_times_and_others_go_on(
    courier: Courier, broker: EmbeddedBroker
) -> None:
    tries: list[float] = []

    def stumbles(session: Any, message: Any) -> None:
        if counter_of(message) == 666:
            tries.append(time.monotonic())
            raise KeyError("claire@example.org")
        note(session, message)

    bad = uuid4()
    carry(
        courier,
        broker,
        launched(666, bad),
        launched(2, bad),
        *(launched(counter) for counter in range(10, 30)),
    )

    with capture_logs() as lines, hearing(courier, broker, stumbles, try_delays_s=(0.1, 0.1, 0.1, 0.1)):
        eventually(lambda: courier.one("select count(*) from dead_letters") == 1)
        eventually(lambda: counters(courier) == list(range(10, 30)))

    letter = courier.rows("select * from dead_letters")[0]
    (said,) = [line for line in lines if line["event"] == "dead letter"]
    assert (said["topic"], said["partition"], said["offset"]) == (
        "amicale.giving", letter.partition, letter.offset,
    )  # fmt: skip
    assert "claire" not in str(said)
    assert len(tries) in (5, 6)  # the batch that was rolled back, then five alone
    assert letter.tries == 5
    assert letter.reason.startswith("KeyError at tests/shared/test_consumer.py:")
    assert courier.one("select count(*) from held_messages") == 1


def test_a_bug_that_passes_is_no_letter(courier: Courier, broker: EmbeddedBroker) -> None:
    tries: list[int] = []

    def stumbles_twice(session: Any, message: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise KeyError
        note(session, message)

    carry(courier, broker, launched(5))
    with hearing(courier, broker, stumbles_twice, try_delays_s=(0.05,) * 4):
        eventually(lambda: counters(courier) == [5])

    assert courier.one("select count(*) from dead_letters") == 0


def test_a_database_that_is_away_makes_no_dead_letter(courier: Courier, broker: EmbeddedBroker) -> None:
    key = uuid4()
    with hearing(courier, broker, note) as consumer:
        eventually(lambda: consumer.state["joined"])
        carry(courier, broker, *(launched(counter, key) for counter in range(50)))
        with shut(courier):
            eventually(lambda: consumer.state["ill_since"] is not None)
            time.sleep(1)
        eventually(lambda: len(courier.effects()) == 50)
        eventually(lambda: consumer.state["ill_since"] is None)

    assert [counter for _, counter in courier.effects()] == list(range(50))
    assert courier.one("select count(*) from dead_letters") == 0


@contextmanager
def shut(courier: Courier) -> Iterator[None]:
    """The handlers' database takes no connections and ends those it has."""
    name = courier.at.name
    courier.at.server.run(
        f"alter database {name} allow_connections false",
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'",
    )
    try:
        yield
    finally:
        courier.at.server.run(f"alter database {name} allow_connections true")


def test_twenty_dead_letters_in_a_row_stop_the_consumer(courier: Courier, broker: EmbeddedBroker) -> None:
    def refuses(session: Any, message: Any) -> None:
        raise Refused

    carry(courier, broker, *(launched(counter) for counter in range(30)))

    with hearing(courier, broker, refuses) as consumer:
        eventually(lambda: consumer.state["stopped"] is not None)

    assert courier.one("select count(*) from dead_letters") == 20
    assert committed(broker) == 20


def retries_through_a_rebalance(courier: Courier, broker: EmbeddedBroker, *, stored: int = 3) -> list[int]:
    """A message fails again and again while one member comes and another goes; what was handled in the end.

    They do so when the group has stored `stored` as its offset.
    """
    ill = threading.Event()
    ill.set()

    def handler(session: Any, message: Any) -> None:
        if counter_of(message) == 3 and ill.is_set():
            session.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        note(session, message)

    key = uuid4()
    carry(courier, broker, *(launched(counter, key) for counter in range(6)))
    with ExitStack() as members:
        with hearing(courier, broker, handler) as first:
            eventually(lambda: first.state["ill_since"] is not None)
            eventually(lambda: committed(broker) == stored, within_s=30)
            second = members.enter_context(hearing(courier, broker, handler))
            eventually(lambda: second.state["joined"])
        eventually(lambda: len(second._kafka.assignment()) == 6)  # the first has left: it has moved
        carry(courier, broker, launched(6, key))
        time.sleep(2)
        ill.clear()
        deadline = time.monotonic() + 10
        while len(courier.effects()) < 7 and time.monotonic() < deadline:
            time.sleep(0.1)
    return [counter for _, counter in courier.effects()]


def test_a_failing_message_keeps_its_place_through_a_rebalance(
    courier: Courier, broker: EmbeddedBroker
) -> None:
    assert retries_through_a_rebalance(courier, broker) == list(range(7))


def test_control_committing_what_was_polled_skips_it(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off: `commit()` without arguments stores the position polled, handled or not."""
    real = Consumer._handle

    def handle_and_commit_polled(self: Consumer, polled: Any) -> Any:
        if polled:
            self._kafka.commit(timeout_ms=2_000)
        return real(self, polled)

    monkeypatch.setattr(Consumer, "_handle", handle_and_commit_polled)
    monkeypatch.setattr(Consumer, "_commit", lambda self, moved: None)

    assert retries_through_a_rebalance(courier, broker, stored=6) != list(range(7))


def test_a_broker_emptied_under_a_living_consumer_is_heard_from_its_beginning(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "WATCH_EVERY_S", 0.5)
    carry(courier, broker, *(launched(counter) for counter in range(50)))

    with hearing(courier, broker, note):
        eventually(lambda: len(courier.effects()) == 50)
        broker.empty()
        carry(courier, broker, *(launched(counter) for counter in range(50, 60)))
        eventually(lambda: len(courier.effects()) == 60, within_s=40)

    assert counters(courier) == list(range(60))


def test_a_partition_that_is_stuck_begins_again(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "WATCH_EVERY_S", 0.2)
    monkeypatch.setattr(watch, "STUCK_S", 1.0)
    carry(courier, broker, launched(1))

    with hearing(courier, broker, note) as consumer:
        eventually(lambda: len(courier.effects()) == 1)
        consumer._kafka.pause(*consumer._kafka.assignment())  # as a client that got stuck would
        carry(courier, broker, launched(2))
        eventually(lambda: len(courier.effects()) == 2)


def test_the_lag_is_what_is_not_handled(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "WATCH_EVERY_S", 0.2)

    key = uuid4()
    with hearing(courier, broker, note) as consumer:
        carry(courier, broker, *(launched(counter, key) for counter in range(10)))
        eventually(lambda: len(courier.effects()) == 10)
        eventually(lambda: consumer.state["lag"] == 0 and consumer.state["assigned"] == 6)

        monkeypatch.setattr(consumer, "_all", lambda batch: False)
        monkeypatch.setattr(
            consumer, "_one", lambda place, envelope: consumer._again(place, envelope.offset, 1)
        )
        carry(courier, broker, *(launched(counter, key) for counter in range(10)))
        eventually(lambda: consumer.state["lag"] == 10)


def test_partitions_that_were_paused_go_on(courier: Courier, broker: EmbeddedBroker) -> None:
    """More than a batch in every partition, each put back many times while the database is away."""
    ill = threading.Event()
    ill.set()

    def handler(session: Any, message: Any) -> None:
        if ill.is_set():
            session.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        note(session, message)

    keys = [uuid4() for _ in range(40)]
    carry(courier, broker, *(launched(counter, keys[counter % 40]) for counter in range(600)))

    with hearing(courier, broker, handler) as consumer:
        eventually(lambda: consumer.state["ill_since"] is not None)
        time.sleep(4)
        ill.clear()
        eventually(lambda: len(courier.effects()) == 600)


def test_a_new_replica_is_not_ready_before_it_has_read_the_cards(
    courier: Courier, broker: EmbeddedBroker
) -> None:
    known: list[UUID] = []
    go_on = threading.Event()

    def learn(session: Any, card: Any) -> None:
        if len(known) == 40:
            go_on.wait(10)
        known.append(card.person_id)

    inbox = Inbox("tests", {"person.card": learn}, courier.transaction)
    carry(courier, broker, *(PersonCard(person_id=uuid4(), version=1) for _ in range(100)))

    with hearing(courier, broker, note, consumer=Consumer(inbox, broker.broker)) as consumer:
        eventually(lambda: len(known) == 40)
        assert consumer.state["catching_up"]
        go_on.set()
        eventually(lambda: not consumer.state["catching_up"])
        assert len(known) == 100

    with hearing(courier, broker, note, consumer=Consumer(inbox, broker.broker)) as again:
        eventually(lambda: again.state["joined"] and not again.state["catching_up"])


@ONLY_EMBEDDED
def test_a_member_asks_nothing_of_its_group_while_it_joins(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coordinator answers nothing then; who gives up for want of an answer is waited for by all."""
    asked: list[bool] = []
    begin = consumer_module.CatchUp.begin

    def noted(self: Any, client: Any) -> None:
        asked.append(hears._joining)
        begin(self, client)

    monkeypatch.setattr(consumer_module.CatchUp, "begin", noted)
    inbox = Inbox("tests", {"campaign.launched": note}, courier.transaction)
    hears = Consumer(inbox, broker.broker)

    with hearing(courier, broker, note, consumer=hears):
        eventually(lambda: asked == [False])
        with hearing(courier, broker, note):  # another member: both join again
            eventually(lambda: len(asked) > 1)
            hears.on_partitions_revoked([])  # as when a third comes, or one of them is killed
            time.sleep(0.5)
            hears.on_partitions_assigned([])
            eventually(lambda: len(asked) > 2)

    assert not any(asked)


@ONLY_EMBEDDED
@pytest.mark.parametrize("after_s", [0.05, 0.3, 0.6])
def test_who_stops_while_it_joins_keeps_nobody_from_the_group(
    courier: Courier, broker: EmbeddedBroker, after_s: float
) -> None:
    """The embedded broker would wait for ever for a member that leaves before its join has ended."""
    with hearing(courier, broker, note) as hasty:
        time.sleep(after_s)
        joined = hasty.state["joined"]

    assert not joined
    with hearing(courier, broker, note) as next_one:
        eventually(lambda: next_one.state["joined"], within_s=30)


def heard_on_another_broker(courier: Courier, broker: EmbeddedBroker) -> list[int]:
    """The broker is replaced, and holds as the group's offsets those of the one before; what is heard."""
    place = kafka.TopicPartition("amicale.giving", 0)
    watching = watch.Watch(broker.broker)
    watching.begin()
    broker.empty()
    producer = broker.broker.producer()
    for number in range(5):
        producer.send("amicale.giving", value=b"%d" % number, key=b"k", partition=0).get(timeout=10)
    producer.close(timeout=2)
    client = broker.broker.consumer("tests")
    try:
        client.assign([place])
        client.seek(place, 3)  # what a client that did not know would go on from
        watching.begin()
        watching.assigned(client)
        deadline, found = time.monotonic() + 5, []
        while not found and time.monotonic() < deadline:
            found = [int(each.value) for each in client.poll(timeout_ms=200).get(place, [])]
        return found
    finally:
        client.close(autocommit=False, timeout_ms=500)


def test_on_a_replaced_broker_every_partition_is_read_from_its_beginning(
    courier: Courier, broker: EmbeddedBroker
) -> None:
    assert heard_on_another_broker(courier, broker) == [0, 1, 2, 3, 4]


def test_control_without_the_cluster_id_it_goes_on_from_old_positions(
    courier: Courier, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch.Watch, "begin", lambda self: None)

    assert heard_on_another_broker(courier, broker) == [3, 4]
