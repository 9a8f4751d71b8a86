"""What the courier's chaos stands on."""

from collections.abc import Iterator

import pytest

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
