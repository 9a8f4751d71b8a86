"""Fixtures that every test may ask for."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support import apache_kafka
from tests.support import broker as broker_support
from tests.support import postgres as postgres_support
from tests.support.apache_kafka import ApacheKafka
from tests.support.scale import SCALE
from tests.support.stack import stack  # noqa: F401 the session's fixture

LONG = {
    "tests/chaos/test_gifts.py",
    "tests/browser/test_console_pictures.py",
    "tests/deploy/test_stack.py",
    "tests/chaos/test_courier.py",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put first the files that take longest: of several processes (`-n 2`) none waits for them at the end.

    What is marked `full` is for `make chaos` alone.
    """
    if SCALE < 1:
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in LONG)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_support.Server]:
    """A real PostgreSQL server, for the whole run.

    Not under pytest's own folder: each run that starts there takes the right to enter it away from the
    server's user, other runs' servers included.
    """
    with TemporaryDirectory(prefix="amicale-postgres-") as folder:
        Path(folder).chmod(0o755)
        with postgres_support.server(Path(folder) / "data") as running:
            yield running


@pytest.fixture(params=["embedded", pytest.param("apache", marks=[pytest.mark.full, pytest.mark.chaos])])
def broker(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[broker_support.EmbeddedBroker | ApacheKafka]:
    """A broker of the test's own with every topic made, on a free port: the embedded one, which is up in a
    fifth of a second; at full size Apache Kafka too, which takes some.
    """
    if request.param == "embedded":
        with broker_support.running(tmp_path) as embedded:
            yield embedded
        return
    if reason := apache_kafka.missing():
        pytest.skip(reason)
    with apache_kafka.running(tmp_path / "kafka") as apache:
        yield apache
