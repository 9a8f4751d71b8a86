"""The stack: what is started in which order, what follows when a part dies, how everything is stopped."""

import asyncio
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable, Sequence

from deploy.local import broker, parts
from deploy.local.child import Child
from deploy.local.keeper import Keeper
from deploy.local.layout import ROOT, Layout
from deploy.local.logs import LogFile
from deploy.local.parts import Part
from deploy.local.problem import CannotGoOn
from deploy.local.settings import SERVICES
from deploy.local.terminal import Terminal

# Together under five seconds: what talks first, then what it talks to.
TALKERS_STOP_WITHIN_S, STORES_STOP_WITHIN_S = 1.8, 2.2
START_WITHIN_S = 240
SAID_EVERY_S = 15


class Stack:
    """All parts of one layout."""

    def __init__(self, layout: Layout, terminal: Terminal) -> None:
        self.layout = layout
        self.terminal = terminal
        self.keepers: dict[str, Keeper] = {}
        self.failure: asyncio.Future[CannotGoOn] = asyncio.get_running_loop().create_future()
        self._second_start = layout.postgres is None or layout.postgres.exists
        self._topics_made = asyncio.Event()
        self._following_broker: asyncio.Task[None] | None = None

    def check_ports(self) -> None:
        """CannotGoOn naming the port that somebody else uses."""
        for part, port in self.layout.ports().items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.layout.settings.host if part == "gateway" else "127.0.0.1", port))
                except OSError as error:
                    raise CannotGoOn(self._port_refused(part, port, error)) from None

    async def start(self) -> None:
        """Start everything, as much at once as its order allows; return when the whole is ready."""
        self.layout.folder.open_counters()
        database = asyncio.ensure_future(self.prepare_database())
        steps: list[Awaitable[None]] = [
            database,
            self._start_broker(),
            self._start(parts.gateway(self.layout)),
            self._start(parts.sandbox(self.layout)),
        ]
        steps += [self._start(part) for part in parts.web(self.layout)]
        steps += [self._start_service(service, database) for service in SERVICES]
        tasks = [asyncio.ensure_future(step) for step in [*steps, self._wait_for_the_whole()]]
        waiting = asyncio.create_task(self._say_what_is_awaited())
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await asyncio.gather(*tasks)
        except TimeoutError:
            raise CannotGoOn(self._what_is_missing()) from None
        finally:
            for task in [*tasks, waiting]:
                task.cancel()
            await asyncio.gather(*tasks, waiting, return_exceptions=True)

    async def stop(self) -> None:
        """Stop what talks before what it talks to."""
        if self._following_broker is not None:
            self._following_broker.cancel()
        last = [keeper for name, keeper in self.keepers.items() if name in {"postgres", "broker"}]
        first = [keeper for keeper in self.keepers.values() if keeper not in last]
        await asyncio.gather(*(keeper.stop(within_s=TALKERS_STOP_WITHIN_S) for keeper in first))
        await asyncio.gather(*(keeper.stop(within_s=STORES_STOP_WITHIN_S) for keeper in last))
        for keeper in self.keepers.values():
            keeper.log.close()
        self.layout.folder.note_processes({})
        self.layout.folder.close_counters()

    async def prepare_database(self) -> None:
        """Start PostgreSQL, from nothing when it has no files, with each service's database and roles."""
        server = self.layout.postgres
        if server is None:
            return
        if not server.exists:
            await server.create()
            self.terminal.step("PostgreSQL: files made")
        await server.wait_for_predecessor()
        await self._start(
            parts.postgres(self.layout), said=f"PostgreSQL 18 is ready on 127.0.0.1:{server.port}"
        )
        await server.provide(self.layout.embedded)

    async def run_once(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        heard: Callable[[bytes], None] = lambda line: None,
    ) -> None:
        """Run something to its end (a migration, a demo); CannotGoOn with its last line when it fails."""
        log = LogFile(self.layout.folder.logs / f"{name}.log")

        def keep(line: bytes) -> None:
            log.write(line)
            heard(line)

        child = await Child.start(command, environment=environment, on_line=keep, folder=ROOT)
        try:
            code = await child.ended()
        except asyncio.CancelledError:
            await child.stop(within_s=1)
            raise
        finally:
            log.close()
        if code:
            raise CannotGoOn(f"{name} failed: {log.reason()} (all it said: {log.path})")

    async def _start_broker(self) -> None:
        if self.layout.broker_is_ours:
            await self._start(self._new_broker())
        await self._make_topics()
        self._topics_made.set()

    def _new_broker(self) -> Part:
        port = self.layout.port("broker")
        return Part(
            name="broker",
            command=broker.command(port, f"amicale-{uuid.uuid4()}"),
            environment={"PATH": "/usr/bin:/bin", "RUST_LOG": "warn"},
            ready=lambda: parts.listens(port),
        )

    async def _make_topics(self) -> None:
        command = [sys.executable, "-m", "shared.kafka", "topics"]
        await self.run_once("topics", command, self.layout.topics_environment())
        again = "; what the broker held before is sent to it again" if self._second_start else ""
        self.terminal.step(f"Topics are made{again}")

    async def _broker_again(self) -> Part:
        """The broker died, and all it held: stop the workers, begin a new cluster, its topics, the workers.

        A new cluster id tells the relays that what they had sent is lost, and they send it again.
        """
        if self._following_broker is not None:
            self._following_broker.cancel()
        workers = [keeper for name, keeper in self.keepers.items() if parts.is_worker(name)]
        await asyncio.gather(*(keeper.stop(within_s=TALKERS_STOP_WITHIN_S) for keeper in workers))
        self._following_broker = asyncio.create_task(self._workers_again(workers))
        return self._new_broker()

    async def _workers_again(self, workers: Sequence[Keeper]) -> None:
        await asyncio.sleep(0)  # until the keeper has begun the new broker
        await self.keepers["broker"].wait_until_ready()
        while True:
            try:
                await self._make_topics()
                break
            except CannotGoOn as error:
                self.terminal.warn(error.sentence)
                await asyncio.sleep(2)
        await asyncio.gather(*(keeper.start() for keeper in workers))
        self.terminal.step("The broker is back; what it held is being sent again")

    async def _postgres_again(self) -> Part:
        """PostgreSQL died: the same server, unless its files are gone."""
        server = self.layout.postgres
        if server is None or not server.exists:
            raise CannotGoOn(
                f"The data folder {self.layout.folder.path} was removed while Amicale ran:"
                " put it back, or run `make run` again to begin with an empty one."
            )
        await server.wait_for_predecessor()
        return parts.postgres(self.layout)

    async def _start_service(self, service: str, database: "asyncio.Future[None]") -> None:
        await database
        await self.migrate(service)
        self.layout.counters(service).mkdir()
        apis = [self._start(part, said=None) for part in parts.apis(self.layout, service)]
        await asyncio.gather(*apis, self._start_workers(service))

    async def _start_workers(self, service: str) -> None:
        await self._topics_made.wait()
        workers = parts.workers(self.layout, service)
        await asyncio.gather(*(self._start(part, said=None) for part in workers))
        each = f"{len(workers)} of each" if len(workers) > 1 else "api and worker"
        self.terminal.step(f"{service} is ready ({each})")

    async def migrate(self, service: str) -> None:
        """Bring a service's database to the revision of the code, unless it is there or further."""
        server = self.layout.postgres
        newest = max(
            (path.stem[:4] for path in (ROOT / f"services/{service}/migrations").glob("[0-9]*.py")),
            default="",
        )
        if server and service in self.layout.embedded and await server.revision(service) >= newest:
            return
        command = [sys.executable, "-m", "shared.migrate", f"services.{service}"]
        await self.run_once(f"{service}-migration", command, self.layout.migration_environment(service))
        self.terminal.step(f"{service}: database at revision {newest}")

    async def _start(self, part: Part, *, said: str | None = "") -> None:
        """Start a part and keep it; `said` when it is ready, nothing when None."""
        keeper = Keeper(
            part,
            log=LogFile(self.layout.folder.logs / f"{part.name}.log"),
            terminal=self.terminal,
            changed=self._note,
            failed=self._fail,
            replace={"broker": self._broker_again, "postgres": self._postgres_again}.get(part.name),
        )
        self.keepers[part.name] = keeper
        await keeper.start()
        if said is not None:
            self.terminal.step(said or f"{part.name} is ready")

    async def _wait_for_the_whole(self) -> None:
        """Web says through the gateway that every part is ready."""
        while not await parts.answers(self.layout.port("gateway"), "/readyz"):
            await asyncio.sleep(0.1)

    def _fail(self, error: CannotGoOn) -> None:
        if not self.failure.done():
            self.failure.set_result(error)

    async def _say_what_is_awaited(self) -> None:
        while True:
            await asyncio.sleep(SAID_EVERY_S)
            self.terminal.step(f"still waiting for {self._awaited()} ...")

    def _awaited(self) -> str:
        silent = [name for name, keeper in self.keepers.items() if not keeper.was_ready]
        return ", ".join(silent) or "the public /readyz"

    def _what_is_missing(self) -> str:
        logs = self.layout.folder.logs
        return f"Not ready after {START_WITHIN_S} s: {self._awaited()}. What each part said is in {logs}."

    def _port_refused(self, part: str, port: int, error: OSError) -> str:
        if error.errno is not None and error.errno != 98:
            return f"{part} cannot listen on port {port} ({error.strerror}): check HOST and PORT."
        first = self.layout.settings.port
        return (
            f"Port {port} (for {part}) is in use: stop what uses it, or choose another first port,"
            f" as in `make run PORT={first + 1000}` (ports {first} to {first + 10} are needed)."
        )

    def _note(self) -> None:
        self.layout.folder.note_processes(
            {name: k.pid for name, k in self.keepers.items() if k.pid is not None}
        )
