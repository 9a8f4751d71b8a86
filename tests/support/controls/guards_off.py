"""The guards that can be left out, and the moments at which a process can be made to die.

Each is named after the file in the folder GUARDS_OFF that asks for it, and is applied when the module that
holds the guard is imported. Nothing here may import our code: this runs before the process has begun.
"""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

Change = Callable[[ModuleType], None]
folder = Path(os.devnull)


def leave_out(names: Sequence[str], named_in: Path) -> None:
    """Apply these changes, each when its module is imported."""
    global folder
    folder = named_in
    sys.meta_path.insert(0, Changing([CHANGES[name] for name in names]))


class Changing(MetaPathFinder):
    """Finds the modules that are to be changed, once, and changes them when they have run."""

    def __init__(self, changes: Sequence[tuple[str, Change]]) -> None:
        self.waiting: dict[str, list[Change]] = {}
        for name, change in changes:
            self.waiting.setdefault(name, []).append(change)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        changes = self.waiting.pop(name, None)
        spec = importlib.util.find_spec(name) if changes else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            for change in changes or ():
                change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def die(moment: str) -> None:
    """As a power cut does, once: the next process does not find the file."""
    try:
        (folder / moment).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _tells_of_a_gift(envelopes: Any) -> bool:
    return any(each.type == "donation.settled" for each in envelopes)


def dies_before_the_effect(inbox: Any) -> None:
    """A gift was heard, nothing of it is written."""
    take = inbox.Inbox.take

    def mortal(self: Any, envelopes: Any) -> Any:
        if _tells_of_a_gift(envelopes):
            die("dies-before-the-effect")
        return take(self, envelopes)

    inbox.Inbox.take = mortal


def dies_after_the_effect(inbox: Any) -> None:
    """What follows from a gift is committed; that it was heard is not known to the broker."""
    take = inbox.Inbox.take

    def mortal(self: Any, envelopes: Any) -> Any:
        handled = take(self, envelopes)
        if handled and _tells_of_a_gift(envelopes):
            die("dies-after-the-effect")
        return handled

    inbox.Inbox.take = mortal


def offsets_first(consumer: Any) -> None:
    """Off: an offset is stored when its message was handled. Now it is stored when the message comes."""
    handle = consumer.Consumer._handle_together

    def hasty(self: Any, batch: Any) -> Any:
        self._commit({place: envelopes[-1].offset + 1 for place, envelopes in batch.items()})
        return handle(self, batch)

    consumer.Consumer._handle_together = hasty


def no_memory(inbox: Any) -> None:
    """Off: a message is known again by its id. Now whatever arrives is new to all that is keyed by it."""
    from dataclasses import replace

    from shared.db import uuid7

    handle = inbox.Inbox.handle

    def forgetful(self: Any, session: Any, envelopes: Any, **how: Any) -> Any:
        renamed = [replace(each, headers={**each.headers, "ce_id": str(uuid7())}) for each in envelopes]
        return handle(self, session, renamed, **how)

    inbox.Inbox.handle = forgetful


def cluster_unknown(relay: Any) -> None:
    """Off: another cluster id means that the broker lost what it held."""
    relay.Relay._compare = lambda self, connection, cluster_id: None


def passes_over_what_fails(consumer: Any) -> None:
    """Off: a message that fails because we are ill keeps its place."""

    def failed(self: Any, place: Any, envelope: Any, error: Exception) -> bool:
        consumer.log.error("passed over", type=envelope.type, reason=consumer.reason_of(error))
        return True

    consumer.Consumer._failed = failed


def asks_without_a_key(gateway: Any) -> None:
    """Off: our id is the provider's idempotency key."""
    client = gateway._client
    gateway._client = lambda account: Keyless(client(account))


class Keyless:
    """A client of the provider whose `create` is called without its options."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name == "create":
            return lambda wish, options=None: found(wish)
        return found if callable(found) else Keyless(found)


def short_sessions(kafka: Any) -> None:
    """No guard: the group notices a death sooner, so that tests wait less."""
    kafka.CONSUMER.update(session_timeout_ms=2_000, heartbeat_interval_ms=400)


def impatient(gateway: Any) -> None:
    """No guard: the provider is given up on sooner, so that tests wait less."""
    gateway.READ_TIMEOUT_S = 1.5


CHANGES: dict[str, tuple[str, Change]] = {
    "dies-before-the-effect": ("shared.inbox", dies_before_the_effect),
    "dies-after-the-effect": ("shared.inbox", dies_after_the_effect),
    "offsets-first": ("shared.consumer", offsets_first),
    "no-memory": ("shared.inbox", no_memory),
    "cluster-unknown": ("shared.relay", cluster_unknown),
    "passes-over-what-fails": ("shared.consumer", passes_over_what_fails),
    "asks-without-a-key": ("shared.payments.gateway", asks_without_a_key),
    "short-sessions": ("shared.kafka", short_sessions),
    "impatient": ("shared.payments.gateway", impatient),
}
