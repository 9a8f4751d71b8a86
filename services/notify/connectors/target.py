"""Where a connector sends to, and how it says what came of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Marks = Mapping[str, Mapping[str, Sequence[str]]]
"""By record (`contact`, or the id of a gift, registration or event) and field: the marks of the values that
we may have written."""


Hold = Callable[[Sequence[str]], Collection[str]]
"""Those of these records of ours that this delivery alone may make now, where no key over there keeps two
from being made."""


@dataclass(frozen=True)
class Memory:
    """What we know of the other side from earlier deliveries, in marks: no value of anybody.

    `written` are values that are there by our hand, `kept` those of ours that staff decided not to write.
    """

    written: Marks = field(default_factory=dict)
    kept: Marks = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """An address of somebody else, with the secret that we share with them."""

    url: str
    secret: str = field(repr=False)
    allowed_hosts: Collection[str] = ()
    memory: Memory = field(default_factory=Memory, repr=False)
    mark_key: str = field(default="", repr=False)
    hold: Hold = field(default=lambda record_ids: (), repr=False)


@dataclass(frozen=True)
class Clash:
    """A field that somebody changed over there: it was left as it is, and staff decide."""

    record: str
    field: str
    ours: Any = field(repr=False)
    theirs: Any = field(repr=False)


@dataclass(frozen=True)
class Arrived:
    """The other side took it: the answer's code, and where hands over there had changed what we wrote."""

    code: int
    clashes: Sequence[Clash] = ()


class Missed(Exception):
    """The other side did not take it, or we cannot know whether it did."""

    def __init__(self, error: str, *, code: int | None = None, retry_after_s: float | None = None) -> None:
        self.error, self.code, self.retry_after_s = error, code, retry_after_s
        super().__init__(error)


class BeingMade(Missed):
    """Another delivery makes at this moment what this one needs: the other side is well."""

    def __init__(self) -> None:
        super().__init__("another delivery is making it")


def unreadable(error: Exception) -> Missed:
    """The miss of an answer that no rule foresaw: the kind of error alone, for its text may quote anybody."""
    return Missed(f"answered what cannot be read ({type(error).__name__})")
