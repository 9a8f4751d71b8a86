"""`python -m deploy.kafka` (make kafka): Apache Kafka on this machine, until Ctrl-C; its data stay."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

from deploy.kafka import jars, settings
from deploy.kafka.nodes import Cluster, Node, count
from deploy.local.keeper import Keeper
from deploy.local.logs import LogFile
from deploy.local.parts import Part, listens
from deploy.local.problem import CannotGoOn
from deploy.local.terminal import Terminal
from shared.kafka import KafkaError

CONTROLLERS_AFTER = 10
READY_WITHIN_S = 90
STOP_WITHIN_S = 20
T = TypeVar("T")


def main() -> int:
    """Start it, stay until told to stop; 1 when it cannot be."""
    terminal = Terminal()
    try:
        told = settings.load()
        ports = [(told.port + number, told.port + CONTROLLERS_AFTER + number) for number in range(told.nodes)]
        cluster = Cluster(told.data, ports, signs_in=told.signs_in)
        if reason := jars.missing_tool():
            raise CannotGoOn(reason)
        check_ports(cluster)
        if not jars.are_here():
            terminal.line(f"Fetching Apache Kafka with Maven into {jars.JARS}, about 55 MB, once ...")
            jars.fetch()
            terminal.step("Fetched")
        return asyncio.run(Nodes(cluster, terminal, told.path).run())
    except CannotGoOn as problem:
        terminal.fail(problem.sentence)
        return 1
    except KeyboardInterrupt:
        return 130


def check_ports(cluster: Cluster) -> None:
    """CannotGoOn naming the port that somebody else uses."""
    for port in (port for node in cluster.nodes for port in (node.port, node.controller_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise CannotGoOn(
                    f"Port {port} is in use: stop what listens there, or take others: `make kafka PORT=9192`."
                ) from None


class Nodes:
    """The processes of a cluster, kept running."""

    def __init__(self, cluster: Cluster, terminal: Terminal, path: str) -> None:
        self.cluster = cluster
        self.terminal = terminal
        self.path = path
        self.stop = asyncio.Event()
        self.failure: asyncio.Future[CannotGoOn] | None = None
        self.keepers: list[Keeper] = []

    async def run(self) -> int:
        """Start, stay until told to stop or until a node does not start, stop."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, self.stop.set)
        self.failure = loop.create_future()
        ends: list[asyncio.Future[Any]] = [
            living := asyncio.ensure_future(self._live()),
            asyncio.ensure_future(self.stop.wait()),
            self.failure,
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            living.cancel()
            results = await asyncio.gather(living, return_exceptions=True)
            self.terminal.line("Stopping ...")
            await asyncio.gather(*(keeper.stop(within_s=STOP_WITHIN_S) for keeper in self.keepers))
            self.terminal.line(f"Stopped; the data stay in {self.cluster.folder}.")
        problem = self.failure.result() if self.failure.done() else results[0]
        if isinstance(problem, BaseException) and not self.stop.is_set():
            raise problem
        return 0

    async def _live(self) -> None:
        nodes = self.cluster.nodes
        self.terminal.line(f"Starting Apache Kafka, {count(len(nodes))}, data in {self.cluster.folder}")
        await asyncio.to_thread(self.cluster.prepare)
        self.keepers = [self._keeper(node) for node in nodes]
        await self._in_time(asyncio.gather(*(keeper.start() for keeper in self.keepers)))
        for node in nodes:
            self.terminal.step(f"Node {node.number} listens on {node.address}; log {_log(node)}")
        made = await self._in_time(self._topics())
        self.terminal.step(f"{len(made)} topics made; all are as deploy/kafka/topics.yml declares them")
        self.terminal.line("")
        self.terminal.line(f"  {self._words()} make run")
        self.terminal.line("")
        self.terminal.line("Ctrl-C stops it.")
        await asyncio.Event().wait()

    def _words(self) -> str:
        """What `make run` is told to use this cluster."""
        users = f" KAFKA_PASSWORDS={self.cluster.passwords_file}" if self.cluster.signs_in else ""
        return f"KAFKA_BOOTSTRAP_SERVERS={self.cluster.servers}{users}"

    async def _topics(self) -> list[str]:
        while True:
            try:
                return await asyncio.to_thread(
                    self.cluster.as_user().apply_topics,
                    replication=self.cluster.copies,
                    rights=self.cluster.signs_in,
                )
            except KafkaError:  # it listens before the nodes have agreed who leads
                await asyncio.sleep(0.5)

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(work, READY_WITHIN_S)
        except TimeoutError:
            raise CannotGoOn(
                f"Apache Kafka is not ready within {READY_WITHIN_S} s; its log: {_log(self.cluster.nodes[0])}"
            ) from None

    def _keeper(self, node: Node) -> Keeper:
        part = Part(
            name=f"kafka-{node.number}",
            command=self.cluster.command(node),
            environment={"PATH": self.path, "LC_ALL": "C"},
            ready=lambda: listens(node.port),
        )
        return Keeper(
            part, log=LogFile(_log(node)), terminal=self.terminal, changed=lambda: None, failed=self._failed
        )

    def _failed(self, problem: CannotGoOn) -> None:
        if self.failure is not None and not self.failure.done():
            self.failure.set_result(problem)


def _log(node: Node) -> Path:
    return node.folder / "kafka.log"


if __name__ == "__main__":
    sys.exit(main())
