"""What tests of the kit share: a small service with routes, and one whose messages are carried."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.courier import Courier, service
from tests.support.postgres import Server, ServiceDatabase, service_database
from tests.support.small.app import create_app, settings
from tests.support.tokens import LiveRightsOfTests, trust


@pytest.fixture(scope="session")
def courier_service(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courier]:
    with service(postgres, tmp_path_factory.mktemp("courier"), "courier_service") as courier:
        yield courier


@pytest.fixture
def courier(courier_service: Courier) -> Courier:
    """The service whose messages are carried, without a row."""
    courier_service.empty()
    return courier_service


@pytest.fixture(scope="session")
def small_database(postgres: Server) -> ServiceDatabase:
    return service_database(postgres, "tests.support.small")


@pytest.fixture
def small(small_database: ServiceDatabase) -> Iterator[Flask]:
    """The small service's application on an empty database; it accepts the tokens of tests/support/tokens."""
    small_database.empty()
    app = create_app(settings(small_database.app_url))
    app.config["LIVE"] = trust(app)
    yield app


@pytest.fixture
def live(small: Flask) -> LiveRightsOfTests:
    found: LiveRightsOfTests = small.config["LIVE"]
    return found


@pytest.fixture
def client(small: Flask) -> FlaskClient:
    return small.test_client()
