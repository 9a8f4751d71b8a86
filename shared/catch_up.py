"""Whether a replica has read all that was there when it began; until then its service is not ready."""

from typing import Any

from shared import kafka
from shared.kafka import TopicPartition
from shared.messages import by_type


class CatchUp:
    """How far a consumer that has no stored offset has to read in the topics of versioned state."""

    def __init__(self) -> None:
        self._targets: dict[TopicPartition, int | None] = {}

    def begin(self, consumer: Any) -> None:
        """Note the ends, as they are now, of the partitions that are read from their beginning."""
        topics = {message.topic for message in by_type.values() if message.versioned}
        places = [place for place in consumer.assignment() if place.topic in topics]
        new = [place for place in places if consumer.committed(place, timeout_ms=2_000) is None]
        self._targets = dict.fromkeys(new)
        self._find_ends(consumer)

    def going_on(self, consumer: Any) -> bool:
        """Whether something of what was there at the beginning is not handled yet."""
        assigned = consumer.assignment()
        self._targets = {place: end for place, end in self._targets.items() if place in assigned}
        self._find_ends(consumer)
        self._targets = {
            place: end
            for place, end in self._targets.items()
            if end is None or (consumer.position(place, timeout_ms=2_000) or 0) < end
        }
        return bool(self._targets)

    def _find_ends(self, consumer: Any) -> None:
        """Note the ends that are not known yet; that of a partition without a leader once it has one."""
        unknown = [place for place, end in self._targets.items() if end is None]
        for place, end in kafka.ends(consumer, unknown).items():
            # The embedded broker's end offsets are too low; what was fetched knows better.
            self._targets[place] = max(end, consumer.highwater(place) or 0)
