"""The parts of the sandbox, started and stopped together: in `python -m sandbox` and in tests."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from werkzeug.serving import make_server

from sandbox.app import create_app
from sandbox.mailbox import smtp
from sandbox.provider import accounts, courier, parameters
from sandbox.provider.courier import Courier
from sandbox.receiver import receptions
from sandbox.settings import SandboxSettings
from sandbox.store import Store
from sandbox.world import World


@dataclass(frozen=True)
class Sandbox:
    world: World
    port: int
    smtp_port: int


@contextmanager
def sandbox(settings: SandboxSettings, send: courier.Send = courier.send) -> Iterator[Sandbox]:
    """Everything listens, on 127.0.0.1 only, when this is entered; port 0 takes a free one."""
    with ExitStack() as undo:
        store = Store(Path(settings.sandbox_data) / "sandbox.sqlite3")
        undo.callback(store.close)
        merchants = {each.account: each for each in accounts.load(settings.sandbox_accounts_file)}
        world = World(settings, store, merchants, Courier(store, merchants, send))
        _tell_receivers(store, settings.sandbox_receivers_file)
        _start_mail(store, settings.sandbox_smtp_port, undo)
        world.courier.start()
        undo.callback(world.courier.stop)
        port = _start_http(world, settings.sandbox_port, undo)
        threading.Thread(target=_warm_up, daemon=True).start()
        yield Sandbox(world, port, settings.sandbox_smtp_port)


def _start_mail(store: Store, port: int, undo: ExitStack) -> None:
    mail = smtp.server(store, port)
    mail.start()
    undo.callback(mail.stop)


def _start_http(world: World, port: int, undo: ExitStack) -> int:
    """Last of all: who finds this port open finds everything."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    http = make_server("127.0.0.1", port, create_app(world), threaded=True)
    undo.callback(http.server_close)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    undo.callback(http.shutdown)
    return http.server_port


def _warm_up() -> None:
    """Load the SDK now, so that the first payment is not the slow one."""
    parameters.sdk_types("checkout")


def _tell_receivers(store: Store, path: str) -> None:
    """The secrets of SANDBOX_RECEIVERS_FILE: an object of name → secret."""
    if path and Path(path).exists():
        with store.transaction() as db:
            for name, secret in json.loads(Path(path).read_text(encoding="utf-8")).items():
                receptions.tell_secret(db, name, secret)
