"""The relay: carries the outbox to Kafka, one batch a transaction, in the order of positions.

Lock, read and mark share one transaction: whoever loses the connection loses the marks, and the rows
are sent again (the inbox ignores what it has). A batch is marked only when the broker has
acknowledged every row of it. On any doubt the producer is thrown away: the idempotent producer of
kafka-python never sends again after one batch has expired.

Metrics: `amicale_relay_published_total`, `amicale_relay_doubts_total`, `amicale_relay_republished_total`.
"""

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import Any

from prometheus_client import Counter
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from shared import kafka
from shared.envelope import joined
from shared.kafka import Broker, KafkaTimeoutError
from shared.outbox import REPUBLISHED_AGAIN, Cards, OutboxState, outbox_state, republish
from shared.telemetry import log

BATCH = 3_000
PATIENCE_S = 60.0
BUSY_POLL_S, IDLE_POLL_S = 0.002, 0.05
BACKOFF_MAX_S = 5.0
CLUSTER_CHECK_S = 10.0
STOP_S = 1.0
# How deploy/local names its broker.
IN_MEMORY = "amicale-"

PUBLISHED = Counter("amicale_relay_published_total", "Rows acknowledged by the broker and marked.")
DOUBTS = Counter("amicale_relay_doubts_total", "Batches rolled back because the broker or database failed.")
REPUBLISHED = Counter("amicale_relay_republished_total", "Rows said again after the broker was emptied.")


class BrokerDoubtful(Exception):
    """The broker did not acknowledge every row of a batch; nothing of it is marked."""


