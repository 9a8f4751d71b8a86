"""The consumer's watch: how far it is behind, whether a partition is stuck, whether the broker is the same.

What it finds goes with the worker's heartbeat; shared/health.py tells the lag of all workers together.
"""

import time
from collections.abc import Container
from typing import Any

from shared import kafka
from shared.kafka import Broker, TopicPartition

STUCK_S = 60.0


class ConsumerStuck(Exception):
    """Messages wait in a partition that is not paused, and none has come for a minute."""


class BrokerReplaced(Exception):
    """The broker is another one: positions of the one before mean nothing on it."""


class Watch:
    """What one consumer has to know of its broker and of its own progress."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._cluster_id: str | None = None
        self._replaced = False
        self._rewound: set[TopicPartition] = set()
        self._moved: dict[TopicPartition, tuple[int, float]] = {}

    def begin(self) -> None:
        """A new client is made: note which broker it will speak to."""
        cluster_id, _ = self.broker.cluster()
        if self._cluster_id is not None and cluster_id != self._cluster_id:
            self._replaced = True
            self._rewound.clear()
        self._cluster_id = cluster_id

    def assigned(self, client: Any) -> bool:
        """Partitions were assigned: on a replaced broker each is read from its beginning; whether any is.

        Offsets of the broker before may have been stored on it while nobody knew; what was handled is
        ignored when it comes again.
        """
        self._moved.clear()
        places = client.assignment() - self._rewound if self._replaced else set()
        if places:
            client.seek_to_beginning(*places)
            self._rewound |= places
        return bool(places)

    def look(self, client: Any, paused: Container[TopicPartition]) -> tuple[int, int]:
        """(partitions, lag). BrokerReplaced or ConsumerStuck when the client is to be made anew."""
        if self.broker.cluster()[0] != self._cluster_id:
            raise BrokerReplaced
        mine, lag = client.assignment(), 0
        ends = kafka.ends(client, mine)
        for place in mine:
            position = client.position(place, timeout_ms=2_000) or 0
            # The embedded broker's end offsets are too low; what was fetched knows better.
            behind = max(ends.get(place, 0), client.highwater(place) or 0) - position
            lag += max(0, behind)
            self._progress(place, position, waits=behind > 0 and place in ends and place not in paused)
        return len(mine), lag

    def _progress(self, place: TopicPartition, position: int, *, waits: bool) -> None:
        now = time.monotonic()
        before, since = self._moved.get(place, (-1, now))
        if position != before or not waits:
            since = now
        self._moved[place] = (position, since)
        if now - since > STUCK_S:
            raise ConsumerStuck
