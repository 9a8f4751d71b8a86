"""Topics are as deploy/kafka/topics.yml declares them, and every message has one of them."""

import os
import subprocess
import sys

from shared.kafka import Broker, topics
from shared.messages import by_type
from tests.support.broker import ONLY_EMBEDDED, EmbeddedBroker

DAY_MS = 86_400_000


def test_every_message_has_a_topic_with_a_writer() -> None:
    declared = {topic.name: topic for topic in topics()}

    assert {message.topic for message in by_type.values()} <= set(declared)
    assert all(topic.writer not in topic.readers for topic in declared.values())


def test_facts_are_kept_a_week_and_cards_for_good() -> None:
    declared = {topic.name: topic.config for topic in topics()}

    assert declared["amicale.giving"]["retention.ms"] == str(7 * DAY_MS)
    assert declared["amicale.giving"]["cleanup.policy"] == "delete"
    assert declared["amicale.people"]["cleanup.policy"] == "compact"
    assert declared["amicale.people"]["delete.retention.ms"] == str(30 * DAY_MS)
    assert all(int(config["max.message.bytes"]) == 256 * 1024 for config in declared.values())


@ONLY_EMBEDDED
def test_topics_are_made_once(broker: EmbeddedBroker) -> None:
    broker.kill()
    broker.start(topics=False)

    assert len(Broker(broker.address).apply_topics()) == len(topics())
    assert Broker(broker.address).apply_topics() == []
    assert broker.broker.cluster()[1] == {topic.name for topic in topics()}


@ONLY_EMBEDDED
def test_the_command_makes_them(broker: EmbeddedBroker) -> None:
    broker.kill()
    broker.start(topics=False)

    done = subprocess.run(
        [sys.executable, "-m", "shared.kafka", "topics"],
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker.address},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"topics: {len(topics())} made, 0 there already\n"
    assert done.stderr == ""


def test_an_emptied_broker_names_itself_anew(broker: EmbeddedBroker) -> None:
    before, _ = broker.broker.cluster()
    broker.empty()

    assert broker.broker.cluster()[0] != before
