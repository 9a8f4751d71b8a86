"""A text that takes whoever composes it the square of its length, and a limit that this passes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

MARKS = "a" + "\u0301\u0323" * 20_000
"""As long as a request's body may be once it is escaped."""

SOON_S = 0.5
"""Of the processor: reading MARKS takes some hundredths, composing them once more than a second."""


@contextmanager
def soon() -> Iterator[None]:
    """What this thread does inside takes it little time, however busy the machine is."""
    begun = time.thread_time()
    yield
    assert time.thread_time() - begun < SOON_S
