"""The stack that journeys go through: on the embedded broker and, at full size, on Apache Kafka too."""

from collections.abc import Iterator

import pytest

from tests.support import apache_kafka
from tests.support.stack import RunningStack, running_stack


@pytest.fixture(
    scope="session",
    params=["embedded", pytest.param("apache", marks=[pytest.mark.full, pytest.mark.chaos])],
)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack with the demo's data; the one of the whole session where the broker is embedded."""
    if request.param == "embedded":
        yield request.getfixturevalue("stack")
        return
    if reason := apache_kafka.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("on_apache")
    with (
        apache_kafka.running(folder / "kafka") as kafka,
        running_stack(folder / "data", KAFKA_BOOTSTRAP_SERVERS=kafka.address) as running,
    ):
        yield running
