"""How a service is doing, and the messages it set aside, for those who run the system."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import audit, current, dead_letters, health, heartbeats
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import now
from shared.dead_letters import DeadLetter
from shared.errors import Conflict
from shared.http import Blueprint
from shared.i18n import Bilingual
from shared.outbox import outbox_state
from shared.pages import PageQuery, read_cursor, write_cursor
from shared.paths import Step, in_order, message_steps

routes = Blueprint("system", __name__)

REPLAY_WAIT_S = 5.0
LOOK_EVERY_S = 0.1


May = Callable[[str], bool]
"""Whether who asks has a right."""
Steps = Callable[[Session, UUID, May], Iterable[Step]]
"""A service's own steps in the path of a fact: emails sent, webhooks received, … `system.read` sees that they
happened and when; what they say of a person or of their money is told to who may read that elsewhere too."""
Waits = Callable[[Session], dict[str, datetime | None]]
"""What a service sends out by itself, and since when the oldest of it waits."""
Refused = Callable[[Session, datetime], dict[str, int]]
"""What a service sends out by itself, and how many of it were refused for good in the hours before."""
ForStaff = Callable[[Session], dict[str, int]]
"""What waits in a service for a person to look at it, and how many of it."""


class ReplayFailed(Conflict):
    """The message still cannot be handled; see `reason`."""


class OutboxShown(Schema):
    unpublished = fields.Integer(required=True)
    oldest_age_s = fields.Float(required=True)


class WorkerShown(Schema):
    worker = fields.String(required=True)
    beat_at = fields.AwareDateTime(required=True, default_timezone=UTC)
    started_at = fields.AwareDateTime(required=True, default_timezone=UTC)
    state = fields.Dict(required=True)


class JobShown(Schema):
    job = fields.String(required=True)
    last_run_at = fields.AwareDateTime(required=True, allow_none=True, default_timezone=UTC)
    last_result = fields.String(required=True, allow_none=True)


class WaitShown(Schema):
    what = fields.String(required=True, metadata={"description": "emails or deliveries"})
    since = fields.AwareDateTime(required=True, allow_none=True, default_timezone=UTC)


class RefusedShown(Schema):
    what = fields.String(required=True, metadata={"description": "emails"})
    count = fields.Integer(required=True, metadata={"description": "refused for good in the last six hours"})


class SystemShown(Schema):
    service = fields.String(required=True)
    at = fields.AwareDateTime(required=True, default_timezone=UTC)
    ready = fields.Boolean(required=True)
    reasons = fields.List(fields.String(), required=True)
    warnings = fields.List(
        fields.String(), required=True, metadata={"description": "what to look at though it is ready"}
    )
    outbox = fields.Nested(OutboxShown, required=True)
    lag = fields.Integer(required=True, allow_none=True)
    dead_letters = fields.Integer(required=True)
    held = fields.Integer(required=True)
    worker_seen_at = fields.AwareDateTime(required=True, allow_none=True, default_timezone=UTC)
    workers = fields.List(fields.Nested(WorkerShown), required=True)
    jobs = fields.List(fields.Nested(JobShown), required=True)
    waits = fields.List(fields.Nested(WaitShown), required=True)
    refused = fields.List(fields.Nested(RefusedShown), required=True)


class LetterListed(Schema):
    id = fields.UUID(required=True)
    consumer = fields.String(required=True)
    topic = fields.String(required=True)
    partition = fields.Integer(required=True)
    offset = fields.Integer(required=True)
    key = fields.String(allow_none=True)
    type = fields.String(allow_none=True)
    message_id = fields.UUID(allow_none=True)
    correlation_id = fields.UUID(allow_none=True)
    reason = fields.String(required=True)
    tries = fields.Integer(required=True)
    died_at = fields.AwareDateTime(required=True, default_timezone=UTC)
    replay_asked_at = fields.AwareDateTime(allow_none=True, default_timezone=UTC)
    replayed_at = fields.AwareDateTime(allow_none=True, default_timezone=UTC)
    discarded_at = fields.AwareDateTime(allow_none=True, default_timezone=UTC)
    discard_reason = fields.String(allow_none=True)
    closed_by = fields.UUID(allow_none=True)
    held_count = fields.Integer(required=True, attribute="held")


class LetterShown(LetterListed):
    headers = fields.Dict(keys=fields.String(), allow_none=True)
    value = fields.Raw(allow_none=True, metadata={"description": "What it said, personal values masked."})


class LetterPage(Schema):
    items = fields.List(fields.Nested(LetterListed), required=True)
    next = fields.String(required=True, allow_none=True)


class StepShown(Schema):
    at = fields.AwareDateTime(required=True, default_timezone=UTC)
    service = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.Nested(Bilingual, required=True)
    detail = fields.Raw(allow_none=True, metadata={"description": "A text, or one in both languages."})
    state = fields.String(allow_none=True, metadata={"description": "`bad` or `warn` when it went wrong."})
    technical = fields.Dict(keys=fields.String(), metadata={"description": "Ids and numbers, for operators."})


class PathShown(Schema):
    steps = fields.List(fields.Nested(StepShown), required=True)


class LetterQuery(PageQuery):
    state = fields.String(load_default="waiting", validate=validate.OneOf(["waiting", "all"]))


class Discard(Schema):
    reason = fields.String(required=True, validate=validate.Length(3, 200))


@routes.get("/system", allow="system.read")
@routes.response(200, SystemShown)
def show() -> dict[str, Any]:
    """Outbox, worker, lag, dead letters and jobs of this service."""
    here = current.service()
    reasons, at = health.not_ready(), now()
    with here.database.transaction() as session:
        waits, refused = health.flow(session, at)
        return _state(session, here.name, reasons, at=at) | {
            "warnings": health.warnings(waits, refused, at),
            "waits": [{"what": what, "since": since} for what, since in waits.items()],
            "refused": [{"what": what, "count": count} for what, count in refused.items()],
        }


@routes.get("/dead-letters", allow="system.read")
@routes.arguments(LetterQuery, location="query")
@routes.response(200, LetterPage)
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Messages that could not be handled, the newest first."""
    after = None if query["after"] is None else _letter_id(query["after"])
    with current.service().database.transaction() as session:
        waiting, most = query["state"] == "waiting", query["limit"]
        found = dead_letters.letters(session, waiting=waiting, after=after, limit=most + 1)
    more = len(found) > most
    return {"items": found[:most], "next": write_cursor([found[most - 1].id]) if more else None}


