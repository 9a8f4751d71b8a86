"""Children: they never outlive their parent, and a part that ends is started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from deploy.local import keeper as keeper_module
from deploy.local.child import Child
from deploy.local.keeper import Keeper
from deploy.local.logs import LogFile
from deploy.local.parts import Part
from deploy.local.problem import CannotGoOn
from deploy.local.terminal import Terminal

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS[2]}"
HAS_A_CHILD = f"import subprocess; subprocess.Popen({SLEEPS!r}); {SLEEPS[2]}"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def dies(pid: int, *, within_s: float = 5) -> bool:
    until = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(pid)


async def started(command: list[str]) -> tuple[Child, list[bytes]]:
    lines: list[bytes] = []
    child = await Child.start(command, environment=dict(os.environ), on_line=lines.append)
    while not lines:
        await asyncio.sleep(0.01)
    return child, lines


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_dies_with_its_parent_however_that_dies(how: signal.Signals) -> None:
    code = (
        "import asyncio, os, signal, sys; from deploy.local.child import Child\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "async def main():\n"
        f"    child = await Child.start({SLEEPS!r}, environment={{}}, on_line=lambda _: None)\n"
        "    print(child.pid, flush=True); await asyncio.sleep(600)\n"
        "asyncio.run(main())"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)

    parent.send_signal(how)
    parent.wait(10)

    assert dies(pid)


def test_a_child_that_ignores_the_signal_is_ended_in_time() -> None:
    async def scenario() -> tuple[float, int]:
        child, _ = await started([sys.executable, "-c", STUBBORN])
        began = time.monotonic()
        await child.stop(within_s=0.3)
        return time.monotonic() - began, child.pid

    took, pid = asyncio.run(scenario())

    assert 0.3 <= took < 10 and not is_alive(pid)


def test_stopping_a_child_ends_what_it_started_itself() -> None:
    async def scenario() -> list[int]:
        child, lines = await started([sys.executable, "-c", HAS_A_CHILD])
        while len(lines) < 2:
            await asyncio.sleep(0.01)
        group = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _group(p) == child.pid]
        await child.stop(within_s=2)
        return group

    group = asyncio.run(scenario())

    assert len(group) == 2 and all(dies(pid) for pid in group)


def _group(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[2])
    except OSError:
        return 0


class Watched:
    """A keeper over a fake part, and what it said."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.stream = StringIO()
        self.failures: list[CannotGoOn] = []
        self.keeper = Keeper(
            Part(name="fake", command=command, environment=dict(os.environ)),
            log=LogFile(folder / "fake.log"),
            terminal=Terminal(self.stream),
            changed=lambda: None,
            failed=self.failures.append,
        )


async def eventually(condition: object, *, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def test_a_part_that_is_killed_starts_again_and_it_is_said(tmp_path: Path) -> None:
    async def scenario() -> Watched:
        watched = Watched(tmp_path, SLEEPS)
        await watched.keeper.start()
        first = watched.keeper.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: watched.keeper.pid not in {None, first})
        await watched.keeper.stop(within_s=2)
        return watched

    watched = asyncio.run(scenario())

    assert "ended (signal 9); starts again in 0.2 s" in watched.stream.getvalue()
    assert watched.keeper.pid is None and not watched.failures


def test_a_part_that_never_starts_is_given_up_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "PAUSES_S", (0.01,))

    async def scenario() -> Watched:
        watched = Watched(
            tmp_path, [sys.executable, "-c", "raise SystemExit('giving cannot start: LINK_KEY is missing.')"]
        )
        watched.keeper.part = Part(
            name="fake",
            command=watched.keeper.part.command,
            environment={},
            ready=lambda: asyncio.sleep(0, False),
        )
        starting = asyncio.create_task(watched.keeper.start())
        await eventually(lambda: watched.failures)
        starting.cancel()
        await watched.keeper.stop(within_s=1)
        return watched

    (failure,) = asyncio.run(scenario()).failures

    assert "fake does not start: giving cannot start: LINK_KEY is missing." in failure.sentence
    assert str(tmp_path / "fake.log") in failure.sentence


def test_pauses_grow_while_a_part_keeps_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "PAUSES_S", (0.01, 0.02, 0.03))

    async def scenario() -> Watched:
        watched = Watched(tmp_path, [sys.executable, "-c", "import time; time.sleep(0.05)"])
        await watched.keeper.start()
        await eventually(lambda: watched.stream.getvalue().count("ended") >= 4)
        await watched.keeper.stop(within_s=1)
        return watched

    said = asyncio.run(scenario()).stream.getvalue()

    assert [line.rpartition(" in ")[2] for line in said.splitlines()[:4]] == [
        "0.01 s",
        "0.02 s",
        "0.03 s",
        "0.03 s",
    ]
