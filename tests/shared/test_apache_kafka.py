"""The same courier on Apache Kafka itself: what is said is heard, topics and rights are as declared."""

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared import kafka as kafka_of_amicale
from shared.consumer import Consumer
from shared.inbox import Inbox
from shared.kafka import Broker, ConfigResource, KafkaError, TopicsRefused
from shared.relay import Relay
from tests.support import apache_kafka
from tests.support.apache_kafka import ApacheKafka
from tests.support.courier import Courier, launched, note

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    if reason := apache_kafka.missing():
        pytest.skip(reason)
    with apache_kafka.running(tmp_path_factory.mktemp("kafka"), signs_in=True) as running:
        yield running


def eventually(holds, *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def test_what_is_said_is_heard_in_order_through_a_restart(courier: Courier, kafka: ApacheKafka) -> None:
    stopping = threading.Event()
    inbox = Inbox("notify", {"campaign.launched": note}, courier.transaction)
    consumer = Consumer(inbox, kafka.as_user("notify"))
    relay = Relay(courier.database.engine, kafka.as_user("giving"), patience_s=10)
    threads = [threading.Thread(target=each.run, args=(stopping,), daemon=True) for each in (relay, consumer)]
    key = uuid4()
    for thread in threads:
        thread.start()
    try:
        courier.say(*(launched(counter, key) for counter in range(200)))
        eventually(lambda: len(courier.effects()) == 200)
        kafka.kill()
        courier.say(*(launched(counter, key) for counter in range(200, 300)))
        kafka.start()
        eventually(lambda: len(courier.effects()) == 300, within_s=60)
    finally:
        stopping.set()
        for thread in threads:
            thread.join(10)

    assert [counter for _, counter in courier.effects()] == list(range(300))


def test_a_topic_takes_its_writer_and_no_other(kafka: ApacheKafka) -> None:
    producer = kafka.as_user("notify").producer()
    try:
        with pytest.raises(KafkaError):
            producer.send("amicale.giving", key=b"k", value=b"{}").get(timeout=10)
    finally:
        producer.close(timeout=1)


def test_cards_are_read_by_their_readers_in_their_own_group(kafka: ApacheKafka) -> None:
    stranger = kafka.as_user("giving").consumer("notify")
    try:
        stranger.subscribe(["amicale.people"])
        with pytest.raises(KafkaError):
            for _ in range(20):
                stranger.poll(timeout_ms=500)
    finally:
        stranger.close(autocommit=False, timeout_ms=500)


def test_settings_of_topics_that_are_there_are_brought_in_line(kafka: ApacheKafka) -> None:
    def settings(**changed: str) -> dict[str, str]:
        admin = kafka.broker._admin()
        if changed:
            admin.alter_configs([ConfigResource("topic", "amicale.people", changed)])
        resource = ConfigResource("topic", "amicale.people")
        found = admin.describe_configs([resource], config_filter="all")["topic"]["amicale.people"]
        admin.close()
        return {name: each["value"] for name, each in found.items()}

    settings(**{"max.compaction.lag.ms": "5"})

    assert kafka.broker.apply_topics() == []
    assert settings()["max.compaction.lag.ms"] == "604800000"
    assert settings()["cleanup.policy"] == "compact"


def test_who_may_not_set_topics_is_told_what_they_lack(kafka: ApacheKafka) -> None:
    with pytest.raises(TopicsRefused, match="Kafka refuses giving what takes AlterConfigs on the topics"):
        kafka.as_user("giving").apply_topics(rights=True)


@pytest.mark.parametrize(
    ("lacked", "named"),
    [("_align", "AlterConfigs on the topics"), ("_grant", "Alter on the cluster")],
)
def test_settings_and_rights_that_are_refused_end_the_command(
    kafka: ApacheKafka,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lacked: str,
    named: str,
) -> None:
    """The administrator, but for one act, that a service tries."""
    act, stranger = getattr(kafka_of_amicale, lacked), kafka.as_user("giving")._admin()
    monkeypatch.setattr(kafka_of_amicale, lacked, lambda _, wanted: act(stranger, wanted))
    monkeypatch.setattr(Broker, "of", lambda _: kafka.broker)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.address)
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", "PLAIN")

    assert kafka_of_amicale.main(["topics"]) == 1

    said = capsys.readouterr()
    assert "Kafka refuses admin" in said.err and named in said.err and "uthorization" in said.err
    assert said.out == ""
    stranger.close()
