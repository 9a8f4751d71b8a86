"""Several workers of one service share partitions and relay while they are killed: each effect comes once.

The workers are processes of their own (`python -m shared.worker`), so that a kill is one. Each kill and each
return is a rebalance. The sizes are those of CHAOS_SCALE; the seed is printed.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import EmbeddedBroker
from tests.support.courier import Courier, service
from tests.support.donor import eventually
from tests.support.postgres import Server
from tests.support.scale import sized
from tests.support.writer import Writer, by_key, settle, thread_of

pytestmark = [pytest.mark.chaos, pytest.mark.full, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parent.parent.parent
WORKERS, KILLS, MESSAGES = 3, sized(50, least=5), sized(10_000)
CONSUMERS = """
import time
from shared import kafka
from shared.consumer import Consumer
from shared.inbox import Inbox, hears
from shared.messages import CampaignLaunched
from tests.support.courier import note

kafka.CONSUMER.update(session_timeout_ms=1_500, heartbeat_interval_ms=300)
commit = Consumer._commit

def late(self, moved):
    time.sleep(0.03)
    commit(self, moved)

Consumer._commit = late

@hears(CampaignLaunched)
def launched(session, message):
    note(session, message)
"""
"""A kill often falls between an effect and its stored offset, which is when somebody else hears it again."""
FORGETFUL = """
Inbox._unheard = lambda self, session, envelopes: envelopes
"""


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def crowd(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courier]:
    with service(postgres, tmp_path_factory.mktemp("crowd"), "crowd_service", consumers=CONSUMERS) as courier:
        yield courier


@pytest.fixture(scope="module")
def forgetful(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courier]:
    """The same with the guard off: what was handled is not remembered."""
    root = tmp_path_factory.mktemp("forgetful")
    with service(postgres, root, "forgetful_service", consumers=CONSUMERS + FORGETFUL) as courier:
        yield courier


class Crowd:
    """So many workers of one service; who is killed is followed by another."""

    def __init__(self, courier: Courier, broker: EmbeddedBroker) -> None:
        root = Path(sys.modules[courier.name].__file__ or "").parent.parent
        self.command = [sys.executable, "-m", "shared.worker", courier.name]
        self.told = os.environ | {
            "PYTHONPATH": f"{ROOT}:{root}",
            "DATABASE_URL": courier.at.app_url,
            "KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "PUBLIC_URL": "http://127.0.0.1",
            "DIRECTORY_URL": "http://127.0.0.1:1",
            "LINK_KEY": "k" * 32,
            "LOG_LEVEL": "error",
        }
        self.living = [self._begin() for _ in range(WORKERS)]

    def _begin(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self.command, env=self.told, cwd=ROOT, stdout=subprocess.DEVNULL)

    def kill(self, number: int) -> None:
        """kill -9, and another in its place."""
        self.living[number].kill()
        self.living[number].wait()
        self.living[number] = self._begin()

    def end(self) -> None:
        for each in self.living:
            each.kill()
            each.wait()


def all_at_work(courier: Courier) -> bool:
    """Whether each worker has partitions: a kill before that would be no rebalance of theirs."""
    fresh = "select state from heartbeats where beat_at > clock_timestamp() - interval '3 seconds'"
    heard = [row[0]["consumer"] for row in courier.rows(fresh)]
    return sum(bool(each["joined"] and each["assigned"]) for each in heard) >= WORKERS


def killed_while_saying(
    courier: Courier, broker: EmbeddedBroker, dice: random.Random, *, kills: int, count: int
) -> Writer:
    """Messages are said while workers are killed in turn; when it is over, all that will be done is done."""
    courier.empty()
    writer, crowd = Writer(courier, count, pause_s=4 * kills / count), Crowd(courier, broker)
    try:
        with thread_of(writer.run):
            for number in range(kills):
                eventually(lambda: all_at_work(courier), within_s=60, every_s=0.2)
                time.sleep(dice.uniform(0, 1))
                crowd.kill(number % WORKERS)
            writer.ended.wait(300)
            settle(courier, writer, within_s=120, still_s=45)
    finally:
        crowd.end()
    return writer


def test_each_effect_comes_once_and_in_order_through_kills_and_rebalances(
    crowd: Courier, broker: EmbeddedBroker, dice: random.Random
) -> None:
    writer = killed_while_saying(crowd, broker, dice, kills=KILLS, count=MESSAGES)

    assert by_key(crowd) == writer.expected()


def test_control_without_memory_effects_are_doubled(
    forgetful: Courier, broker: EmbeddedBroker, dice: random.Random
) -> None:
    writer = killed_while_saying(forgetful, broker, dice, kills=5, count=1_000)

    assert sum(map(len, by_key(forgetful).values())) > sum(writer.said.values())