class Relay:
    """One relay of one service's outbox. Any number may run; a lock in the database lets one work."""

    def __init__(
        self, engine: Engine, broker: Broker, *, cards: Cards | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self.engine = engine
        self.broker = broker
        self.cards = cards
        self.patience_s = patience_s
        self.state: dict[str, Any] = {
            "working": False, "published": 0, "doubts": 0, "trouble": None, "trouble_since": None,
            "unpublished": 0, "oldest_s": 0.0, "cluster_id": None,
        }  # fmt: skip
        self._producer: Any = None
        self._known_topics: set[str] = set()
        self._checked_at = 0.0
        self._stopping = Event()
        self._stop_by = 0.0

    def run(self, stopping: Event) -> None:
        """Relay until told to stop; every failure is backed off from and tried again."""
        self._stopping = stopping
        pause_s, failures = BUSY_POLL_S, 0
        while not stopping.wait(pause_s):
            try:
                sent = self.step()
                failures = 0
                pause_s = BUSY_POLL_S if sent else min(pause_s * 1.3, IDLE_POLL_S)
            except Exception as error:  # whatever it is, the rows are unmarked and are sent again
                failures += 1
                self._doubt(error)
                pause_s = backoff_s(failures)
        self.close()

    def step(self) -> int:
        """Send and mark one batch; how many rows. 0 when nothing waits or another relay works."""
        if not self._due():
            return 0
        with self.engine.begin() as connection:
            self.state["working"] = bool(connection.execute(_LOCK).scalar_one())
            if not self.state["working"]:
                return 0
            self._ready(connection)
            rows = connection.execute(_READ, {"most": BATCH}).all()
            if rows:
                self._send(rows)
                connection.execute(_MARK, marking(rows))
        self.state.update(trouble=None, trouble_since=None, published=self.state["published"] + len(rows))
        PUBLISHED.inc(len(rows))
        return len(rows)

    def close(self) -> None:
        """Let go of the producer and whatever it still holds; the rows are still unmarked."""
        if self._producer is not None:
            kafka.discard(self._producer)
            self._producer = None

    def watch(self, session: Session) -> OutboxState:
        """What waits in the outbox, for the heartbeat."""
        waiting = outbox_state(session)
        self.state["unpublished"], self.state["oldest_s"] = (
            waiting.unpublished,
            waiting.age_s(datetime.now(UTC)),
        )
        return waiting

    def _due(self) -> bool:
        """Whether there is anything to do, asked in one round trip without a transaction."""
        if self._producer is None or time.monotonic() - self._checked_at > CLUSTER_CHECK_S:
            return True
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return bool(connection.execute(_ANY).scalar_one())

    def _ready(self, connection: Connection) -> None:
        """Have a producer that speaks to the cluster that relay_state names, now and then asked again."""
        if self._producer is not None and time.monotonic() - self._checked_at < CLUSTER_CHECK_S:
            return
        cluster_id, self._known_topics = self.broker.cluster()
        self._compare(connection, cluster_id)
        if self._producer is None:
            self._producer = self.broker.producer()
        self._checked_at, self.state["cluster_id"] = time.monotonic(), cluster_id

    def _compare(self, connection: Connection, cluster_id: str) -> None:
        """When this is another cluster than the last time, say again what the old one had."""
        known = connection.execute(_CLUSTER).scalar()
        if known == cluster_id:
            return
        connection.execute(_KEEP_CLUSTER, {"cluster_id": cluster_id})
        if known is None:
            return
        self.close()
        with Session(connection, join_transaction_mode="rollback_only") as session:
            since = datetime.now(UTC) - REPUBLISHED_AGAIN
            facts, cards = republish(session, since=since, cards=self.cards)
            session.flush()
        REPUBLISHED.inc(facts + cards)
        if in_memory(known) and in_memory(cluster_id) and self.state["cluster_id"] is None:
            log.info("broker began anew: saying again", facts=facts, cards=cards)
        else:
            log.warning("broker was emptied: saying again", facts=facts, cards=cards, cluster_id=cluster_id)

    def _send(self, rows: Sequence[Any]) -> None:
        """Hand the batch to the broker and wait for every acknowledgement, never without a limit."""
        missing = {row.topic for row in rows} - self._known_topics
        if missing:
            # A broker may acknowledge what is sent to a topic that nobody made.
            self._checked_at = 0.0
            raise BrokerDoubtful(f"no topic {', '.join(sorted(missing))}")
        send = self._producer.send
        futures = [
            send(row.topic, key=row.key.encode(), value=value_of(row), headers=_headers(row)) for row in rows
        ]
        deadline = time.monotonic() + self.patience_s
        for future in futures:
            self._await(future, deadline)

    def _await(self, future: Any, deadline: float) -> None:
        while not future.is_done:
            if time.monotonic() > deadline or self._stopped_long_ago():
                raise BrokerDoubtful("not acknowledged in time")
            with suppress(KafkaTimeoutError):
                future.get(timeout=0.2)
        if future.failed():
            raise future.exception
        if future.value.offset < 0:
            raise BrokerDoubtful("acknowledged without an offset")

    def _stopped_long_ago(self) -> bool:
        """Told to stop, and the acknowledgements in flight had their moment to come."""
        if not self._stopping.is_set():
            return False
        self._stop_by = self._stop_by or time.monotonic() + STOP_S
        return time.monotonic() > self._stop_by

    def _doubt(self, error: Exception) -> None:
        self.close()
        since = self.state["trouble_since"] or datetime.now(UTC).isoformat()
        told = str(error) if isinstance(error, BrokerDoubtful) else type(error).__name__
        self.state.update(trouble=told, trouble_since=since, doubts=self.state["doubts"] + 1)
        DOUBTS.inc()
        if not self._stopping.is_set():
            log.warning("relay in doubt", reason=told)


def marking(rows: Sequence[Any]) -> dict[str, Any]:
    """The parameters of _MARK for a batch that was read together."""
    return {"positions": [row.position for row in rows], "at": rows[-1].taken_at}


def value_of(row: Any) -> bytes | None:
    """The record's value: the public part with the personal part joined to it; None is a tombstone."""
    value = joined(row.payload, row.contact)
    return None if value is None else value.encode()


def in_memory(cluster_id: str) -> bool:
    """Whether this is a broker of `make run`, which begins anew with the stack: nothing that went wrong."""
    return cluster_id.startswith(IN_MEMORY)


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling to 5 s, with jitter."""
    return float(min(BACKOFF_MAX_S, 0.1 * 2 ** min(failures, 10)) * random.uniform(0.5, 1))


def _headers(row: Any) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in row.headers.items()]


_ANY = text("select exists (select 1 from outbox where published_at is null)")
_LOCK = text("select pg_try_advisory_xact_lock(hashtext('amicale.relay'))")
_READ = text("""
    select position, topic, key, headers, payload, contact, clock_timestamp() as taken_at from outbox
    where published_at is null order by position limit :most
""")
# Published when it was handed to the broker: it may have been heard by the time that it is marked.
# Positions are named one by one: a range would mark rows that became visible after the read.
_MARK = text("""
    update outbox set published_at = :at
    where position = any(cast(:positions as bigint[])) and published_at is null
""")
_CLUSTER = text("select cluster_id from relay_state")
_KEEP_CLUSTER = text("""
    insert into relay_state (one, cluster_id) values (1, :cluster_id)
    on conflict (one) do update set cluster_id = excluded.cluster_id, since = now()
""")
