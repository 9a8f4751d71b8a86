"""Migrations while the services go on: nobody waits behind one, and older code keeps its newer database."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from shared import migrate
from tests.support.postgres import Server, ServiceDatabase, service_database

MODELS = """
from shared import db
from shared.schema import service_metadata

class Base(db.Base):
    __abstract__ = True
    metadata = service_metadata()
"""
FIRST = """
from alembic import op
from shared.schema import create_kit

revision = "0001"
down_revision = None

def upgrade():
    create_kit(op.get_bind())
    op.execute("create table notes (id int primary key, said text)")
    op.execute("insert into notes select i, 'x' from generate_series(1, 1000) i")
"""
COLUMN = """
from alembic import op
revision, down_revision = "0002", "0001"

def upgrade():
    op.execute("alter table notes add column read_at timestamptz")
"""
INDEX = """
from alembic import op
revision, down_revision = "0003", "0002"

def upgrade():
    with op.get_context().autocommit_block():
        op.execute("create index concurrently ix_notes_said on notes (said)")
"""
PACKAGE = "growing_service"


@pytest.fixture
def growing(postgres: Server, tmp_path: Path) -> Iterator[tuple[ServiceDatabase, Path]]:
    """A service at its first revision, and the folder of its migrations."""
    root = tmp_path / PACKAGE
    for name, text in {
        "__init__.py": "",
        "models/__init__.py": MODELS,
        "migrations/0001_first.py": FIRST,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    sys.path.insert(0, str(tmp_path))
    yield service_database(postgres, PACKAGE), root / "migrations"
    sys.path.remove(str(tmp_path))
    for name in [each for each in sys.modules if each.startswith(PACKAGE)]:
        del sys.modules[name]


def run(at: ServiceDatabase) -> str:
    return migrate.migrate(PACKAGE, owner_url=at.owner_url, app_url=at.app_url)


@contextmanager
def a_long_reader(at: ServiceDatabase, release: threading.Event) -> Iterator[None]:
    """A transaction that has read a table and stays open, as a backup's or a report's does."""
    reading = threading.Event()

    def read() -> None:
        with psycopg.connect(at.app_url) as connection:
            connection.execute("select count(*) from notes")
            reading.set()
            release.wait(60)

    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(10)
    try:
        yield
    finally:
        release.set()
        thread.join()


def slowest_read(at: ServiceDatabase, *, for_s: float) -> float:
    """Read again and again; how long the slowest took, at most `for_s`."""
    slowest, until = 0.0, time.monotonic() + for_s
    with psycopg.connect(at.app_url, autocommit=True, options=f"-c statement_timeout={int(for_s)}s") as one:
        while (began := time.monotonic()) < until:
            try:
                one.execute("select said from notes limit 1")
            except psycopg.errors.QueryCanceled:
                return for_s
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)
    return slowest


def beside(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_a_migration_that_must_wait_lets_others_pass(
    growing: tuple[ServiceDatabase, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at, files = growing
    (files / "0002_column.py").write_text(COLUMN)
    monkeypatch.setattr(migrate, "LOCK_WITHIN", "200ms")
    monkeypatch.setattr(migrate, "PAUSE_S", 0.2)
    release = threading.Event()

    with a_long_reader(at, release):
        migrating = beside(lambda: run(at))
        waited = slowest_read(at, for_s=2)
        assert migrating.is_alive()
    migrating.join(30)

    assert waited < 1
    assert run(at) == "0002"


def test_control_without_the_limit_everybody_waits_behind_it(
    growing: tuple[ServiceDatabase, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at, files = growing
    (files / "0002_column.py").write_text(COLUMN)
    monkeypatch.setattr(migrate, "LOCK_WITHIN", "0")
    release = threading.Event()

    with a_long_reader(at, release):
        migrating = beside(lambda: run(at))
        waited = slowest_read(at, for_s=2)
    migrating.join(30)

    assert waited == 2


def test_a_table_that_is_never_free_is_said_and_nothing_is_changed(
    growing: tuple[ServiceDatabase, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at, files = growing
    (files / "0002_column.py").write_text(COLUMN)
    for name, value in {"LOCK_WITHIN": "50ms", "PAUSE_S": 0.01, "TRIES": 3}.items():
        monkeypatch.setattr(migrate, name, value)

    with a_long_reader(at, threading.Event()), pytest.raises(migrate.TableBusy):
        run(at)

    with psycopg.connect(at.owner_url) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("0001",)]


def test_an_index_is_made_beside_those_who_write(growing: tuple[ServiceDatabase, Path]) -> None:
    """As CONTRIBUTING shows it: outside of a transaction, which an index made concurrently asks for."""
    at, files = growing
    (files / "0002_column.py").write_text(COLUMN)
    (files / "0003_index.py").write_text(INDEX)

    assert run(at) == "0003"

    with psycopg.connect(at.owner_url) as connection:
        valid = "select indisvalid from pg_index where indexrelid = 'ix_notes_said'::regclass"
        assert connection.execute(valid).fetchone() == (True,)


def test_code_that_was_taken_back_leaves_its_newer_database_as_it_is(
    growing: tuple[ServiceDatabase, Path],
) -> None:
    at, files = growing
    (files / "0002_column.py").write_text(COLUMN)
    run(at)
    (files / "0002_column.py").unlink()

    assert run(at) == "0002"
