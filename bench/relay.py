"""P5: the relay against the tuned bare producer, in one interleaved run.

    python -m bench.relay [rounds] [apache]

On the embedded broker, or on Apache Kafka where Java and Maven are there.

Drain: rows of about 500 bytes with our headers, written beforehand. Latency: 500 facts a second through a
worker in a process of its own; from the return of the writer's commit to the commit of the handler's effect.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psutil
from sqlalchemy import text

from bench.ground import Ground, ground, median, percentile, rate
from shared.outbox import INSERT, publish, row
from shared.relay import Relay
from tests.support.courier import launched

ROWS = 20_000
PER_S, FOR_S = 500, 12
ROOT = Path(__file__).parent.parent
CONSUMERS = """
from shared.inbox import hears
from shared.messages import CampaignLaunched
from tests.support.courier import note

@hears(CampaignLaunched)
def launched(session, message):
    note(session, message)
"""


def main(rounds: str = "3", kind: str = "embedded") -> None:
    """Measure and print."""
    with ground(apache=kind == "apache", consumers=CONSUMERS) as here:
        print(f"broker: {kind}", flush=True)
        drain(here, int(rounds))
        latency(here, goal="15 / 40" if kind == "apache" else "50 / 150")


def drain(here: Ground, rounds: int) -> None:
    """Rows a second: the bare producer and the relay, one after the other, again and again."""
    bare_rates: list[float] = []
    relay_rates: list[float] = []
    for number in range(rounds):
        here.broker.empty()
        bare_rates.append(bare(here))
        here.courier.empty()
        fill(here)
        here.broker.empty()
        relay_rates.append(relay(here))
        print(
            f"  round {number + 1}: bare {bare_rates[-1]:,.0f}/s, relay {relay_rates[-1]:,.0f}/s", flush=True
        )
    share = median([ours / floor for ours, floor in zip(relay_rates, bare_rates, strict=True)])
    print(
        f"P5 drain: relay {median(relay_rates):,.0f}/s, tuned bare producer {median(bare_rates):,.0f}/s, "
        f"ratio {share:.0%} (goal ≥ 55 %)"
    )


def bare(here: Ground) -> float:
    """The producer with the relay's settings, the same records, every future awaited."""
    values = row(launched(slug="x" * 200))
    headers = [(name, each.encode()) for name, each in json.loads(values["headers"] or "{}").items()]
    keys, value = [str(uuid4()).encode() for _ in range(500)], (values["payload"] or "").encode()
    producer = here.broker.broker.producer()
    producer.partitions_for("amicale.giving")

    def work() -> None:
        futures = [
            producer.send("amicale.giving", key=keys[number % 500], value=value, headers=headers)
            for number in range(ROWS)
        ]
        for future in futures:
            assert future.get(timeout=60).offset >= 0

    found = rate(ROWS, work)
    producer.close(timeout=5)
    return found


def fill(here: Ground) -> None:
    """The rows of one round, unpublished."""
    keys = [uuid4() for _ in range(500)]
    with here.courier.transaction() as session:
        for begin in range(0, ROWS, 1_000):
            session.execute(
                INSERT,
                [row(launched(slug="x" * 200, key=keys[n % 500])) for n in range(begin, begin + 1_000)],
            )
    with here.courier.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze outbox"))


def relay(here: Ground) -> float:
    """The relay, its producer open, until nothing waits."""
    relay = Relay(here.courier.database.engine, here.broker.broker)
    here.courier.rows("delete from relay_state")
    with here.courier.database.engine.begin() as connection:
        relay._ready(connection)

    def work() -> None:
        while relay.step():
            pass

    found = rate(ROWS, work)
    assert here.courier.unpublished() == 0
    relay.close()
    return found


def latency(here: Ground, *, goal: str) -> None:
    """Commit → handled, and the memory of the worker."""
    here.courier.empty()
    here.broker.empty()
    worker = start_worker(here)
    try:
        committed = say_steadily(here)
        while here.courier.one("select count(*) from effects") < len(committed):
            time.sleep(0.2)
        took = [
            (found.at - committed[found.message_id]).total_seconds() * 1000
            for found in here.courier.rows(
                "select message_id, pg_xact_commit_timestamp(xmin) as at from effects"
            )
            if found.message_id in committed
        ]
        memory_mb = psutil.Process(worker.pid).memory_full_info().pss / 1e6
        print(
            f"P5 commit → handled at {PER_S}/s: p50 {percentile(took, 0.5):.0f} ms, "
            f"p99 {percentile(took, 0.99):.0f} ms (goal {goal}), n={len(took)}; "
            f"worker {memory_mb:.0f} MB PSS (goal ≤ 100)"
        )
    finally:
        worker.terminate()
        worker.wait(10)


def start_worker(here: Ground) -> subprocess.Popen[bytes]:
    """`python -m shared.worker` of the measured service, joined and at work."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}:{here.root}",
        "DATABASE_URL": here.courier.at.app_url,
        "KAFKA_BOOTSTRAP_SERVERS": here.broker.address,
        "PUBLIC_URL": "http://127.0.0.1",
        "DIRECTORY_URL": "http://127.0.0.1:1",
        "LINK_KEY": "k" * 32,
        "LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "shared.worker", here.courier.name]
    worker = subprocess.Popen(command, env=environment, cwd=ROOT)
    here.courier.say(launched())
    while here.courier.one("select count(*) from effects") < 1:
        time.sleep(0.2)
    here.courier.rows("truncate effects")
    return worker


def say_steadily(here: Ground) -> dict[UUID, datetime]:
    """Facts at an even pace; when each was committed, by the database's own clock on this machine."""
    committed: dict[UUID, datetime] = {}
    keys = [uuid4() for _ in range(500)]
    began = time.perf_counter()
    for number in range(PER_S * FOR_S):
        wait_s = began + number / PER_S - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        with here.courier.transaction() as session:
            message_id = publish(session, launched(slug="x" * 200, key=keys[number % 500]))
        committed[message_id] = datetime.now(UTC)
    return committed


if __name__ == "__main__":
    main(*sys.argv[1:])
