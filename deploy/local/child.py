"""One child process: never outlives its parent, its lines are read, it is stopped with all it started."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
LINE_BYTES_MAX = 2**20
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A running process, head of a group of its own."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: Callable[[bytes], None]) -> None:
        self.process = process
        self.pid = process.pid
        self._reading = asyncio.ensure_future(_read(process, on_line))

    @classmethod
    async def start(
        cls,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        on_line: Callable[[bytes], None],
        folder: Path | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        before: Callable[[], None] | None = None,
    ) -> "Child":
        """Start it; the kernel sends it `death_signal` when this process dies, however it dies.

        That signal is bound to the *thread* that starts the child, so this runs in the main thread only.
        """
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            env=dict(environment),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES_MAX,
            start_new_session=True,
            preexec_fn=tied_to(os.getpid(), death_signal, before),
        )
        return cls(process, on_line)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.returncode is None

    async def ended(self) -> int:
        """Wait for its end, and for its last lines."""
        code = await self.process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 0.5)
        self._sweep()
        return code

    async def stop(self, how: signal.Signals = signal.SIGTERM, *, within_s: float) -> None:
        """Ask it to end; after `within_s` end it and its group."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), within_s)
        self._sweep()
        await self.process.wait()
        await asyncio.wait([self._reading], timeout=0.5)
        self._reading.cancel()

    def _sweep(self) -> None:
        """End what is left of its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def _read(process: asyncio.subprocess.Process, on_line: Callable[[bytes], None]) -> None:
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # longer than LINE_BYTES_MAX: that much of it is passed over
            continue
        if not line:
            return
        on_line(line)


def tied_to(
    parent: int, death_signal: signal.Signals, before: Callable[[], None] | None = None
) -> Callable[[], None]:
    """What a child does before it becomes its program: `before`, then ask to die with its parent."""

    def tie() -> None:
        if before is not None:
            before()
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died between fork and here
            os._exit(1)

    return tie
