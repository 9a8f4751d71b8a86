"""What the terminal says once everything is ready."""

from io import StringIO
from pathlib import Path

import pytest

from deploy.local import welcome
from deploy.local.layout import Layout
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
