"""The worker: everything a service does besides answering, in one process that stops when told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from shared import dead_letters, heartbeats
from shared.heartbeats import Heartbeat
from tests.support.broker import EmbeddedBroker, free_port
from tests.support.courier import Courier, launched, service
from tests.support.postgres import Server

ROOT = Path(__file__).parent.parent.parent
CONSUMERS = """
from shared.errors import Refused
from shared.inbox import hears
from shared.messages import CampaignLaunched
from tests.support.courier import note

@hears(CampaignLaunched)
def launched(session, message):
    if message.goal_minor == 666:
        raise Refused
    note(session, message)
"""
SCHEDULE = """
from sqlalchemy import text
from shared.jobs import every
from {name}.models import Transaction

@every(0.1)
def tick(at):
    with Transaction() as session:
        session.execute(text("insert into effects (key, counter) values ('tick', 0)"))
"""


@pytest.fixture(scope="module")
def working(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courier]:
    root = tmp_path_factory.mktemp("worker")
    with service(postgres, root, "worked_service", consumers=CONSUMERS, schedule=SCHEDULE) as courier:
        yield courier


def environment(courier: Courier, servers: str) -> dict[str, str]:
    root = Path(sys.modules[courier.name].__file__ or "").parent.parent
    return os.environ | {
        "PYTHONPATH": f"{ROOT}:{root}",
        "DATABASE_URL": courier.at.app_url,
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "PUBLIC_URL": "http://127.0.0.1",
        "DIRECTORY_URL": "http://127.0.0.1:1",
        "LINK_KEY": "k" * 32,
    }


class Process:
    """`python -m shared.worker` of a service, as the supervisor starts it."""

    def __init__(self, courier: Courier, broker: EmbeddedBroker) -> None:
        self.numbers = f"http://127.0.0.1:{(port := free_port())}/metrics"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shared.worker", courier.name],
            env=environment(courier, broker.address) | {"WORKER_PORT": str(port)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def stop(self) -> tuple[float, str]:
        """SIGTERM; the seconds it took to end, and what it had said."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        output = self.process.communicate(timeout=10)[0].decode()
        return time.monotonic() - began, output


@pytest.fixture
def process(working: Courier, broker: EmbeddedBroker) -> Iterator[Process]:
    working.empty()
    started = Process(working, broker)
    yield started
    started.process.kill()
    started.process.wait(10)


def eventually(holds, *, within_s: float = 25) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def reasons(courier: Courier) -> list[str]:
    with courier.transaction() as session:
        return heartbeats.not_ready(session, datetime.now(UTC))


def test_what_is_said_is_carried_and_heard_jobs_run_and_it_stops_in_time(
    working: Courier, process: Process
) -> None:
    assert reasons(working) == ["no worker is running"]
    key = uuid4()
    working.say(launched(1, key), launched(666, key), launched(2, key))

    eventually(lambda: working.one("select count(*) from held_messages") == 1)
    eventually(lambda: reasons(working) == [])
    assert working.one("select count(*) from effects where key = 'tick'") > 3

    with working.transaction() as session:
        (letter,) = dead_letters.letters(session)
        dead_letters.discard(session, letter.id, reason="a test", by=None, at=datetime.now(UTC))
    eventually(lambda: working.one("select count(*) from effects where key = :key", key=str(key)) == 2)

    state = working.one("select state from heartbeats")
    assert state["relay"]["published"] == 3
    assert state["consumer"]["dead"] == 1
    told = httpx.get(process.numbers).text
    assert "amicale_relay_published_total 3.0" in told and "amicale_dead_letters_total{" in told
    assert set(state["jobs"]) == {"tick", "keep", "partitions", "sign_audit_head", "replay_dead_letters"}
    took_s, output = process.stop()
    assert process.process.returncode == 0, output
    assert took_s < 8, output
    assert "Traceback" not in output


def test_it_stops_in_time_when_nobody_answers(
    working: Courier, process: Process, broker: EmbeddedBroker
) -> None:
    eventually(lambda: working.one("select count(*) from heartbeats") == 1)
    broker.freeze()
    working.say(launched())
    time.sleep(1)

    took_s, output = process.stop()

    assert took_s < 8, output
    assert working.unpublished() == 1


LONG = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


@pytest.mark.parametrize(
    ("consumer", "relay", "words"),
    [
        ({}, {}, []),
        ({"joined": False}, {}, ["has not joined"]),
        ({"stopped": "20 dead letters in a row"}, {}, ["20 dead letters"]),
        ({"ill_since": LONG}, {}, ["over 60 s"]),
        ({"ill_since": SOON}, {"trouble": "gone", "trouble_since": SOON}, []),
        ({}, {"trouble": "gone", "trouble_since": LONG}, ["relay: gone"]),
        ({}, {"oldest_s": 61}, ["over 60 s"]),
    ],
)
def test_a_part_in_trouble_makes_its_service_not_ready(
    consumer: dict[str, object], relay: dict[str, object], words: list[str]
) -> None:
    now = datetime.now(UTC)
    state = {"consumer": {"joined": True} | consumer, "relay": relay}

    troubles = Heartbeat("w", now, now, state).troubles(now)

    assert len(troubles) == len(words)
    assert all(word in trouble for word, trouble in zip(words, troubles, strict=True))


def test_a_silent_worker_is_no_worker(courier: Courier) -> None:
    now = datetime.now(UTC)
    with courier.transaction() as session:
        heartbeats.beat(session, "a", started_at=now, state={}, at=now)
        assert heartbeats.not_ready(session, now) == []
        assert heartbeats.not_ready(session, now + timedelta(seconds=11)) == ["no worker is running"]

        heartbeats.beat(session, "b", started_at=now, state={}, at=now + timedelta(hours=2))
        assert [each.worker for each in heartbeats.heartbeats(session)] == ["b"]


def test_what_was_said_can_be_said_again_by_a_command(working: Courier) -> None:
    working.empty()
    working.say(launched(1), launched(2), launched(3))
    working.rows("update outbox set published_at = now() - interval '20 days'")
    working.rows("update outbox set published_at = now() where position = 3")

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "shared.republish", working.name, *arguments],
            env=environment(working, "127.0.0.1:1"), cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert command() == f"{working.name}: 1 facts and 0 cards are published again\n"
    assert working.unpublished() == 1
    command("--since", "2020-01-01")
    assert working.unpublished() == 3
