"""The terminal: a line a step with its time, and the facts of the parts behind their names."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
FACT_FIELDS_NOT_SHOWN = {
    "event", "level", "timestamp", "service", "logger", "request_id", "message_id", "trace_id", "span_id",
    "process", "exception",
}  # fmt: skip
# Of many facts alike, so many are shown, then their number after so long.
SAME_SHOWN = 3
SAME_AGAIN_AFTER_S = 10.0
SILENT_S_MAX = 15.0


class Terminal:
    """What the person who started it sees."""

    def __init__(self, stream: TextIO = sys.stdout, *, colours: bool | None = None) -> None:
        self.stream = stream
        self.started = self._said_at = time.monotonic()
        self.colours = stream.isatty() if colours is None else colours
        self.shows_facts = True
        self._colour_of: dict[str, int] = {}
        self._alike: dict[tuple[str, str], Alike] = {}

    def step(self, text: str) -> None:
        """Something is done; the time since the start stands before it."""
        self.line(f"{self.paint(f'{time.monotonic() - self.started:5.1f} s', 2)}  {text}")

    @contextmanager
    def still(self, what: Callable[[], str]) -> Iterator[None]:
        """Say what still goes on, whenever nothing else was said for a while."""
        saying = asyncio.create_task(self._say_still(what))
        try:
            yield
        finally:
            saying.cancel()

    async def _say_still(self, what: Callable[[], str]) -> None:
        while True:
            silent_s = time.monotonic() - self._said_at
            if silent_s >= SILENT_S_MAX:
                self.step(f"still {what()} ...")
            else:
                await asyncio.sleep(SILENT_S_MAX - silent_s)

    def warn(self, text: str) -> None:
        """Something that its reader may want to act on."""
        self.line(f"{self.paint('  note ', 33)}  {text}")

    def fail(self, sentence: str) -> None:
        """Why it ends."""
        self.line(self.paint(sentence, 31))

    def part(self, name: str, text: str) -> None:
        """One line of a part, behind its name."""
        colour = self._colour_of.setdefault(name, COLOURS[len(self._colour_of) % len(COLOURS)])
        self.line(f"{self.paint(f'{name:>16}', colour)}  {text}")

    def fact(self, name: str, fact: "Fact") -> None:
        """What a part says; while the stack starts warnings only, and of many alike the first few."""
        if not self.shows_facts and fact.level == "info":
            return
        alike = self._alike.setdefault((name, fact.event), Alike())
        before = alike.count(time.monotonic())
        if before:
            self.part(name, f"{fact.event}  ... and {before} more")
        if alike.shown:
            self.part(name, fact.text)

    def paint(self, text: str, colour: int) -> str:
        """The text in a colour, where colours are understood."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours else text

    def line(self, text: str) -> None:
        """One whole line; a terminal that went away is no reason to stop."""
        self._said_at = time.monotonic()
        try:
            self.stream.write(text + "\n")
            self.stream.flush()
        except OSError:
            pass


@dataclass
class Alike:
    """How many facts of one kind came within a while, and whether the last one is to be shown."""

    since: float = 0.0
    came: int = 0
    shown: bool = True

    def count(self, now: float) -> int:
        """Count one more; how many were not shown before it, once a new while begins."""
        held = 0
        if now - self.since > SAME_AGAIN_AFTER_S:
            held, self.since, self.came = max(0, self.came - SAME_SHOWN), now, 0
        self.came += 1
        self.shown = self.came <= SAME_SHOWN
        return held


@dataclass(frozen=True)
class Fact:
    """One structured line of a part."""

    event: str
    level: str
    fields: tuple[str, ...]

    @property
    def text(self) -> str:
        """As the terminal shows it."""
        return "  ".join([*([self.level.upper()] if self.level != "info" else []), self.event, *self.fields])


def worth_showing(line: bytes) -> Fact | None:
    """Our facts and warnings; None for what belongs in the file alone."""
    if not line.startswith(b"{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("event"), str):
        return None
    level = str(said.get("level", "info")).lower()
    if level == "debug" or (level == "info" and said["event"].startswith(("request", "http"))):
        return None
    told = {name: value for name, value in said.items() if value is not None}
    fields = [f"{name}={value}" for name, value in told.items() if name not in FACT_FIELDS_NOT_SHOWN]
    return Fact(said["event"], level, tuple(fields))
