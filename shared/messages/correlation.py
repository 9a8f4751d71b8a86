"""The id at the origin of a chain of messages, known to everything that happens while one is handled."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_current: ContextVar[UUID | None] = ContextVar("correlation_id", default=None)


def current() -> UUID | None:
    """The correlation id of the message being handled or the request being served, if any."""
    return _current.get()


@contextmanager
def set_to(correlation_id: UUID | None) -> Iterator[None]:
    """Everything published inside the block belongs to this chain."""
    token = _current.set(correlation_id)
    try:
        yield
    finally:
        _current.reset(token)
