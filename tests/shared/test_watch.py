"""What a consumer sees of its partitions while one of them has no broker that leads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from shared.catch_up import CatchUp
from shared.kafka import TopicPartition
from shared.messages import Message, PersonCard
from shared.relay import Relay
from shared.watch import Watch
from tests.support.broker import EmbeddedBroker
from tests.support.courier import Courier, launched


def carry(courier: Courier, broker: EmbeddedBroker, *messages: Message) -> None:
    """Say messages and have them on the broker."""
    courier.say(*messages)
    relay = Relay(courier.database.engine, broker.broker)
    while courier.unpublished():
        relay.step()
    relay.close()


@contextmanager
def reading(broker: EmbeddedBroker, *places: TopicPartition) -> Iterator[Any]:
    """A client that reads these partitions."""
    client = broker.broker.consumer("tests")
    client.assign(places)
    try:
        yield client
    finally:
        client.close(autocommit=False, timeout_ms=500)


@contextmanager
def without_a_leader(client: Any, *places: TopicPartition) -> Iterator[None]:
    """What a client hears of its brokers while these partitions have none that leads them."""
    known = client._cluster.leader_for_partition
    client._cluster.leader_for_partition = lambda place: -1 if place in places else known(place)
    yield
    client._cluster.leader_for_partition = known


def test_a_partition_without_a_leader_keeps_no_other_from_being_looked_at(
    courier: Courier, broker: EmbeddedBroker
) -> None:
    first, second = TopicPartition("amicale.giving", 0), TopicPartition("amicale.giving", 1)
    carry(courier, broker, *(launched(counter) for counter in range(40)))
    watch = Watch(broker.broker)
    watch.begin()

    with reading(broker, first, second) as client:
        client.seek_to_beginning(first, second)
        while not all(client.highwater(each) for each in (first, second)):
            client.poll(timeout_ms=100)
        client.seek_to_beginning(first, second)
        whole = watch.look(client, ())
        with without_a_leader(client, first):
            with pytest.raises(KeyError):  # what the client itself says
                client.end_offsets([first, second])
            some = watch.look(client, ())
            with without_a_leader(client, second):
                none = watch.look(client, ())

    assert whole == some == none  # what was fetched tells how much there is
    assert whole[0] == 2 and whole[1] > 0


def test_a_replica_waits_for_a_partition_that_has_no_leader(courier: Courier, broker: EmbeddedBroker) -> None:
    carry(courier, broker, *(PersonCard(person_id=uuid4(), version=1) for _ in range(40)))
    first, second = TopicPartition("amicale.people", 0), TopicPartition("amicale.people", 1)
    catch_up = CatchUp()

    with reading(broker, first, second) as client:
        client.seek_to_beginning(first, second)
        client.poll(timeout_ms=100)
        with without_a_leader(client, first):
            catch_up.begin(client)
            client.seek(first, 0)
            client.seek(second, 1_000)
            assert catch_up.going_on(client)
        assert catch_up.going_on(client)
        client.seek(first, 1_000)
        assert not catch_up.going_on(client)
