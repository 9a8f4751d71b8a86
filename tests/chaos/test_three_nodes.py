"""Three nodes of Apache Kafka, each message on all three, one node killed at each phase: nothing is lost.

A topic whose messages stand on one node alone is the control: what that node held does not come.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.consumer import Consumer
from shared.inbox import Inbox
from shared.kafka import topics
from shared.relay import Relay
from tests.support import apache_kafka
from tests.support.apache_kafka import ApacheKafka
from tests.support.courier import Courier, note
from tests.support.scale import sized
from tests.support.writer import Writer, by_key, settle, thread_of

pytestmark = [pytest.mark.chaos, pytest.mark.full, pytest.mark.timeout(1800)]

MESSAGES = sized(10_000)
TOPIC = "amicale.giving"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[ApacheKafka]:
    if reason := apache_kafka.missing():
        pytest.skip(reason)
    with apache_kafka.running(tmp_path / "kafka", nodes=3) as running:
        yield running


def leader_of(kafka: ApacheKafka, partition: int = 0) -> int:
    """The node that takes the messages of a partition now."""
    admin = kafka.broker._admin()
    try:
        (topic,) = admin.describe_topics([TOPIC])
        return int(topic["partitions"][partition]["leader_id"])
    finally:
        admin.close()


def controller_of(kafka: ApacheKafka) -> int:
    """The node that decides who leads."""
    admin = kafka.broker._admin()
    try:
        return int(admin.describe_cluster()["controller_id"])
    finally:
        admin.close()


def in_step(kafka: ApacheKafka) -> bool:
    """Whether every node holds every message of every topic again."""
    admin = kafka.broker._admin()
    try:
        found = admin.describe_topics([each.name for each in topics()])
        return all(len(place["isr_nodes"]) == 3 for topic in found for place in topic["partitions"])
    except Exception:  # who leads is being decided
        return False
    finally:
        admin.close()


def patiently(holds: Callable[[], bool], *, within_s: float = 120) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.5)


def killed_and_back(kafka: ApacheKafka, number: int, *, away_s: float) -> None:
    """kill -9; some time later it is back, with what it had, and catches up."""
    print(f"node {number} is killed")
    kafka.kill(number)
    time.sleep(away_s)
    kafka.start()
    patiently(lambda: in_step(kafka))


def test_a_node_may_be_killed_at_each_phase(courier: Courier, nodes: ApacheKafka) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    random.seed(seed)
    writer = Writer(courier, MESSAGES, pause_s=0.008)
    inbox = Inbox("chaos", {"campaign.launched": note}, courier.transaction)
    relay, consumer = Relay(courier.database.engine, nodes.broker), Consumer(inbox, nodes.broker)

    killed_and_back(nodes, 1, away_s=1)  # before anything is said
    with thread_of(writer.run), thread_of(relay.run):
        killed_and_back(nodes, leader_of(nodes), away_s=5)  # the leader, while messages are produced
        with thread_of(consumer.run):
            killed_and_back(nodes, controller_of(nodes), away_s=5)  # while they are consumed
            for partition in range(3):  # whoever leads what, the group's coordinator among them
                killed_and_back(nodes, leader_of(nodes, partition), away_s=2)
            writer.ended.wait(600)
            settle(courier, writer, within_s=300, still_s=60)

    assert by_key(courier) == writer.expected()


def test_control_with_one_copy_of_each_message_what_a_node_held_does_not_come(
    courier: Courier, nodes: ApacheKafka
) -> None:
    admin = nodes.broker._admin()
    admin.delete_topics([each.name for each in topics()])
    admin.close()
    time.sleep(3)
    nodes.broker.apply_topics(replication=1)
    writer = Writer(courier, 600, pause_s=0)
    relay = Relay(courier.database.engine, nodes.broker, patience_s=10)
    with thread_of(writer.run), thread_of(relay.run):
        writer.ended.wait(60)
        patiently(lambda: courier.unpublished() == 0)
    nodes.kill(leader_of(nodes))

    inbox = Inbox("chaos", {"campaign.launched": note}, courier.transaction)
    with thread_of(Consumer(inbox, nodes.broker).run):
        settle(courier, writer, within_s=60, still_s=30)

    assert 0 <= sum(map(len, by_key(courier).values())) < sum(writer.said.values())
