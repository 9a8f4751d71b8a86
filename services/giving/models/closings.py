"""Closings: the years of an entity's books that are closed for good."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant


class Closing(Base):
    """One year, closed. The database refuses what is dated before `opens_at` (trigger in migration 0012)."""

    __tablename__ = "closings"
    __table_args__ = (
        CheckConstraint("first_day < last_day", name="days"),
        CheckConstraint("accepted = '[]' or length(note) > 2", name="accepted_with_a_note"),
        Index("uq_closings_opens_at", "entity_id", "opens_at", unique=True),
        {"info": {"append_only": True}},
    )

    id: Mapped[Id]
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    first_day: Mapped[date]
    last_day: Mapped[date]
    opens_at: Mapped[datetime]
    """The first moment of the books that is open."""
    closed_at: Mapped[Instant]
    closed_by: Mapped[UUID | None]
    note: Mapped[str]
    accepted: Mapped[list[Any]] = mapped_column(JSONB)
    """What remained to be looked at, and was accepted with the note."""
    balance: Mapped[list[Any]] = mapped_column(JSONB)
    """The trial balance of the year, as it stood."""
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 over the balance and the hash of the closing before."""
