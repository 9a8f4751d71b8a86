"""A full disk is named on the terminal while the stack runs."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest

from deploy.local.disk import FULL_MIB, ROOM_MIB, Disk
from deploy.local.folder import Folder, free_mib
from deploy.local.terminal import Terminal


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(Folder(tmp_path), Terminal(StringIO(), colours=True))


def said(disk: Disk) -> list[str]:
    return disk.terminal.stream.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_full_disk_is_said_once_in_red_and_its_end_once(disk: Disk, tmp_path: Path) -> None:
    for free in (500, FULL_MIB - 1, 0, FULL_MIB + 1, 0, ROOM_MIB, 500):
        disk.note(free)

    full, over = said(disk)
    assert full == f"\x1b[31mThe disk of {tmp_path} is full: make room; Amicale goes on by itself.\x1b[0m"
    assert f"There is room again on the disk of {tmp_path}" in over


def test_it_is_looked_at_while_the_stack_runs(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.disk.FULL_MIB", 10**12)

    async def some_time() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(disk.watch(), 0.2)

    asyncio.run(some_time())

    assert "is full: make room" in said(disk)[0]


def test_a_folder_that_is_not_there_is_measured_where_it_would_be(tmp_path: Path) -> None:
    assert abs(free_mib(tmp_path) - free_mib(tmp_path / "not/there")) < 2000
