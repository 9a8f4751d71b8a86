"""Apache Kafka itself, where Java and Maven are there: one node or three, KRaft, on free ports."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from deploy.kafka import jars
from deploy.kafka.nodes import Cluster, Node
from deploy.local.problem import CannotGoOn
from shared.kafka import Broker
from tests.support.broker import free_port


@cache
def missing() -> str:
    """Why it cannot run here, in words; empty when it can. Fetches the jars the first time."""
    if reason := jars.missing_tool():
        return reason
    try:
        if not jars.are_here():
            jars.fetch(within_s=300)
    except CannotGoOn as problem:
        return problem.sentence
    return ""


class ApacheKafka:
    """A cluster's processes, to be killed and frozen; its data stay. With `signs_in`, callers sign in.

    It answers to what the embedded broker of tests/support/broker.py does, so that a test may take either.
    """

    def __init__(self, folder: Path, *, nodes: int = 1, signs_in: bool = False) -> None:
        ports = [(free_port(), free_port()) for _ in range(nodes)]
        self.cluster = Cluster(folder, ports, signs_in=signs_in)
        self.address = self.cluster.servers
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def broker(self) -> Broker:
        """The cluster as its administrator speaks to it."""
        return self.cluster.as_user()

    def as_user(self, name: str) -> Broker:
        """The cluster as one user speaks to it."""
        return self.cluster.as_user(name)

    def start(self) -> None:
        """Start what does not run, with the data it had; the topics are made when there were none."""
        self.cluster.prepare()
        for node in self.cluster.nodes:
            if node.number not in self._processes:
                self._processes[node.number] = self._process(node)
        self._await()
        self.broker.apply_topics(replication=self.cluster.copies, rights=self.cluster.signs_in)

    def kill(self, *numbers: int) -> None:
        """End these nodes at once, all of them when none is named; their data stay."""
        for number in numbers or tuple(self._processes):
            process = self._processes.pop(number)
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(20)

    def empty(self) -> None:
        """Kill it, take all it held, and start it as another cluster."""
        self.kill()
        for node in self.cluster.nodes:
            shutil.rmtree(node.data)
        self.cluster.forget()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        for process in self._processes.values():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)

    def _process(self, node: Node) -> "subprocess.Popen[bytes]":
        with (node.folder / "kafka.log").open("ab") as log:
            return subprocess.Popen(
                self.cluster.command(node), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _await(self, within_s: float = 90) -> None:
        """Return when every node that runs takes calls, and the cluster tells its topics."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                for node in self.cluster.nodes:
                    socket.create_connection(("127.0.0.1", node.port), timeout=1).close()
                self.broker.cluster()
                return
            except Exception:  # it is starting
                time.sleep(0.2)
        raise TimeoutError((self.cluster.nodes[0].folder / "kafka.log").read_text()[-2000:])


@contextmanager
def running(folder: Path, *, nodes: int = 1, signs_in: bool = False) -> Iterator[ApacheKafka]:
    """A cluster that lives as long as the block."""
    kafka = ApacheKafka(folder, nodes=nodes, signs_in=signs_in)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.kill()
