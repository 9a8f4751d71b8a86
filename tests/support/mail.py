"""The sandbox's mail server for tests: it keeps what it takes, and refuses what it is told to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.mailbox import letters, script, smtp
from sandbox.mailbox.letters import Letter
from sandbox.store import Store
from tests.support.broker import free_port


@dataclass(frozen=True)
class Mail:
    """A running mail server; `url` is what notify is told as SMTP_URL."""

    port: int
    store: Store

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def script(self, *rules: dict[str, Any]) -> None:
        """Refuse: see sandbox.mailbox.script.Rule. Without rules, take everything."""
        with self.store.transaction() as db:
            script.write(db, script.parsed(list(rules)))

    def letters(self, like: str = "") -> list[Letter]:
        """What was taken, oldest first; `like` is part of a subject or an address."""
        with self.store.transaction() as db:
            return letters.listed(db, like=like, limit=100_000)[::-1]

    def await_letters(self, count: int, like: str = "", within_s: float = 10.0) -> list[Letter]:
        until = time.monotonic() + within_s
        while len(found := self.letters(like)) < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(found)} of {count} emails arrived")
            time.sleep(0.01)
        return found

    def clear(self) -> None:
        with self.store.transaction() as db:
            letters.clear(db)


@contextmanager
def mail(folder: Path) -> Iterator[Mail]:
    """The mail server in this process, on a free port."""
    store, port = Store(folder / "mail.sqlite3"), free_port()
    server = smtp.server(store, port)
    server.start()
    try:
        yield Mail(port, store)
    finally:
        server.stop()
        store.close()
