"""How far a long command has come, printed now and then for whoever waits: `400 of 1,200 gifts`."""

import time

SAID_EVERY_S = 10.0


class Progress:
    """Counts up to `all`; nothing is printed by what is quick."""

    def __init__(self, all: int, what: str) -> None:
        self.all = all
        self.what = what
        self._said_at = time.monotonic()

    def reached(self, done: int) -> None:
        """So many are done."""
        if time.monotonic() - self._said_at >= SAID_EVERY_S:
            self._said_at = time.monotonic()
            print(f"{done:,} of {self.all:,} {self.what}", flush=True)
