"""The path of one thing through the system: what this service said and heard about it, and when.

Each service answers `GET …/paths/<correlation id>` with its steps; web merges those of all services.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db import uuid7_time


@dataclass(frozen=True)
class Step:
    """One thing that happened on the way: `title` and `detail` for people, `technical` for who looks closer.

    `detail` is a text, or one in both languages. `state` is "bad" for what went wrong for good, "warn" for
    what still waits or was left undone, None for what is as it should be.
    """

    at: datetime
    kind: str
    title: dict[str, str]
    detail: str | dict[str, str] | None = None
    technical: dict[str, Any] = field(default_factory=dict)
    state: str | None = None


def message_steps(session: Session, correlation_id: UUID) -> list[Step]:
    """When messages of this chain were written, published, handled here, or died; the earliest first."""
    said = session.execute(_SAID, {"id": correlation_id})
    heard = session.execute(_HEARD, {"id": correlation_id})
    died = session.execute(_DIED, {"id": correlation_id})
    steps: list[Step] = []
    for row in said:
        steps.extend(_said(row))
    steps.extend(_step(row.handled_at, "heard", row.type, message_id=row.message_id) for row in heard)
    steps.extend(
        _step(row.died_at, "died", row.type, message_id=row.message_id, letter_id=row.id) for row in died
    )
    return in_order(steps)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """The earliest first; at the same moment, as they were given."""
    return sorted(steps, key=lambda step: step.at)


def _said(row: Any) -> list[Step]:
    facts = {"message_id": row.id, "topic": row.topic, "position": row.position}
    steps = [_step(uuid7_time(row.id), "said", row.type, **facts)]
    if row.published_at:
        steps.append(_step(row.published_at, "published", row.type, **facts))
    return steps


def _step(at: datetime, kind: str, type_name: str | None, **technical: Any) -> Step:
    shown = {name: value if isinstance(value, int) else str(value) for name, value in technical.items()}
    state = "bad" if kind == "died" else None
    return Step(at, kind, _WORDS[kind], technical={"type": type_name, **shown}, state=state)


_WORDS = {
    "said": {"fr": "Annonce préparée", "en": "News written"},
    "published": {"fr": "Annoncé aux autres services", "en": "Announced to the other services"},
    "heard": {"fr": "Entendu, et suivi d’effet", "en": "Heard, and acted on"},
    "died": {"fr": "Mis de côté : n’a pas pu être traité", "en": "Set aside: it could not be handled"},
}
_SAID = text("select id, type, topic, position, published_at from outbox where correlation_id = :id")
_HEARD = text("select message_id, type, handled_at from inbox where correlation_id = :id")
_DIED = text("select id, message_id, type, died_at from dead_letters where correlation_id = :id")
