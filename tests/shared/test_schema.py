"""The kit's tables: partitioned by the time in the id, and what is append-only is so for the app's role."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shared.db import uuid7
from tests.support.postgres import Server, ServiceDatabase, service_database

MODELS = """
from shared import db
from shared.schema import service_metadata

class Base(db.Base):
    __abstract__ = True
    metadata = service_metadata()
"""
MIGRATION = """
from alembic import op
from shared.schema import create_kit

revision = "0001"
down_revision = None

def upgrade():
    create_kit(op.get_bind())
"""


@pytest.fixture(scope="module")
def bare(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceDatabase]:
    """The database of a service that has the kit's tables and no others, in a path with a space."""
    root = tmp_path_factory.mktemp("a path")
    for name, text in {
        "__init__.py": "",
        "models/__init__.py": MODELS,
        "migrations/0001_first.py": MIGRATION,
    }.items():
        path: Path = root / "bare_service" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sys.path.insert(0, str(root))
    yield service_database(postgres, "bare_service")
    sys.path.remove(str(root))


def add(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute(
        "insert into outbox (id, topic, type, key, correlation_id, headers)"
        " values (%s, 't', 't', 'k', %s, '{}')",
        (uuid7(), uuid7()),
    )


def test_rows_find_the_partition_of_their_month(bare: ServiceDatabase) -> None:
    with psycopg.connect(bare.app_url) as connection:
        add(connection)

        (partition,) = connection.execute(
            "select distinct tableoid::regclass::text from outbox"
        ).fetchone() or ("",)

    assert str(partition).startswith("outbox_y2")


def test_partitions_are_made_ahead_once(bare: ServiceDatabase) -> None:
    with psycopg.connect(bare.app_url) as connection:
        assert connection.execute("select kit_make_partitions(3, 13)").fetchone() == (0,)
        assert connection.execute("select kit_make_partitions(5, 13)").fetchone() == (4,)


def test_old_partitions_go(bare: ServiceDatabase) -> None:
    with psycopg.connect(bare.owner_url) as connection:
        connection.execute(
            "create table outbox_y2020m01 partition of outbox for values from "
            "(kit_uuid7_floor('2020-01-01Z')) to (kit_uuid7_floor('2020-02-01Z'))"
        )
        connection.execute("select kit_make_partitions(3, 13)")

        assert connection.execute("select to_regclass('outbox_y2020m01')").fetchone() == (None,)
        assert connection.execute("select to_regclass('outbox') is null").fetchone() == (False,)


@pytest.mark.parametrize("statement", ["update audit_entries set action = 'x'", "delete from audit_entries"])
def test_the_app_cannot_rewrite_what_is_append_only(bare: ServiceDatabase, statement: str) -> None:
    with psycopg.connect(bare.app_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "statement", ["create table mine (n int)", "drop table outbox", "alter table inbox add n int"]
)
def test_the_app_owns_nothing(bare: ServiceDatabase, statement: str) -> None:
    with psycopg.connect(bare.app_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[arg-type]


def test_the_outbox_is_read_through_its_index(bare: ServiceDatabase) -> None:
    with psycopg.connect(bare.app_url) as connection:
        connection.execute("set enable_seqscan = off")
        plan = connection.execute(
            "explain select position from outbox where published_at is null order by position limit 3000"
        ).fetchall()

    assert any("position" in str(line) and "Index" in str(line) for line in plan), plan
