"""What the terminal shows of what the parts say, and what the files keep."""

import asyncio
import json
from io import StringIO
from pathlib import Path

import pytest

from deploy.local import logs, terminal
from deploy.local.logs import LogFile
from deploy.local.terminal import Fact, Terminal, worth_showing


def said(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_a_fact_is_shown_with_its_fields() -> None:
    line = said(event="donation settled", level="info", donation_id="d1", service="giving", timestamp="now")

    fact = worth_showing(line)

    assert fact and fact.text == "donation settled  donation_id=d1"


def test_the_gift_that_a_fact_belongs_to_is_shown_when_it_is_known() -> None:
    known = worth_showing(said(event="email attempted", level="info", correlation_id="d1", code=250))
    unknown = worth_showing(said(event="email attempted", level="info", correlation_id=None, code=None))

    assert known and known.text == "email attempted  correlation_id=d1  code=250"
    assert unknown and unknown.text == "email attempted"


def test_a_warning_says_that_it_is_one() -> None:
    fact = worth_showing(said(event="broker away", level="warning"))

    assert fact and fact.text == "WARNING  broker away"


@pytest.mark.parametrize(
    "line",
    [
        said(event="request answered", level="info"),
        said(event="x", level="debug"),
        b"plain\n",
        b"{half\n",
        b"[1]\n",
    ],
)
def test_what_is_no_news_stays_in_the_file(line: bytes) -> None:
    assert worth_showing(line) is None


def test_a_terminal_without_colours_gets_none() -> None:
    stream = StringIO()
    Terminal(stream).part("giving-api", "donation settled")

    assert "\x1b" not in stream.getvalue() and "giving-api  donation settled" in stream.getvalue()


def test_of_many_facts_alike_the_first_three_are_shown_and_then_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, now = StringIO(), [100.0]
    shown = Terminal(stream)
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])

    for number in range(50):
        shown.fact("notify-worker", Fact("email sent", "info", (f"n={number}",)))
    now[0] += 11
    shown.fact("notify-worker", Fact("email sent", "info", ("n=last",)))

    said = [line.split("  ", 1)[1].strip() for line in stream.getvalue().splitlines()]
    assert [line for line in said if "more" in line] == [said[3]] and "and 47 more" in said[3]
    assert said[2].endswith("n=2") and said[4].endswith("n=last") and len(said) == 5


def test_while_the_stack_starts_only_warnings_are_shown() -> None:
    stream = StringIO()
    shown = Terminal(stream)
    shown.shows_facts = False

    shown.fact("web", Fact("page shown", "info", ()))
    shown.fact("web", Fact("page broken", "error", ()))

    assert "page shown" not in stream.getvalue() and "ERROR  page broken" in stream.getvalue()


def test_what_still_goes_on_is_said_when_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    shown = Terminal(stream)

    async def some_time(silent_s_max: float) -> int:
        monkeypatch.setattr(terminal, "SILENT_S_MAX", silent_s_max)
        before = stream.getvalue().count("still making gifts ...")
        with shown.still(lambda: "making gifts"):
            await asyncio.sleep(0.1)
        return stream.getvalue().count("still making gifts ...") - before

    assert asyncio.run(some_time(30)) == 0
    assert asyncio.run(some_time(0.02)) > 1


def test_a_terminal_that_went_away_stops_nothing() -> None:
    class Gone(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Terminal(Gone()).line("hello")


def test_files_are_rotated_and_three_old_ones_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES_MAX", 100)
    log = LogFile(tmp_path / "web.log")

    for number in range(100):
        log.write(f"line {number:03} of some length\n".encode())
    log.close()

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["web.1.log", "web.2.log", "web.3.log", "web.log"]


def test_the_reason_is_the_error_named_last_not_the_decoration_after_it(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log")
    for line in ("Traceback:", "sqlalchemy.exc.ProgrammingError: no table x", "[SQL: …]", "(Background: …)"):
        log.write(line.encode() + b"\n")

    assert log.reason() == "sqlalchemy.exc.ProgrammingError: no table x"
