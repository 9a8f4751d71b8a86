"""Keeps one part running: says when it is ready, starts it again when it ends, with growing pauses."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from deploy.local.child import Child
from deploy.local.logs import LogFile
from deploy.local.parts import Part
from deploy.local.problem import CannotGoOn
from deploy.local.terminal import Terminal, worth_showing

PAUSES_S = (0.2, 0.5, 1, 2, 5, 10)
LONG_ENOUGH_S = 30
TRIES_AT_START = 3
PROBE_EVERY_S = 0.1


class Keeper:
    """One part, its process of the moment, and its log."""

    def __init__(
        self,
        part: Part,
        *,
        log: LogFile,
        terminal: Terminal,
        changed: Callable[[], None],
        failed: Callable[[CannotGoOn], None],
        replace: Callable[[], Awaitable[Part]] | None = None,
    ) -> None:
        self.part = part
        self.log = log
        self.terminal = terminal
        self.child: Child | None = None
        self.was_ready = False
        self._changed = changed
        self._failed = failed
        self._replace = replace
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.child.pid if self.child and self.child.running else None

    async def start(self) -> None:
        """Start it, keep it running from now on, and return when it is ready."""
        await self._begin()
        self._keeping = asyncio.create_task(self._keep(), name=self.part.name)
        await self.wait_until_ready()

    async def wait_until_ready(self) -> None:
        """Return when it answers; a part that cannot be asked is ready when it runs."""
        while not (self.pid and (self.part.ready is None or await self.part.ready())):
            await asyncio.sleep(PROBE_EVERY_S)
        self.was_ready = True

    async def stop(self, *, within_s: float) -> None:
        """End it, for good."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
            self._keeping = None
        if self.child is not None:
            await self.child.stop(self.part.stop_signal, within_s=within_s)
        self._changed()

    async def _begin(self) -> None:
        self.child = await Child.start(
            self.part.command,
            environment=self.part.environment,
            on_line=self._heard,
            death_signal=self.part.stop_signal,
            before=self.part.before,
        )
        self._changed()

    async def _keep(self) -> None:
        tries = 0
        while True:
            assert self.child is not None
            began = time.monotonic()
            code = await self.child.ended()
            self._changed()
            tries = 1 if time.monotonic() - began > LONG_ENOUGH_S else tries + 1
            if not self.was_ready and tries >= TRIES_AT_START:
                return self._failed(CannotGoOn(self._why_it_does_not_start()))
            pause = PAUSES_S[min(tries, len(PAUSES_S)) - 1]
            self.terminal.part(self.part.name, f"ended ({_named(code)}); starts again in {pause} s")
            await asyncio.sleep(pause)
            try:
                self.part = await self._replace() if self._replace else self.part
                await self._begin()
            except CannotGoOn as error:
                return self._failed(error)

    def _heard(self, line: bytes) -> None:
        self.log.write(line)
        if (fact := worth_showing(line)) is not None:
            self.terminal.fact(self.part.name, fact)

    def _why_it_does_not_start(self) -> str:
        return f"{self.part.name} does not start: {self.log.reason()} (all it said: {self.log.path})"


def _named(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
