"""What the courier's chaos stands on."""

import random
from collections.abc import Iterator

import pytest

from shared import kafka
from tests.support.courier import Courier, service
from tests.support.postgres import Server


@pytest.fixture(scope="module")
def mortal_service(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courier]:
    with service(postgres, tmp_path_factory.mktemp("chaos"), "mortal_service") as courier:
        yield courier


@pytest.fixture
def courier(mortal_service: Courier) -> Courier:
    """A service whose messages are carried, without a row."""
    mortal_service.empty()
    return mortal_service


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> int:
    """A seed, printed; and consumers that soon miss one that died."""
    number = random.randrange(1_000_000)
    print(f"seed {number}")
    random.seed(number)
    monkeypatch.setitem(kafka.CONSUMER, "session_timeout_ms", 1_500)
    monkeypatch.setitem(kafka.CONSUMER, "heartbeat_interval_ms", 300)
    return number
