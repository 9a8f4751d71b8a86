"""What tests of the kit share: a small service with routes, and one whose messages are carried."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from tests.support.courier import Courier, service
from tests.support.postgres import Server, ServiceDatabase, service_database
from tests.support.small.app import create_app, settings
from tests.support.tokens import LiveRightsOfTests, trust


@pytest.fixture(autouse=True)
def every_level_is_logged() -> Iterator[None]:
    """Whatever level a service that ran before in this process was told to log."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    yield
    structlog.configure(wrapper_class=before)


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
