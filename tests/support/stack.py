"""The whole local stack for a test: started as `make run` does, on free ports, in a folder of its own.

    with running_stack(tmp_path / "data") as stack:
        httpx.get(f"{stack.url}/readyz")
        stack.kill("giving-worker")

The session's fixture `stack` (tests/conftest.py) holds one with the demo's data.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from deploy.local.child import tied_to
from deploy.local.folder import Folder
from deploy.local.layout import OFFSETS, ROOT, Layout
from deploy.local.settings import load

STARTED_WITHIN_S = 400
STOPPED_WITHIN_S = 10


@dataclass
class RunningStack:
    """A stack that runs, its addresses, secrets and processes."""

    process: subprocess.Popen[bytes]
    data: Path
    port: int
    said: Path
    environment: dict[str, str] = field(default_factory=dict)
    """What it was told beside DATA and PORT."""

    @property
    def url(self) -> str:
        """The public address, through the gateway."""
        return f"http://127.0.0.1:{self.port}"

    def inside(self, part: str) -> str:
        """A part's own address, as the other parts see it: `inside("giving")`."""
        return f"http://127.0.0.1:{self.port + OFFSETS[part]}"

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name: postgres, broker, gateway, sandbox, web, giving-api, giving-worker, …"""
        return Folder(self.data).processes()

    @property
    def layout(self) -> Layout:
        """What the parts are told."""
        return Layout(load(self.told))

    @property
    def told(self) -> dict[str, str]:
        """The environment that its own commands run in."""
        return {**os.environ, "DATA": str(self.data), "PORT": str(self.port), **self.environment}

    @property
    def broker(self) -> str:
        """The address of the broker that it speaks to."""
        ours = f"127.0.0.1:{self.port + OFFSETS['broker']}"
        return self.told.get("KAFKA_BOOTSTRAP_SERVERS", ours)

    def secret(self, name: str) -> str:
        """One of the secrets generated at the first start: demo_staff_password, link_key, …"""
        return (self.data / "secrets" / name).read_text().strip()

    def database_url(self, service: str, role: str = "app") -> str:
        """The address of a service's database, as its app or its owner."""
        server = self.layout.postgres
        assert server is not None
        return server.url(service, role)

    def run(self, part: str, *command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command as that part would be run, and return what it said."""
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", "exec", part, "--", *command],
            cwd=ROOT,
            env=self.told,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a part's process; its id."""
        pid = self.pids[name]
        os.kill(pid, how)
        return pid

    def wait_for_another(self, name: str, than: int, *, within_s: float = 60) -> int:
        """Wait until the part runs as another process; its id."""
        until = time.monotonic() + within_s
        while (pid := self.pids.get(name, than)) == than:
            if time.monotonic() > until:
                raise TimeoutError(f"{name} was not started again within {within_s} s")
            time.sleep(0.05)
        return pid

    def is_ready(self) -> bool:
        """Whether every part is ready, as the public /readyz says."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=3).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_until_ready(self, *, within_s: float = 120) -> None:
        """Return when every part is ready."""
        until = time.monotonic() + within_s
        while not self.is_ready():
            if time.monotonic() > until or self.process.poll() is not None:
                raise TimeoutError(f"not ready within {within_s} s:\n{self.output()}")
            time.sleep(0.1)

    def output(self) -> str:
        """What the terminal showed."""
        return self.said.read_text(errors="replace")

    def log(self, name: str) -> str:
        """What a part said."""
        return (self.data / "logs" / f"{name}.log").read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop everything, as Ctrl-C does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def running_stack(
    data: Path, *, port: int | None = None, program: str = "deploy.local", **environment: str
) -> Iterator[RunningStack]:
    """Start the stack, wait until it says that it is ready, stop it at the end of the block."""
    stack = begin(data, port=port, program=program, **environment)
    try:
        wait_for_line(stack, "Amicale is ready.")
        yield stack
    finally:
        stack.stop()


def begin(
    data: Path, *, port: int | None = None, program: str = "deploy.local", **environment: str
) -> RunningStack:
    """Start the stack and return at once; `environment` is added to its own."""
    port = port or free_ports()
    data.parent.mkdir(parents=True, exist_ok=True)
    said = data.with_name(f"{data.name}.terminal")
    told = {**os.environ, "DATA": str(data), "PORT": str(port), **environment}
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", program],
            cwd=ROOT,
            env=told,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=tied_to(os.getpid(), signal.SIGTERM),  # a killed test run leaves no stack behind
        )
    return RunningStack(process, data, port, said, environment)


def wait_for_line(stack: RunningStack, text: str, *, within_s: float = STARTED_WITHIN_S) -> None:
    """Return when the terminal has shown `text`; fail with all it showed when it ends before that."""
    until = time.monotonic() + within_s
    while text not in stack.output():
        if stack.process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"{text!r} was not said:\n{stack.output()}")
        time.sleep(0.05)


def free_ports() -> int:
    """The first of eleven ports in a row that nobody uses now (below those that the kernel hands out)."""
    for _ in range(200):
        first = random.randrange(11_000, 32_000, 20)
        if all(_is_free(first + offset) for offset in range(len(OFFSETS))):
            return first
    raise RuntimeError("no eleven free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack with the demo's data, for tests that only use it; a test that breaks parts starts another."""
    with running_stack(tmp_path_factory.mktemp("stack") / "data") as running:
        yield running
