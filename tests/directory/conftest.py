"""The directory on a real database, as its app role, with settings of its own."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.directory import accounts, cards, people, sessions, tokens
from services.directory import settings as directory_settings
from services.directory.models import Transaction, database
from tests.support.postgres import Server, ServiceDatabase, service_database

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def directory_database(postgres: Server) -> Iterator[ServiceDatabase]:
    yield service_database(postgres, "services.directory")
    database.dispose()


@pytest.fixture(scope="session")
def told(directory_database: ServiceDatabase) -> directory_settings.DirectorySettings:
    """Settings as production would tell them."""
    return directory_settings.DirectorySettings(
        service="directory",
        public_url="https://alumni.example.org",
        database_url=directory_database.app_url,
        kafka_bootstrap_servers="127.0.0.1:1",
        directory_url="http://127.0.0.1:1",
        link_key="k" * 40,
        message_key="m" * 40,
        email_key="e" * 40,
        token_private_key=json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
    )


@pytest.fixture(autouse=True)
def clean(directory_database: ServiceDatabase, told: directory_settings.DirectorySettings) -> None:
    """Each test begins with an empty directory."""
    directory_settings.use(told)
    database.connect(told.database_url)
    directory_database.empty()


@pytest.fixture
def session() -> Iterator[Session]:
    """One transaction, committed at the end of the test."""
    with Transaction() as opened:
        yield opened


@pytest.fixture(scope="session")
def app(told: directory_settings.DirectorySettings):
    from services.directory.app import create_app

    return create_app(told)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def officer(told):
    """`officer("people.read", …)`: headers of somebody signed in with these rights and a second factor."""
    return lambda *rights: signed_in(told, *rights)[1]


def signed_in(told, *rights, person_id=None):
    """(person id, headers) of a new session with these rights; of a new person unless one is given."""
    at = datetime.now(UTC)
    with Transaction() as session:
        if person_id is None:
            person_id = people.add(session, by=None, at=at, given_name="Ada", family_name="Officer").id
        email = f"{person_id}@example.org"
        account = accounts.open_account(session, cards.whole(session, person_id), email=email, at=at)
        account.password_hash = "set elsewhere"
        accounts.grant(session, account.id, rights=rights, by=None, at=at)
        opened = sessions._open(session, account, method="totp", device=None, address=None, at=at)
        issued = tokens.issue(session, opened["secret"], at=at)
    return person_id, {"Authorization": f"Bearer {issued['token']}"}


def said(session: Session, type_name: str) -> list[dict]:
    """The messages of a type in the outbox, oldest first: their public part, `contact` beside it."""
    rows = session.execute(
        text("select key, payload, contact, headers from outbox where type = :type order by position"),
        {"type": type_name},
    ).all()
    return [
        {
            "key": row.key,
            "headers": row.headers,
            "contact": json.loads(row.contact) if row.contact else None,
            **(json.loads(row.payload) if row.payload else {"tombstone": True}),
        }
        for row in rows
    ]
