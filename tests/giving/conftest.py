"""A giving database, emptied before each test that asks for it, reached as the app's role."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from services.giving import settings as giving_settings
from services.giving.app import create_app
from services.giving.models import database
from services.giving.settings import GivingSettings
from tests.giving import world
from tests.support import provider as provider_support
from tests.support.postgres import Server, ServiceDatabase, service_database
from tests.support.provider import Provider
from tests.support.tokens import LiveRightsOfTests, bearer, trust

LINK_KEY = "l" * 43
WEBHOOK_SECRET = "whsec_test"


@pytest.fixture(scope="session")
def giving_database(postgres: Server) -> ServiceDatabase:
    """The migrated database of giving, for the whole run."""
    return service_database(postgres, "services.giving")


@pytest.fixture(scope="session")
def giving_settings_of_the_run(
    giving_database: ServiceDatabase, tmp_path_factory: pytest.TempPathFactory
) -> GivingSettings:
    accounts = [
        {
            "account": entity,
            "entity": entity,
            "api_key": "sk_test_1",
            "webhook_secrets": [WEBHOOK_SECRET],
            "api_base": "http://127.0.0.1:9",
        }
        for entity in ("fondation", "amicale")
    ]
    path: Path = tmp_path_factory.mktemp("giving") / "accounts.json"
    path.write_text(json.dumps(accounts))
    return GivingSettings(
        service="giving",
        public_url="http://127.0.0.1:8080",
        demo=True,
        database_url=giving_database.app_url,
        kafka_bootstrap_servers="127.0.0.1:9",
        directory_url="http://127.0.0.1:9",
        link_key=LINK_KEY,
        email_key="e" * 43,
        message_key="m" * 43,
        provider_accounts_file=str(path),
    )


@pytest.fixture
def giving(
    giving_database: ServiceDatabase, giving_settings_of_the_run: GivingSettings
) -> Iterator[GivingSettings]:
    """Giving's settings, its database empty and connected."""
    database.connect(giving_database.app_url, pool_size=10)
    giving_database.empty()
    giving_settings.use(giving_settings_of_the_run)
    yield giving_settings_of_the_run
    database.dispose()


@pytest.fixture(scope="session")
def app_of_the_run(giving_settings_of_the_run: GivingSettings) -> Flask:
    """Giving's application, made once."""
    return create_app(giving_settings_of_the_run)


@pytest.fixture
def app(giving: GivingSettings, app_of_the_run: Flask) -> Flask:
    """Giving's application, without a provider behind it."""
    trust(app_of_the_run)
    return app_of_the_run


@dataclass
class School:
    """Giving as the outside sees it: its HTTP interface, and the provider that posts webhooks to it."""

    client: FlaskClient
    provider: Provider
    live: LiveRightsOfTests
    data: ServiceDatabase

    def owner(self) -> psycopg.Connection[Any]:
        """The database as its owner, to take a guard away."""
        return psycopg.connect(self.data.owner_url, autocommit=True)

    def silence(self, account: str) -> None:
        """The provider of this account answers no more; those of the others do."""
        told = giving_settings.current()
        entries = json.loads(Path(told.provider_accounts_file).read_text())
        entries = [
            each | ({"api_base": "http://127.0.0.1:9"} if each["account"] == account else {})
            for each in entries
        ]
        path = self.provider.folder / "silenced-accounts.json"
        path.write_text(json.dumps(entries))
        giving_settings.use(replace(told, provider_accounts_file=str(path)))

    def give(
        self, campaign_id: UUID, amount_minor: int = 5000, *, key: str = "", **wish: Any
    ) -> dict[str, Any]:
        """Begin a gift as a guest."""
        told = {"campaign_id": str(campaign_id), "amount_minor": amount_minor, **world.GUEST, **wish}
        headers = {"Idempotency-Key": key or str(uuid4())}
        answer = self.client.post("/api/v1/giving/donations", json=told, headers=headers)
        assert answer.status_code == 201, answer.json
        assert answer.json is not None
        return answer.json

    def given(self, campaign_id: UUID, amount_minor: int = 5000, **wish: Any) -> dict[str, Any]:
        """A gift that was paid and settled."""
        begun = self.give(campaign_id, amount_minor, **wish)
        self.provider.pay(begun["checkout_url"])
        self.provider.settle()
        return begun


@pytest.fixture
def school(
    giving: GivingSettings, app_of_the_run: Flask, giving_database: ServiceDatabase, tmp_path: Path
) -> Iterator[School]:
    """Giving and the provider, wired to each other, with nothing in them."""
    clients: list[FlaskClient] = []

    def deliver(url: str, body: bytes, headers: dict[str, str]) -> int:
        path = urlsplit(url).path
        return clients[0].application.test_client().post(path, data=body, headers=headers).status_code

    entries = [provider_support.entry(name) for name in ("fondation", "amicale")]
    with provider_support.provider(tmp_path, entries, deliver=deliver) as provider:
        giving_settings.use(replace(giving, provider_accounts_file=provider.accounts_file))
        clients.append(app_of_the_run.test_client())
        yield School(clients[0], provider, trust(app_of_the_run), giving_database)


@pytest.fixture
def staff(app: Flask) -> Callable[..., TestResponse]:
    """Staff who run campaigns, asking giving about one."""
    headers = bearer(rights=["giving.manage", "giving.read"])

    def ask(method: str, path: str, wish: Any = None, **more: str) -> TestResponse:
        keys = {"Idempotency-Key": str(uuid4())} if method == "post" else {}
        told = {"json": wish, "headers": headers | keys | more}
        return app.test_client().open(f"/api/v1/giving/campaigns{path}", method=method.upper(), **told)

    return ask


@pytest.fixture
def tax_rate(giving: GivingSettings) -> None:
    """The rate that the first migration brings, which emptying the tables took away."""
    with database.transaction() as session:
        session.execute(
            text(
                "insert into tax_rates (regime, from_on, rate_percent, ceiling_percent, source, review_on)"
                " values ('income_tax', '2005-01-01', 66, 20, 'CGI, art. 200, 1', '2027-03-01')"
            )
        )
