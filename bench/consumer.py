"""P6: the consumer (inbox row and effect) against bare psycopg loops of the same two inserts, interleaved.

    python -m bench.consumer [rounds] [apache]

On the embedded broker, or on Apache Kafka where Java and Maven are there.
"""

import json
import sys
import threading
import time
from uuid import UUID, uuid4

import psycopg

from bench.ground import Ground, ground, median, rate
from shared.consumer import Consumer
from shared.db import uuid7
from shared.inbox import Inbox
from shared.outbox import row
from tests.support.courier import launched, note

MESSAGES = 10_000


def main(rounds: str = "3", kind: str = "embedded") -> None:
    """Measure and print."""
    ours: list[float] = []
    by_hundred: list[float] = []
    one_by_one: list[float] = []
    with ground(apache=kind == "apache") as here:
        print(f"broker: {kind}", flush=True)
        for number in range(int(rounds)):
            one_by_one.append(bare(here, MESSAGES // 5, together=1))
            by_hundred.append(bare(here, MESSAGES, together=100))
            ours.append(consumer(here))
            print(
                f"  round {number + 1}: bare by 1 {one_by_one[-1]:,.0f}/s, by 100 {by_hundred[-1]:,.0f}/s, "
                f"consumer {ours[-1]:,.0f}/s",
                flush=True,
            )
    share = median([each / floor for each, floor in zip(ours, by_hundred, strict=True)])
    print(
        f"P6 consumer: {median(ours):,.0f}/s (goal ≥ 2,000), bare psycopg {median(by_hundred):,.0f}/s by 100 "
        f"and {median(one_by_one):,.0f}/s one by one; ratio to the former {share:.0%}"
    )


def bare(here: Ground, count: int, *, together: int) -> float:
    """Inbox row and effect, a statement each, so many to a transaction; no Kafka, no parsing."""
    here.courier.empty()
    ids = [uuid7() for _ in range(count)]
    with psycopg.connect(here.courier.at.app_url) as connection:

        def work() -> None:
            for begin in range(0, count, together):
                for message_id in ids[begin : begin + together]:
                    insert(connection, message_id)
                connection.commit()

        return rate(count, work)


def insert(connection: psycopg.Connection[tuple[object, ...]], message_id: UUID) -> None:
    """The two rows of one message."""
    connection.execute(
        "insert into inbox (consumer, message_id, type) values ('bare', %s, 'campaign.launched') "
        "on conflict do nothing returning message_id",
        (message_id,),
    ).fetchone()
    connection.execute("insert into effects (key, counter, message_id) values ('k', 1, %s)", (message_id,))


def consumer(here: Ground) -> float:
    """The consumer of the worker, from the first message handled to the last."""
    here.courier.empty()
    here.broker.empty()
    fill(here)
    inbox = Inbox("measured", {"campaign.launched": note}, here.courier.transaction)
    hearing = Consumer(inbox, here.broker.broker)
    stopping = threading.Event()
    thread = threading.Thread(target=hearing.run, args=(stopping,))
    thread.start()
    while hearing.state["handled"] == 0:
        time.sleep(0.002)
    before, began = hearing.state["handled"], time.perf_counter()
    while hearing.state["handled"] < MESSAGES:
        time.sleep(0.005)
    found = (MESSAGES - before) / (time.perf_counter() - began)
    stopping.set()
    thread.join(10)
    assert here.courier.one("select count(*) from effects") == MESSAGES
    return found


def fill(here: Ground) -> None:
    """The messages of one round, on the broker."""
    producer = here.broker.broker.producer()
    keys = [uuid4() for _ in range(500)]
    futures = []
    for number in range(MESSAGES):
        values = row(launched(number, keys[number % 500]))
        headers = [(name, each.encode()) for name, each in json.loads(values["headers"] or "{}").items()]
        key, value = str(keys[number % 500]).encode(), (values["payload"] or "").encode()
        futures.append(producer.send("amicale.giving", key=key, value=value, headers=headers))
    for future in futures:
        future.get(timeout=60)
    producer.close(timeout=5)


if __name__ == "__main__":
    main(*sys.argv[1:])
