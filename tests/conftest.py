"""Fixtures that every test may ask for."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support import broker as broker_support
from tests.support import postgres as postgres_support
from tests.support.stack import stack  # noqa: F401 the session's fixture


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say what must stay in one process when there are several (`-n 2`), before xdist reads it.

    Together stay the tests of one file, which share what it set up, and those that use the one stack.
    """
    item.add_marker(pytest.mark.xdist_group(_group(item)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest, so that no process waits for it at the end."""
    items.sort(key=lambda item: _group(item) not in LONG)


LONG = {"stack", "tests/chaos/test_gifts.py", "tests/deploy/test_stack.py", "tests/chaos/test_courier.py"}


def _group(item: pytest.Item) -> str:
    uses_the_stack = "stack" in getattr(item, "fixturenames", ())
    return "stack" if uses_the_stack else item.nodeid.partition("::")[0]


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


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[broker_support.EmbeddedBroker]:
    """A broker of the test's own with every topic made, on a free port; it is up in a fifth of a second."""
    with broker_support.running(tmp_path) as embedded:
        yield embedded
