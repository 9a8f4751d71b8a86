"""notify for the tests: its database, settings, a mail server with a script, and facts to hear."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notify import comparison_parts, gifts
from services.notify.connectors.civicrm import api
from services.notify.mailer import Mailer
from services.notify.models import Transaction, database
from services.notify.settings import NotifySettings, use
from tests.support import crm_changes, facts
from tests.support.civicrm import Crm, civicrm
from tests.support.postgres import Server, ServiceDatabase, service_database
from tests.support.smtp import Scripted

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def notify_database(postgres: Server) -> ServiceDatabase:
    """The migrated database of notify."""
    return service_database(postgres, "services.notify")


@pytest.fixture(autouse=True)
def _empty(notify_database: ServiceDatabase) -> Iterator[None]:
    use(told(notify_database.app_url))
    database.connect(notify_database.app_url)
    notify_database.empty()
    yield


@pytest.fixture
def smtp() -> Iterator[Scripted]:
    """A mail server that answers as it is told."""
    with Scripted() as server:
        yield server


@pytest.fixture
def line(smtp: Scripted, settings: NotifySettings) -> Iterator[Mailer]:
    """A mailer that talks to the scripted server."""
    by = Mailer(smtp.url)
    yield by
    by.hang_up()


@pytest.fixture
def settings(notify_database: ServiceDatabase) -> NotifySettings:
    """Settings of a process of notify."""
    return told(notify_database.app_url)


@pytest.fixture
def demo(settings: NotifySettings) -> NotifySettings:
    """Settings that let a CRM be on this machine."""
    return use(told(settings.database_url, demo=True))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    """The sandbox's CRM."""
    with civicrm(tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture
def crm(demo: NotifySettings, running: Crm, monkeypatch: pytest.MonkeyPatch) -> Crm:
    """A CRM that is empty and told of everything from now on; its patience costs no time."""
    monkeypatch.setattr(api, "sleep", lambda seconds: None)
    running.empty()
    running.subscription_id = crm_changes.connect(running, demo)
    return running


@pytest.fixture
def small(monkeypatch):
    """Parts so small that a comparison has many."""
    monkeypatch.setattr(comparison_parts, "PARTIES_PART", 2)
    monkeypatch.setattr(comparison_parts, "RECORDS_PART", 3)


def told(database_url: str, **values: Any) -> NotifySettings:
    """Settings for tests; `values` replace single ones."""
    return NotifySettings(
        **{
            "service": "notify",
            "public_url": "https://amicale.test",
            "database_url": database_url,
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "directory_url": "http://127.0.0.1:1",
            "link_key": "k" * 32,
            "message_key": "m" * 32,
            "smtp_url": "smtp://127.0.0.1:1",
            "email_from": "Université de Valmont <amicale@valmont.test>",
            **values,
        }
    )


def queued_for(settings: NotifySettings, *addresses: str) -> None:
    """Thanks for a gift wait to be sent to each of these."""
    with Transaction() as session:
        for address in addresses:
            gifts.settled(
                session, facts.settled(facts.contact(email=address)), settings=settings, at=facts.NOW
            )