@routes.get("/dead-letters/<uuid:letter_id>", allow="system.read", refuses=(dead_letters.LetterNotFound,))
@routes.response(200, LetterShown)
def show_letter(letter_id: UUID) -> DeadLetter:
    """One message that could not be handled, personal values masked."""
    with current.service().database.transaction() as session:
        return dead_letters.letter(session, letter_id)


@routes.post(
    "/dead-letters/<uuid:letter_id>/replays",
    allow="system.manage",
    refuses=(
        dead_letters.LetterNotFound,
        dead_letters.LetterClosed,
        dead_letters.LetterCleared,
        ReplayFailed,
    ),
)
@routes.response(200, LetterShown)
@routes.alt_response(202, schema=LetterShown, description="Asked for; the worker has not answered yet.")
def replay(letter_id: UUID) -> DeadLetter | tuple[DeadLetter, int]:
    """Have it handled again by the worker, then what waits behind it, in order.

    409 `replay_failed` when it still cannot be handled; 202 when the worker has not answered in time.
    """
    at = now()
    with current.service().database.transaction() as session:
        before = dead_letters.letter(session, letter_id)
        dead_letters.ask_replay(session, letter_id, by=caller().person_id, at=at)
        _note(session, "dead_letter.replay", before, at=at)
    return _outcome(before, deadline=time.monotonic() + REPLAY_WAIT_S)


@routes.post(
    "/dead-letters/<uuid:letter_id>/discards",
    allow="system.manage",
    refuses=(dead_letters.LetterNotFound, dead_letters.LetterClosed),
)
@routes.arguments(Discard)
@routes.response(200, LetterShown)
def discard(wish: dict[str, Any], letter_id: UUID) -> DeadLetter:
    """Give it up for a stated reason; what waits behind it goes on."""
    at = now()
    with current.service().database.transaction() as session:
        dead_letters.discard(session, letter_id, reason=wish["reason"], by=caller().person_id, at=at)
        found = dead_letters.letter(session, letter_id)
        _note(session, "dead_letter.discard", found, at=at, detail=wish)
        return found


@routes.get("/paths/<uuid:correlation_id>", allow="system.read")
@routes.response(200, PathShown)
def show_path(correlation_id: UUID) -> dict[str, Any]:
    """What this service did under a correlation id, in order of time; no steps when it heard nothing."""
    here = current.service()
    with here.database.transaction() as session:
        own = here.steps(session, correlation_id, caller().has) if here.steps else ()
        found = in_order([*message_steps(session, correlation_id), *own])
    return {"steps": [{"service": here.name, **asdict(step)} for step in found]}


def _outcome(before: DeadLetter, *, deadline: float) -> DeadLetter | tuple[DeadLetter, int]:
    """What became of a replay that was asked for; ReplayFailed when the worker tried in vain."""
    while True:
        with current.service().database.transaction() as session:
            found = dead_letters.letter(session, before.id)
        if found.replayed_at is not None:
            return found
        if found.replay_asked_at is None:
            raise ReplayFailed(reason=found.reason)
        if time.monotonic() >= deadline:
            return found, 202
        time.sleep(LOOK_EVERY_S)


def _note(session: Session, action: str, letter: DeadLetter, *, at: datetime, detail: Any = None) -> None:
    audit.record(
        session,
        by=caller().person_id,
        action=action,
        subject=("dead_letter", letter.id),
        right="system.manage",
        detail=detail,
        at=at,
    )


def _state(session: Session, service: str, reasons: list[str], *, at: datetime) -> dict[str, Any]:
    outbox = outbox_state(session)
    workers = heartbeats.heartbeats(session)
    return {
        "service": service,
        "at": at,
        "ready": not reasons,
        "reasons": reasons,
        "outbox": {"unpublished": outbox.unpublished, "oldest_age_s": outbox.age_s(at)},
        "lag": heartbeats.lag(workers, at),
        "dead_letters": dead_letters.waiting_count(session),
        "held": session.execute(_HELD).scalar_one(),
        "worker_seen_at": workers[0].beat_at if workers else None,
        "workers": workers,
        "jobs": [row._asdict() for row in session.execute(_JOBS)],
    }


def _letter_id(cursor: str) -> UUID:
    try:
        (letter_id,) = map(UUID, read_cursor(cursor))
    except ValueError:
        raise FieldsRefused({"after": ["Not a cursor of this list."]}) from None
    return letter_id


_JOBS = text("select job, last_run_at, last_result from leases order by job")
_HELD = text("select count(*) from held_messages")
