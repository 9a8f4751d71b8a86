"""The containers' own commands, environment, secrets and health checks, run here without AMICALE_DEMO."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from deploy.docker import secrets
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from tests.support.broker import EmbeddedBroker, free_port
from tests.support.compose import ROOT, Machine, load

pytestmark = pytest.mark.stack

APIS = [f"{name}-api" for name in secrets.SERVICES]
WORKERS = [f"{name}-worker" for name in secrets.SERVICES]
TOLD = {
    "PUBLIC_URL": "https://alumni.example.edu",
    "SCHOOL_NAME": "Example University",
    "CONTACT_EMAIL": "office@alumni.example.edu",
    "EMAIL_FROM": "Alumni <alumni@example.edu>",
    "SECRETS": "secrets",
}
ACCOUNT = {
    "account": "foundation",
    "entity": "fondation",
    "api_key": "sk_live_x",
    "webhook_secrets": ["whsec_x"],
}


@pytest.fixture
def machine(broker: EmbeddedBroker) -> Iterator[Machine]:
    with TemporaryDirectory(prefix="amicale-containers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        secrets.make(folder / "secrets")
        secrets.put(folder / "secrets", "smtp_url", "smtp://127.0.0.1:1?tls=none")
        live = {
            "account": "foundation",
            "entity": "fondation",
            "api_key": "sk_live_x",
            "webhook_secrets": ["whsec_x"],
        }
        secrets.put(folder / "secrets", "provider_accounts.json", json.dumps([live]))
        with database(folder) as server:
            outside = {
                "kafka:9092": broker.address,
                secrets.SERVER: server,
                "/etc/caddy": str(ROOT / "deploy/gateway"),
            }
            user = f"{secrets.USER}:{secrets.USER}" if os.geteuid() == 0 else f"{os.getuid()}:{os.getgid()}"
            found = Machine(load(TOLD | {"AMICALE_USER": user}), folder / "secrets", outside, folder)
            found.put_outside_into_secrets(secrets.DOORS)
            try:
                yield found
            finally:
                found.stop()


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """PostgreSQL with what its image makes at the first start; then the services' addresses name it."""
    (folder / "server").mkdir(mode=0o755)
    keys, port = Keys(folder / "server"), free_port()
    keys.keep("database_superuser", Keys(folder / "secrets").value("database_superuser"))
    server = Postgres(folder / "server" / "data", port, keys)
    asyncio.run(server.create())
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(
            server.command(), stdout=log, stderr=log, preexec_fn=server.before, env={"LC_ALL": "C"}
        )
    try:
        while not asyncio.run(server.answers()):
            assert process.poll() is None, (folder / "postgres.log").read_text()
            time.sleep(0.1)
        make_databases(server, folder / "secrets")
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def make_databases(server: Postgres, folder: Path) -> None:
    script = (ROOT / "deploy/docker/databases.sh").read_text().replace("/run/secrets", str(folder))
    told = {
        "PATH": f"{server.programs}:{os.defpath}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGPASSWORD": server.keys.value("database_superuser"),
    }
    for _ in range(2):  # the second time gives the roles their passwords again, and changes nothing else
        done = subprocess.run(["sh", "-c", script], env=told, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_command_of_the_file_runs_and_its_health_check_says_so(machine: Machine) -> None:
    for name in ("topics", *(f"{service}-migrate" for service in secrets.SERVICES)):
        done = machine.run(name)
        assert done.returncode == 0, (name, done.stderr[-2000:])

    for name in (*APIS, *WORKERS, "web", "web-live"):
        machine.start(name)
    for name in (*APIS, *WORKERS, "web", "web-live"):
        machine.wait_until_healthy(name)

    for service in secrets.SERVICES:
        ready = wait_for(f"http://127.0.0.1:{machine.port(f'{service}-api', '8000')}/readyz")
        assert ready.status_code == 200, (service, ready.text)
    worker = httpx.get(f"http://127.0.0.1:{machine.port('giving-worker', '9000')}/metrics")
    assert "amicale_job_runs_total" in worker.text
    gateway = open_gateway(machine)
    page = httpx.get(f"{gateway}/sign-in")
    assert page.status_code == 200 and "Example University" in page.text
    assert wait_for(f"{gateway}/readyz").text == "ready"
    assert httpx.get(f"{gateway}/api/v1/giving/campaigns?status=live").json()["items"] == []
    assert httpx.get(f"{gateway}/metrics").status_code == 404

    took = machine.stop()
    slow = {name: s for name, s in took.items() if s > grace_s(machine, name)}
    assert not slow


def open_gateway(machine: Machine) -> str:
    """Start the gateway on this machine's ports, without the certificate of a name that is not ours."""
    address = f"http://127.0.0.1:{free_port()}"
    kept = machine.logs / "gateway"
    kept.mkdir(mode=0o777)
    kept.chmod(0o777)
    machine.file["services"]["gateway"]["environment"] |= {
        "GATEWAY_ADDRESS": address,
        "XDG_DATA_HOME": str(kept),
        "XDG_CONFIG_HOME": str(kept),
    }
    machine.start("gateway")
    until = time.monotonic() + 10
    while True:
        try:
            httpx.get(address)
            return address
        except httpx.ConnectError:
            assert time.monotonic() < until, (machine.logs / "gateway.log").read_text()
            time.sleep(0.1)


def wait_for(url: str) -> httpx.Response:
    """The answer there, as soon as it is 200, or the last of half a minute."""
    until = time.monotonic() + 30
    while (answer := httpx.get(url)).status_code != 200 and time.monotonic() < until:
        time.sleep(0.3)
    return answer


def grace_s(machine: Machine, name: str) -> float:
    """How long the engine waits before it kills."""
    return float(machine.file["services"][name]["stop_grace_period"].removesuffix("s"))
