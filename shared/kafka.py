"""Kafka: the only import of kafka-python, and where its traps are fenced in.

Clients are made lazily, in the thread that uses them (constructors block, a consumer belongs to one
thread, nothing survives a fork). `python -m shared.kafka topics` makes the topics of
deploy/kafka/topics.yml on the broker that the environment names.
"""

import logging
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ConfigResource, ResourcePattern, ResourceType
from kafka.errors import (
    AuthorizationError,
    CommitFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    KafkaTimeoutError,
    TopicAlreadyExistsError,
)
from kafka.structs import OffsetAndMetadata

from shared.settings import Process, Settings

__all__ = [
    "Broker",
    "CommitFailedError",
    "ConsumerRebalanceListener",
    "KafkaError",
    "KafkaSettings",
    "KafkaTimeoutError",
    "Topic",
    "TopicPartition",
    "TopicsRefused",
    "commit_by_value",
    "discard",
    "topics",
]

TOPICS = Path(__file__).parent.parent / "deploy" / "kafka" / "topics.yml"
CLIENT = {
    "reconnect_backoff_max_ms": 500,
    "bootstrap_timeout_ms": 5_000,
    "request_timeout_ms": 15_000,
}
PRODUCER = CLIENT | {
    "acks": "all",
    "enable_idempotence": True,
    "batch_size": 131_072,
    "max_request_size": 1_048_576,
    # An idempotent producer never sends again after one batch has expired: let none expire.
    "delivery_timeout_ms": 3_600_000,
    "max_block_ms": 5_000,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}
