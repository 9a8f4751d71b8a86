"""Identifiers sort by time; a transaction commits as a whole or not at all."""

import runpy
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from shared import db
from shared.db import OVERFLOW, Database, uuid7, uuid7_time
from shared.settings import Settings
from tests.support.postgres import Server


@pytest.fixture
def database(postgres: Server) -> Iterator[Database]:
    database = Database("test")
    database.connect(postgres.url.replace("postgres:@", "postgres:test@"))
    yield database
    database.dispose()


def test_ids_of_one_process_sort_in_the_order_they_were_made() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: [uuid7() for _ in range(2000)], range(4)))

    assert all(ids == sorted(ids) for ids in made)
    assert len({each for ids in made for each in ids}) == 8000


def test_an_id_tells_its_moment_and_is_of_version_7() -> None:
    before = datetime.now(UTC)

    made = uuid7()

    assert made.version == 7
    assert abs(uuid7_time(made) - before) < timedelta(seconds=1)
    assert uuid7_time(uuid7(datetime(2024, 2, 29, 12, tzinfo=UTC))) == datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_an_id_of_another_version_has_no_moment() -> None:
    with pytest.raises(ValueError, match="version 7"):
        uuid7_time(uuid4())


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("create table if not exists kept (n int)"))
        session.execute(text("truncate kept"))

    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.execute(text("insert into kept values (1)"))
        _ = 1 / 0

    with database.transaction() as session:
        assert session.execute(text("select count(*) from kept")).scalar_one() == 0


def test_the_session_speaks_in_utc(database: Database) -> None:
    with database.transaction() as session:
        assert session.execute(text("show timezone")).scalar_one() == "UTC"


def processes(database: Database, count: int = 3) -> list[int]:
    """The server's process behind each of so many connections in use at once."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(database.transaction()) for _ in range(count)]
        return [session.execute(text("select pg_backend_pid()")).scalar_one() for session in sessions]


def end_all(postgres: Server, database: Database) -> None:
    """Every connection ends on the server's side, as when it is started again."""
    ended = processes(database)
    postgres.run(*(f"select pg_terminate_backend({pid}, 5000)" for pid in ended))


def test_connections_that_died_while_they_rested_are_made_anew_unseen(
    database: Database, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "RESTED_S", 0.2)
    end_all(postgres, database)
    time.sleep(0.3)

    assert len(set(processes(database))) == 3


def test_control_without_being_asked_the_dead_connection_is_used(
    database: Database, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "RESTED_S", 3600)
    end_all(postgres, database)

    with pytest.raises(OperationalError):
        processes(database)


def test_a_connection_that_goes_from_hand_to_hand_is_asked_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(database.engine.dialect, "do_ping", asked.append)
    for _ in range(20):
        processes(database)
    assert not asked

    monkeypatch.setattr(db, "RESTED_S", 0)
    processes(database)
    assert len(asked) == 3


def test_while_the_server_is_away_a_connection_that_rested_says_so_as_any_other(
    database: Database, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "RESTED_S", 0)
    end_all(postgres, database)
    monkeypatch.setattr(database.engine.dialect, "connect", _nobody_listens)

    with pytest.raises(OperationalError) as raised:
        processes(database)

    assert db.is_ill(raised.value)


def _nobody_listens(*_: object, **__: object) -> object:
    return psycopg.connect("postgresql://nobody@127.0.0.1:1/none")


def test_there_are_more_connections_than_threads_that_may_each_ask_for_a_second() -> None:
    gunicorn = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "gunicorn.conf.py"))
    kept = next(each.default for each in fields(Settings) if each.name == "database_pool_size")

    assert isinstance(kept, int)
    assert kept + OVERFLOW > gunicorn["threads"]
