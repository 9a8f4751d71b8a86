"""A database of events, emptied before each test that asks for it, reached as the app's role."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.events import settings as events_settings
from services.events.app import create_app
from services.events.models import database
from services.events.settings import EventsSettings
from tests.support.postgres import Server, ServiceDatabase, service_database
from tests.support.tokens import bearer, trust

GUEST = {"given_name": "Claire", "family_name": "Lemoine", "email": "claire@example.org"}


@pytest.fixture(scope="session")
def events_database(postgres: Server) -> ServiceDatabase:
    """The migrated database of events, for the whole run."""
    return service_database(postgres, "services.events")


@pytest.fixture(scope="session")
def events_settings_of_the_run(events_database: ServiceDatabase) -> EventsSettings:
    """What events is told."""
    return EventsSettings(
        service="events",
        public_url="http://127.0.0.1:8080",
        demo=True,
        database_url=events_database.app_url,
        kafka_bootstrap_servers="127.0.0.1:9",
        directory_url="http://127.0.0.1:9",
        link_key="l" * 43,
        email_key="e" * 43,
        message_key="m" * 43,
    )


@pytest.fixture
def events(
    events_database: ServiceDatabase, events_settings_of_the_run: EventsSettings
) -> Iterator[EventsSettings]:
    """The settings of events, its database empty and connected."""
    database.connect(events_database.app_url, pool_size=10)
    events_database.empty()
    yield events_settings.use(events_settings_of_the_run)
    database.dispose()


@pytest.fixture(scope="session")
def app_of_the_run(events_settings_of_the_run: EventsSettings) -> Flask:
    """The application of events, made once."""
    return create_app(events_settings_of_the_run)


@pytest.fixture
def app(events: EventsSettings, app_of_the_run: Flask) -> Flask:
    """The application of events."""
    trust(app_of_the_run)
    return app_of_the_run


@dataclass
class Hall:
    """Events as the outside sees it: its HTTP interface, and the rows behind it."""

    client: FlaskClient
    data: ServiceDatabase

    def owner(self) -> psycopg.Connection[Any]:
        """The database as its owner, to take a guard away."""
        return psycopg.connect(self.data.owner_url, autocommit=True)

    def ask(self, event_id: UUID | str, *, key: str = "", headers: Any = None, **wish: Any) -> Any:
        """The answer to a registration, each from an address of its own."""
        told = {"event_id": str(event_id), **GUEST, **wish}
        sent = {"Idempotency-Key": key or str(uuid4()), **(headers or {})}
        sent.setdefault("X-Forwarded-For", f"10.{uuid4().int % 250}.{uuid4().int % 250}.{uuid4().int % 250}")
        told = {name: value for name, value in told.items() if value is not None}
        return self.client.application.test_client().post(
            "/api/v1/events/registrations", json=told, headers=sent
        )

    def register(self, event_id: UUID | str, **wish: Any) -> dict[str, Any]:
        """Seats, taken as a guest."""
        answer = self.ask(event_id, **wish)
        assert answer.status_code == 201, answer.json
        made: dict[str, Any] = answer.json
        return made

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with self.owner() as owner:
            return owner.execute(statement, values).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def hall(app: Flask, events_database: ServiceDatabase) -> Hall:
    """Events with nothing in it."""
    return Hall(app.test_client(), events_database)


@pytest.fixture
def staff(app: Flask) -> Any:
    """Staff who run events."""
    headers = bearer(rights=["events.read", "events.manage"])

    def ask(method: str, path: str, wish: Any = None, **more: str) -> Any:
        keys = {"Idempotency-Key": str(uuid4())} if method == "post" else {}
        client = app.test_client()
        return getattr(client, method)(f"/api/v1/events{path}", json=wish, headers=headers | keys | more)

    return ask
