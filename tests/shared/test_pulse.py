"""The worker's own door says whether its heart beats."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.docker import health
from shared import pulse
from shared.pulse import Pulse
from tests.support.broker import free_port


@pytest.fixture
def door() -> Iterator[tuple[Pulse, int]]:
    port, heart = free_port(), Pulse()
    server = heart.open("127.0.0.1", port)
    yield heart, port
    server.shutdown()
    server.server_close()


def test_a_heart_that_beats_is_alive_and_tells_what_was_counted(door: tuple[Pulse, int]) -> None:
    _, port = door

    assert health.main(str(port)) == 0
    assert "python_info" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 404


def test_a_heart_that_stands_still_is_not(door: tuple[Pulse, int], monkeypatch: pytest.MonkeyPatch) -> None:
    heart, port = door
    monkeypatch.setattr(pulse, "STILL_S", -1.0)
    assert health.main(str(port)) == 1

    monkeypatch.setattr(pulse, "STILL_S", 30.0)
    heart.beat()
    assert health.main(str(port)) == 0


def test_nobody_at_the_door_is_not_well() -> None:
    assert health.main(str(free_port())) == 1
