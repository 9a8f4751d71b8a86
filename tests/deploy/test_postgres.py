"""The embedded PostgreSQL has a connection for every process of the stack at its most."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deploy.local.layout import Layout
from deploy.local.postgres import PROCESS_CONNECTIONS_MAX, Postgres
from deploy.local.settings import PROCESSES_MAX, SERVICES, load
from shared.db import OVERFLOW
from shared.settings import Settings
from tests.support.stack import free_ports


def server(folder: Path, processes: int, **told: str) -> Postgres:
    found = Layout(load({"DATA": str(folder), "PROCESSES": str(processes), **told})).postgres
    assert found is not None
    return found


@pytest.mark.parametrize("processes", [1, 2, 4, PROCESSES_MAX])
def test_apis_and_workers_find_connections_whatever_their_number(tmp_path: Path, processes: int) -> None:
    kept = next(each.default for each in fields(Settings) if each.name == "database_pool_size")
    most = server(tmp_path, processes).connections_max

    assert kept + OVERFLOW == PROCESS_CONNECTIONS_MAX
    assert most >= 2 * processes * len(SERVICES) * PROCESS_CONNECTIONS_MAX + 40


def test_a_service_with_a_database_of_its_own_takes_none(tmp_path: Path) -> None:
    own = {f"DATABASE_{of}URL_GIVING": "postgresql://g@db/g" for of in ("", "OWNER_")}

    fewer = server(tmp_path, 4, **own).connections_max

    assert server(tmp_path, 4).connections_max - fewer == 8 * PROCESS_CONNECTIONS_MAX


@contextmanager
def running(told: Postgres) -> Iterator[Postgres]:
    asyncio.run(told.create())
    process = subprocess.Popen(told.command(), stderr=subprocess.DEVNULL, preexec_fn=told.before)
    try:
        while not asyncio.run(told.answers()):
            assert process.poll() is None
            time.sleep(0.1)
        yield told
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_the_server_starts_with_as_many_as_the_largest_stack_needs() -> None:
    with TemporaryDirectory(prefix="amicale-server-") as folder:
        layout = Layout(load({"DATA": folder, "PROCESSES": str(PROCESSES_MAX), "PORT": str(free_ports())}))
        assert layout.postgres is not None
        layout.folder.open()
        with running(layout.postgres) as told:
            most = asyncio.run(told.ask("postgres", "show max_connections")).strip()

    assert int(most) == told.connections_max
