"""Identifiers sort by time; a transaction commits as a whole or not at all."""

import runpy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

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


def test_there_are_more_connections_than_threads_that_may_each_ask_for_a_second() -> None:
    gunicorn = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "gunicorn.conf.py"))
    kept = next(each.default for each in fields(Settings) if each.name == "database_pool_size")

    assert isinstance(kept, int)
    assert kept + OVERFLOW > gunicorn["threads"]
