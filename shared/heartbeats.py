"""Heartbeats: what a worker says of itself every two seconds; `/readyz` and the system page read it."""

import json
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

BEAT_S = 2.0
FRESH = timedelta(seconds=10)
ILL_MAX = timedelta(seconds=60)
FORGOTTEN = timedelta(hours=1)


@dataclass(frozen=True)
class Heartbeat:
    """The last that a worker said."""

    worker: str
    started_at: datetime
    beat_at: datetime
    state: dict[str, Any]

    def fresh(self, at: datetime) -> bool:
        """Whether the worker is surely alive."""
        return at - self.beat_at < FRESH

    def troubles(self, at: datetime) -> list[str]:
        """Why a service with this worker is not ready, in words for an operator."""
        return [*_of_consumer(self.state.get("consumer"), at), *_of_relay(self.state.get("relay"), at)]


def _of_consumer(state: dict[str, Any] | None, at: datetime) -> Iterator[str]:
    if not state:
        return
    if state.get("stopped"):
        yield f"consumer stopped: {state['stopped']}"
    elif not state.get("joined"):
        yield "consumer has not joined its group"
    elif state.get("catching_up"):
        yield "the replica of people is being read"
    if _over(state.get("ill_since"), at, ILL_MAX):
        yield "messages cannot be handled for over 60 s"


def _of_relay(state: dict[str, Any] | None, at: datetime) -> Iterator[str]:
    if not state:
        return
    if _over(state.get("trouble_since"), at, FRESH):
        yield f"relay: {state.get('trouble')}"
    elif state.get("oldest_s", 0) > ILL_MAX.total_seconds():
        yield "the oldest message waits for over 60 s"


def _over(since: str | None, at: datetime, limit: timedelta) -> bool:
    return since is not None and at - datetime.fromisoformat(since) > limit


def worker_name() -> str:
    """This process, as no other names itself."""
    return f"{socket.gethostname()}:{os.getpid()}"


def beat(session: Session, worker: str, *, started_at: datetime, state: dict[str, Any], at: datetime) -> None:
    """Say that this worker lives and how it is; forget workers that have been silent for an hour."""
    values = {"worker": worker, "started_at": started_at, "at": at, "state": json.dumps(state)}
    session.execute(_BEAT, values)
    session.execute(_FORGET, {"before": at - FORGOTTEN})


def heartbeats(session: Session) -> list[Heartbeat]:
    """The last that each worker said, the newest first."""
    return [Heartbeat(*row) for row in session.execute(_READ)]


def lag(workers: Iterable[Heartbeat], at: datetime) -> int | None:
    """How many messages a service has not handled yet: each worker knows its own partitions'.

    None while no living worker says.
    """
    states = [each.state.get("consumer") or {} for each in workers if each.fresh(at)]
    said = [state["lag"] for state in states if state.get("lag") is not None]
    return sum(said) if said else None


def not_ready(session: Session, at: datetime) -> list[str]:
    """Why the service's worker does not do its work; empty when it does."""
    fresh = [each for each in heartbeats(session) if each.fresh(at)]
    if not fresh:
        return ["no worker is running"]
    return sorted({trouble for each in fresh for trouble in each.troubles(at)})


_BEAT = text("""
    insert into heartbeats (worker, beat_at, started_at, state)
    values (:worker, :at, :started_at, cast(:state as jsonb))
    on conflict (worker) do update set beat_at = excluded.beat_at, state = excluded.state
""")
_FORGET = text("delete from heartbeats where beat_at < :before")
_READ = text("select worker, started_at, beat_at, state from heartbeats order by beat_at desc")
