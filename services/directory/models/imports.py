"""A file of people: checked first, written only when confirmed."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.directory.models.base import Base
from shared.db import Id, Instant
from shared.errors import Conflict
from shared.once import ONCE_KEY, Once

OUTCOMES = ("created", "updated", "unchanged")
STATUSES = ("checked", "discarded", "running", "done", "failed")


class ImportAlreadyConfirmed(Conflict):
    """This import was confirmed; it is being written, or was."""


class ImportAlreadyDiscarded(Conflict):
    """This import was discarded; its rows are gone. Check the file again."""


class Import(Once, Base):
    """One file. `created`, `updated` and `unchanged` count people, `refused` counts rows,
    `emails_withheld` addresses that staff had corrected or removed.

    Counts say what would happen until it is confirmed, then what did. `done_through` is the school id
    that the job has come to; it moves in the transaction that writes the people.
    """

    __tablename__ = "imports"

    id: Mapped[Id]
    filename: Mapped[str]
    encoding: Mapped[str]
    delimiter: Mapped[str]
    columns: Mapped[dict[str, str]] = mapped_column(JSONB)
    ignored: Mapped[list[str]] = mapped_column(JSONB)
    header: Mapped[list[str]] = mapped_column(JSONB)
    informed_by: Mapped[str | None]
    rows: Mapped[int] = mapped_column(default=0)
    people: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    emails_withheld: Mapped[int] = mapped_column(default=0)
    done_through: Mapped[str | None] = mapped_column(Text(collation="C"))
    done: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    checked_by: Mapped[uuid.UUID | None]
    checked_at: Mapped[Instant]
    confirmed_by: Mapped[uuid.UUID | None]
    confirmed_at: Mapped[datetime | None]
    discarded_by: Mapped[uuid.UUID | None]
    discarded_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("completed_at is null or confirmed_at is not null", name="confirmed_first"),
        CheckConstraint("discarded_at is null or confirmed_at is null", name="written_or_discarded"),
        CheckConstraint("completed_at is null or failed_at is null", name="one_end"),
        CheckConstraint("done <= people", name="done"),
        Index(
            "ix_imports_waiting",
            "confirmed_at",
            postgresql_where=text("confirmed_at IS NOT NULL AND completed_at IS NULL AND failed_at IS NULL"),
        ),
    )

    @property
    def status(self) -> str:
        """One of STATUSES."""
        if self.discarded_at:
            return "discarded"
        if self.failed_at:
            return "failed"
        if self.completed_at:
            return "done"
        return "running" if self.confirmed_at else "checked"

    def confirm(self, *, by: uuid.UUID | None, at: datetime) -> bool:
        """To be written from now on: whether that is news. The counts begin anew, with what is done."""
        if self.discarded_at is not None:
            raise ImportAlreadyDiscarded
        if self.confirmed_at is not None:
            return False
        self.confirmed_by, self.confirmed_at = by, at
        for name in (*OUTCOMES, "emails_withheld"):
            setattr(self, name, 0)
        return True

    def discard(self, *, by: uuid.UUID | None, at: datetime) -> bool:
        """Never to be written: whether that is news."""
        if self.confirmed_at is not None:
            raise ImportAlreadyConfirmed
        if self.discarded_at is not None:
            return False
        self.discarded_by, self.discarded_at = by, at
        return True

    @property
    def counts(self) -> dict[str, int]:
        """What it would do, or did."""
        return {name: getattr(self, name) for name in (*OUTCOMES, "refused")}


class ImportRow(Base):
    """One row of the file: what was understood, or why it was refused. Kept 30 days."""

    __tablename__ = "import_rows"

    import_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    school_id: Mapped[str | None] = mapped_column(Text(collation="C"))
    wish: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    cells: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    reason: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("(wish is null) = (reason is not null)", name="understood_or_refused"),
        Index(
            "ix_import_rows_people", "import_id", "school_id", "row", postgresql_where=text("reason IS NULL")
        ),
        Index("ix_import_rows_refused", "import_id", "row", postgresql_where=text("reason IS NOT NULL")),
    )