CONSUMER = CLIENT | {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    # A poll returns all that was fetched (shared/consumer.py says why), so little is fetched at once.
    "max_partition_fetch_bytes": 262_144,
    "fetch_max_bytes": 1_048_576,
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 2_000,
    # How long a group waits for a member that was killed while it joined.
    "max_poll_interval_ms": 30_000,
    "fetch_max_wait_ms": 50,
    # A member that joins a broker just started may be given nothing, for want of what its topics are; it asks
    # anew, and joins again, when it hears of them.
    "metadata_max_age_ms": 10_000,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


@dataclass(frozen=True, kw_only=True)
class KafkaSettings(Process):
    """What `python -m shared.kafka topics` needs to know."""

    public_url: str = ""
    kafka_bootstrap_servers: str
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = ""
    kafka_sasl_username: str = ""
    kafka_sasl_password: str = field(default="", repr=False)
    kafka_ssl_cafile: str = ""
    kafka_replication: int = 0


@dataclass(frozen=True)
class Topic:
    """One topic as deploy/kafka/topics.yml declares it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    writer: str
    readers: tuple[str, ...]


class TopicsRefused(KafkaError):  # type: ignore[misc]
    """The broker did not do all that topics, their settings and rights need; its text says what, to whom."""


class Broker:
    """Where Kafka is and how it is spoken to; makes clients, holds none."""

    def __init__(self, servers: str, **security: Any) -> None:
        self.servers = servers
        self._options: dict[str, Any] = {"bootstrap_servers": servers.split(","), **security}

    @classmethod
    def of(cls, settings: Settings | KafkaSettings) -> "Broker":
        """The broker that the settings name, with their way of signing in."""
        security = {
            "security_protocol": settings.kafka_security_protocol,
            "sasl_mechanism": settings.kafka_sasl_mechanism or None,
            "sasl_plain_username": settings.kafka_sasl_username or None,
            "sasl_plain_password": settings.kafka_sasl_password or None,
            "ssl_cafile": settings.kafka_ssl_cafile or None,
        }
        return cls(settings.kafka_bootstrap_servers, **security)

    def producer(self, **changes: Any) -> Any:
        """A new idempotent producer; KafkaError when nobody answers within 5 s."""
        return KafkaProducer(**PRODUCER, **self._options, **changes)

    def consumer(self, group: str | None, **changes: Any) -> Any:
        """A new consumer, not subscribed yet; it belongs to the thread that made it."""
        return KafkaConsumer(group_id=group, **CONSUMER, **self._options, **changes)

    def cluster(self) -> tuple[str, set[str]]:
        """(id that the cluster gives itself, topics that are there): another id means that all was lost."""
        admin = self._admin()
        try:
            return str(admin.describe_cluster()["cluster_id"]), set(admin.list_topics())
        finally:
            admin.close()

    def apply_topics(self, *, replication: int = 0, rights: bool = False) -> list[str]:
        """Make the topics that are missing; their names. Those that are there get the settings declared.

        Partitions of topics that are there stay as they are. With `rights`, each topic's writer and
        readers are granted theirs, on a broker that asks who is calling. TopicsRefused when it did not do all
        of it: who calls needs Create and Alter on the cluster, and AlterConfigs on its topics.
        """
        admin = self._admin()
        try:
            there = set(admin.list_topics())
            missing = [topic for topic in topics() if topic.name not in there]
            for topic in missing:
                with suppress(TopicAlreadyExistsError), self._refused("Create on the cluster"):
                    admin.create_topics({topic.name: _options(topic, replication)}, wait_for_metadata=True)
            with self._refused("AlterConfigs on the topics"):
                _align(admin, [topic for topic in topics() if topic.name in there])
            if rights:
                with self._refused("Alter on the cluster"):
                    _grant(admin, [right for topic in topics() for right in _rights(topic)])
            return [topic.name for topic in missing]
        finally:
            admin.close()

    @contextmanager
    def _refused(self, needed: str) -> Iterator[None]:
        """Say whom the broker refused something, and what they lack."""
        try:
            yield
        except (AuthorizationError, TopicsRefused) as error:
            login = self._options.get("sasl_plain_username") or "a caller without a login"
            said = error.args[0] if error.args else type(error).__name__
            raise TopicsRefused(f"Kafka refuses {login} what takes {needed}: {said}") from None

    def _admin(self) -> Any:
        return KafkaAdminClient(**CLIENT, **self._options)


def topics() -> list[Topic]:
    """What deploy/kafka/topics.yml declares."""
    told = yaml.safe_load(TOPICS.read_text(encoding="utf-8"))
    base = told["defaults"]
    return [
        Topic(
            name=name,
            partitions=each.get("partitions", base["partitions"]),
            replication=base["replication"],
            config={key: str(value) for key, value in (base["config"] | told["kinds"][each["kind"]]).items()},
            writer=each["writer"],
            readers=tuple(each["readers"]),
        )
        for name, each in told["topics"].items()
    ]


def commit_by_value(consumer: Any, offsets: dict[TopicPartition, int], *, timeout_s: float = 5) -> None:
    """Commit these next offsets and no others.

    `commit()` without arguments stores what was polled, handled or not, and is never used.
    """
    values = {each: OffsetAndMetadata(offset, "", -1) for each, offset in offsets.items()}
    consumer.commit(values, timeout_ms=int(timeout_s * 1000))


def ends(consumer: Any, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The end of each of these partitions that has a leader; of one without, nobody knows it now.

    `end_offsets` raises KeyError when some of them have none, and asks until its time is up when none has.
    """
    led = [place for place in places if consumer._cluster.leader_for_partition(place) not in (None, -1)]
    try:
        return dict(consumer.end_offsets(led)) if led else {}
    except KeyError:  # one of them lost its leader meanwhile
        return {}


def leave(consumer: Any, *, joining: bool) -> None:
    """Close a consumer; one that still joins its group goes without a word.

    The embedded broker never ends a join whose member said meanwhile that it leaves: no other can join until
    it is started again. A silent member is let go after its session.
    """
    if joining:
        consumer._coordinator.reset_generation()
    consumer.close(autocommit=False, timeout_ms=1_000)


def discard(producer: Any) -> None:
    """Throw a producer away with all it still holds, at once.

    `close(timeout=0)` raises while batches are pending, then leaves the sender running for ever and
    raises once more when the producer is collected: so it is ended by its parts.
    """
    with suppress(KafkaError):
        producer.close(timeout=0)
    with suppress(Exception):
        producer._sender.force_close()
    producer._closed = True


def _options(topic: Topic, replication: int) -> dict[str, Any]:
    return {
        "num_partitions": topic.partitions,
        "replication_factor": replication or topic.replication,
        "configs": _config(topic, replication or topic.replication),
    }


def _config(topic: Topic, copies: int) -> dict[str, str]:
    """Its settings; where three keep each message, two must have it before it is acknowledged."""
    return topic.config | ({"min.insync.replicas": "2"} if copies >= 3 else {})


def _align(admin: Any, there: list[Topic]) -> None:
    """Give topics that are there the settings declared, where the broker lets them be changed."""
    if not there:
        return
    with suppress(IncompatibleBrokerVersion):  # the embedded one: its topics are always new
        found = admin.describe_topics([topic.name for topic in there])
        copies = {each["name"]: len(each["partitions"][0]["replica_nodes"]) for each in found}
        told = admin.alter_configs(
            [ConfigResource("topic", each.name, _config(each, copies[each.name])) for each in there],
            raise_on_unknown=False,
        )
        if refused := [said for names in told.values() for said in names.values() if said != "OK"]:
            raise TopicsRefused(refused[0])


def _grant(admin: Any, rights: list[ACL]) -> None:
    if refused := admin.create_acls(rights)["failed"]:
        raise refused[0]


def _rights(topic: Topic) -> list[ACL]:
    """The writer may write; readers may read, each in the group of its own name."""
    place = ResourcePattern(ResourceType.TOPIC, topic.name)
    found = [_right(topic.writer, ACLOperation.WRITE, place)]
    for reader in topic.readers:
        found.append(_right(reader, ACLOperation.READ, place))
        found.append(_right(reader, ACLOperation.READ, ResourcePattern(ResourceType.GROUP, reader)))
    return found


def _right(service: str, operation: ACLOperation, place: ResourcePattern) -> ACL:
    return ACL(f"User:{service}", "*", operation, ACLPermissionType.ALLOW, place)


def main(arguments: list[str]) -> int:
    """The command: `topics`."""
    if arguments != ["topics"]:
        print("usage: python -m shared.kafka topics", file=sys.stderr)
        return 2
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = KafkaSettings.from_env("kafka")
    rights = bool(settings.kafka_sasl_mechanism)
    try:
        made = Broker.of(settings).apply_topics(replication=settings.kafka_replication, rights=rights)
    except TopicsRefused as refused:
        print(refused.args[0], file=sys.stderr)
        return 1
    print(f"topics: {len(made)} made, {len(topics()) - len(made)} there already")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
