"""Counterparts: what a donor was given in return for a gift, at its value."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor
from shared.once import ONCE_KEY, Once


class Counterpart(Once, Base):
    """Honours, votes and newsletters are none (BOI-IR-RICI-250-20); a book, a dinner, a seat are."""

    __tablename__ = "counterparts"
    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("value_minor > 0", name="value"),
        Index("ix_counterparts_donation_id", "donation_id"),
    )

    id: Mapped[Id]
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    description: Mapped[str]
    value_minor: Mapped[Minor]
    entered_at: Mapped[Instant]
    entered_by: Mapped[UUID | None]
