"""What the terminal says once everything is ready."""

import asyncio
from collections.abc import Callable
from io import StringIO
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from deploy.local import disk as disk_module
from deploy.local import welcome
from deploy.local.disk import ROOM_MIB, Disk
from deploy.local.layout import Layout
from deploy.local.problem import CannotGoOn
from deploy.local.settings import load
from deploy.local.terminal import Terminal


def layout(folder: Path, host: str) -> Layout:
    return Layout(load({"DATA": str(folder), "HOST": host, "AMICALE_DEMO_DATA": "0"}))


def said(told: Layout) -> str:
    stream = StringIO()
    welcome.say(told, Terminal(stream))
    return stream.getvalue()


def test_listening_on_the_network_is_said_with_what_stays_on_this_machine(tmp_path: Path) -> None:
    text = said(layout(tmp_path, "0.0.0.0"))

    assert "It listens on 0.0.0.0: others on the network see its pages." in text
    assert "the mailbox, the one-time codes, all of /sandbox" in text


def test_listening_on_this_machine_alone_needs_no_warning(tmp_path: Path) -> None:
    assert "others on the network" not in said(layout(tmp_path, "127.0.0.1"))


def test_of_what_a_demo_prints_the_terminal_shows_how_far_it_has_come() -> None:
    stream = StringIO()

    for line in (b"400 of 1,200 gifts\n", b'{"event": "settled"}\n', b"1,200 gifts by 30 people\n"):
        welcome.show_progress(Terminal(stream), "giving", line)

    assert [line.partition(" s  ")[2] for line in stream.getvalue().splitlines()] == [
        "giving: 400 of 1,200 gifts"
    ]


class Filled:
    """A stack of which a part dies so many times while the demo of giving is made."""

    def __init__(self, folder: Path, deaths: int) -> None:
        self.layout = layout(folder, "127.0.0.1")
        self.layout.folder.open()
        self.stream = StringIO()
        self.terminal = Terminal(self.stream)
        self.deaths = deaths
        self.run: list[str] = []

    async def run_once(self, name: str, *told: Any) -> None:
        self.run.append(name)
        if name == "giving-demo" and self.deaths:
            self.deaths -= 1
            raise CannotGoOn("giving-demo failed: ConnectError")


def filled(folder: Path, monkeypatch: pytest.MonkeyPatch, *, deaths: int) -> Filled:
    fill: Callable[[Any, Disk], Any] = welcome.fill
    monkeypatch.setattr(welcome, "PAUSES_S", (0.0, 0.0))
    stack = Filled(folder, deaths)
    asyncio.run(fill(stack, Disk(stack.layout.folder, stack.terminal)))
    return stack


def test_a_demo_that_lacked_a_part_is_made_again_once_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = filled(tmp_path, monkeypatch, deaths=2)

    assert stack.run == ["directory-demo", "notify-demo", *["giving-demo"] * 3, "events-demo"]
    assert (tmp_path / "demo-giving-made").exists() and (tmp_path / "demo-events-made").exists()


def test_a_demo_that_cannot_be_made_stops_nothing_and_is_tried_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = filled(tmp_path, monkeypatch, deaths=3)

    assert "`make run` tries again" in stack.stream.getvalue()
    assert not (tmp_path / "demo-giving-made").exists()
    again = filled(tmp_path, monkeypatch, deaths=0)
    assert again.run == ["giving-demo", "events-demo"]


def test_a_demo_whose_disk_fills_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = cycle((0, 0, ROOM_MIB))
    monkeypatch.setattr(disk_module, "LOOKED_EVERY_S", 0.0)
    monkeypatch.setattr(disk_module, "free_mib", lambda place: next(free))

    stack = filled(tmp_path, monkeypatch, deaths=5)

    said = stack.stream.getvalue()
    assert "is full: make room; Amicale goes on by itself." in said and "There is room again" in said
    assert "giving-demo failed" not in said
    assert stack.run.count("giving-demo") == 6 and (tmp_path / "demo-events-made").exists()


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("192.0.2.7", "192.0.2.7 127.0.0.1"),
    ],
)
def test_the_gateway_always_listens_on_this_machine_too(tmp_path: Path, host: str, bound: str) -> None:
    told = layout(tmp_path, host)
    told.folder.open()

    assert told.environment("gateway")["GATEWAY_BIND"] == bound
