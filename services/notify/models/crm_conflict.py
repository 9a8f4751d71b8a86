"""A field that another hand changed in the CRM: it stands there until staff decide."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant
from shared.errors import Conflict

OURS, THEIRS, GONE = "ours", "theirs", "gone"


class ConflictDecided(Conflict):
    """This conflict was decided already."""


class ConflictOpen(Conflict):
    """Only what staff decided to leave as it is over there can be undone."""


class CrmConflict(Base):
    """Open until it is decided, or both sides became the same (`gone`); deleted when the person is erased."""

    __tablename__ = "crm_conflicts"
    __table_args__ = (
        CheckConstraint("decision in ('ours', 'theirs', 'gone')", name="decision"),
        CheckConstraint("(decision is null) = (decided_at is null)", name="decided"),
        Index(
            "uq_crm_conflicts_open",
            "subscription_id",
            "party_id",
            "record",
            "field",
            unique=True,
            postgresql_where=text("decided_at is null"),
        ),
        Index("ix_crm_conflicts_party", "party_id"),
    )

    id: Mapped[Id]
    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id"))
    party_id: Mapped[uuid.UUID]
    record: Mapped[str] = mapped_column(Text)
    field: Mapped[str] = mapped_column(Text)
    ours: Mapped[str] = mapped_column(Text)
    theirs: Mapped[str] = mapped_column(Text)
    our_mark: Mapped[str] = mapped_column(Text)
    their_mark: Mapped[str] = mapped_column(Text)
    found_at: Mapped[Instant]
    decision: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[uuid.UUID | None]

    def decide(self, decision: str, *, by: uuid.UUID | None, at: datetime) -> None:
        """Once: what was decided is undone before it is decided otherwise."""
        if self.decided_at is not None:
            raise ConflictDecided
        self.decision, self.decided_at, self.decided_by = decision, at, by

    def undo(self) -> None:
        """Open again; a value of ours that was written over theirs is no longer there to give back."""
        if self.decision != THEIRS:
            raise ConflictOpen
        self.decision = self.decided_at = self.decided_by = None
