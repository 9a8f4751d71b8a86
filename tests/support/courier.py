"""A service that has the kit's tables and one of its own, for tests of the courier."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import text

from shared.db import Database, uuid7
from shared.envelope import Envelope, joined
from shared.messages import CampaignLaunched, DonationSettled, Message
from shared.outbox import publish, row
from tests.support.postgres import Server, ServiceDatabase, service_database

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
FILES = {
    "__init__.py": "",
    "models/__init__.py": """
from shared import db
from shared.schema import service_metadata

class Base(db.Base):
    __abstract__ = True
    metadata = service_metadata()

database = db.Database("{name}")
Transaction = database.transaction
""",
    "migrations/0001_first.py": """
from alembic import op
from shared.schema import create_kit

revision = "0001"
down_revision = None

def upgrade():
    create_kit(op.get_bind())
    op.execute(
        "create table effects (number bigint generated always as identity primary key, key text not null,"
        " counter bigint not null, message_id uuid, at timestamptz not null default clock_timestamp())"
    )
    op.execute("create table aggregates (key text primary key, counter bigint not null)")
    op.execute("grant all on effects, aggregates to public")
""",
}


class Courier:
    """The service's database, and what tests do with it. `effects` is what its handlers did, in order."""

    def __init__(self, at: ServiceDatabase) -> None:
        self.at = at
        self.name = at.package
        self.database: Database = import_module(f"{at.package}.models").database
        self.database.connect(at.app_url)
        self.transaction = self.database.transaction

    def empty(self) -> None:
        """Take away every row."""
        self.at.empty()
        with psycopg.connect(self.at.owner_url, autocommit=True) as connection:
            connection.execute("truncate effects, aggregates restart identity")

    def say(self, *messages: Message, **options: Any) -> list[UUID]:
        """Publish messages in one transaction."""
        with self.transaction() as session:
            return [publish(session, message, **options) for message in messages]

    def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """What a statement answers."""
        with self.transaction() as session:
            result = session.execute(text(statement), values)
            return result.all() if result.returns_rows else []

    def one(self, statement: str, **values: Any) -> Any:
        """The only value that a statement answers."""
        return self.rows(statement, **values)[0][0]

    def effects(self) -> list[tuple[str, int]]:
        """(key, counter) of each effect, in the order they were written."""
        return [
            (found.key, found.counter)
            for found in self.rows("select key, counter from effects order by number")
        ]

    def unpublished(self) -> int:
        """How many outbox rows the broker has not acknowledged."""
        return int(self.one("select count(*) from outbox where published_at is null"))


def note(session: Any, message: Any) -> None:
    """A handler: the key and the counter of a message become an effect."""
    values = {"key": message.key_text, "counter": counter_of(message), "id": message.message_id}
    session.execute(_NOTE, values)


_NOTE = text("insert into effects (key, counter, message_id) values (:key, :counter, :id)")


def counter_of(message: Any) -> int:
    """The counter that `launched` and `settled` carry."""
    return int(message.goal_minor if isinstance(message, CampaignLaunched) else message.amount_minor)


def launched(counter: int = 1, key: UUID | None = None, **changes: Any) -> CampaignLaunched:
    """A message without personal data, with a counter in it."""
    values = {
        "campaign_id": key or uuid4(),
        "slug": "bourses",
        "title": {"fr": "Bourses", "en": "Grants"},
        "goal_minor": counter,
        "currency": "EUR",
        "launched_at": NOW,
    }
    return CampaignLaunched(**values | changes)


def settled(counter: int = 1, key: UUID | None = None, **changes: Any) -> DonationSettled:
    """A message with a contact, and a counter in it."""
    party = uuid4()
    values = {
        "donation_id": key or uuid4(),
        "party_id": party,
        "campaign_id": uuid4(),
        "campaign_slug": "bourses",
        "campaign_title": {"fr": "Bourses", "en": "Grants"},
        "entity_name": "Fondation de Valmont",
        "receiptable": True,
        "amount_minor": counter,
        "currency": "EUR",
        "settled_at": NOW,
        "contact": {"party_id": party, "email": "claire@example.org", "given_name": "Claire", "typed": True},
    }
    return DonationSettled(**values | changes)


def envelope(message: Message, *, offset: int = 0, message_id: UUID | None = None, **told: str) -> Envelope:
    """A message as a consumer gets it."""
    values = row(message)
    found = json.loads(values["headers"] or "{}") | told
    found["ce_id"] = str(message_id or uuid7())
    value = joined(values["payload"], values["contact"])
    return Envelope(message.topic, 0, offset, message.key_text, found, value)


@contextmanager
def service(at: Server, root: Path, name: str, **files: str) -> Iterator[Courier]:
    """A service `name` whose package is written under `root`; `files` (name=source) are added to it."""
    for path, content in (FILES | {f"{each}.py": source for each, source in files.items()}).items():
        target = root / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.replace("{name}", name))
    sys.path.insert(0, str(root))
    try:
        courier = Courier(service_database(at, name))
        yield courier
        courier.database.dispose()
    finally:
        sys.path.remove(str(root))
