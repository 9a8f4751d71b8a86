"""Import runs: the worker writes a confirmed import down, a batch of people a transaction.

The place in the file (`done_through`) moves with the people it wrote, so a killed run goes on where it
stopped, and a batch is written once.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.directory import enrolments, trail
from services.directory.models import Import, ImportRow
from shared.messages import ImportCompleted
from shared.outbox import publish

WRITTEN_AT_ONCE = 200
TRIES_MAX = 5
KEPT = timedelta(days=30)

_WAITING = (
    select(Import)
    .where(Import.confirmed_at.is_not(None), Import.completed_at.is_(None), Import.failed_at.is_(None))
    .order_by(Import.confirmed_at)
    .limit(1)
)


def write_some(session: Session, *, at: datetime) -> int:
    """Write the next batch of the import that waits longest; how many people it was, and 1 for its end."""
    running = session.scalars(_WAITING.with_for_update(skip_locked=True)).first()
    if running is None:
        return 0
    batch = next(batches(session, running.id, after=running.done_through, size=WRITTEN_AT_ONCE), None)
    if batch is None:
        _complete(session, running, at=at)
        return 1
    people = batch[0]
    outcomes = enrolments.enrol(
        session, people, source=f"import {running.id}", informed_by=running.informed_by, at=at
    )
    for outcome, count in outcomes.items():
        setattr(running, outcome, getattr(running, outcome) + count)
    running.done += len(people)
    running.done_through = people[-1].school_id
    return len(people)


def _complete(session: Session, running: Import, *, at: datetime) -> None:
    running.completed_at = at
    _end(session, running, at=at)


def note_failure(session: Session, error: BaseException, *, at: datetime) -> None:
    """The job stumbled; after five times the import is given up, with the kind of error and no values."""
    running = session.scalars(_WAITING.with_for_update()).first()
    if running is None:
        return
    running.tries += 1
    if running.tries >= TRIES_MAX:
        running.failed_at, running.failure = at, type(error).__name__
        _end(session, running, at=at)


def _end(session: Session, running: Import, *, at: datetime) -> None:
    """Tell of the end, and forget the place: it is somebody's number."""
    running.done_through = None
    session.flush()
    publish(
        session,
        ImportCompleted(import_id=running.id, counts=running.counts, completed_at=at, status=running.status),
    )
    trail.note(session, running, by=running.confirmed_by, action=f"import.{running.status}", at=at)


def batches(session: Session, import_id: uuid.UUID, *, after: str | None, size: int) -> Iterator:
    """(people, rows that disagree), `size` numbers at a time in the order of numbers, from `after` on."""
    good = (ImportRow.import_id == import_id, ImportRow.reason.is_(None))
    while True:
        further = (
            select(ImportRow.school_id).where(*good).distinct().order_by(ImportRow.school_id).limit(size)
        )
        numbers = session.scalars(
            further.where(ImportRow.school_id > after) if after is not None else further
        ).all()
        if not numbers:
            return
        rows = select(ImportRow).where(
            *good, ImportRow.school_id >= numbers[0], ImportRow.school_id <= numbers[-1]
        )
        found = session.scalars(rows.order_by(ImportRow.school_id, ImportRow.row)).all()
        yield enrolments.gather(list(found))
        after = numbers[-1]


def forget_old(session: Session, *, at: datetime) -> int:
    """Delete what files said, a month after they were checked: of imports never confirmed everything, of
    others the rows; their counts stay.
    """
    old = Import.checked_at < at - KEPT
    session.execute(delete(Import).where(old, Import.confirmed_at.is_(None)))
    ended = select(Import.id).where(old, Import.completed_at.is_not(None) | Import.failed_at.is_not(None))
    gone = delete(ImportRow).where(ImportRow.import_id.in_(ended)).returning(ImportRow.row)
    return len(session.execute(gone).all())
