"""Refunds: a gift that goes back. Each has a reason from a list, for a gift is not a purchase."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor
from shared.once import ONCE_KEY, Once

REASONS = ("error", "duplicate", "fraud", "annulment")
STATUSES = ("requested", "completed", "failed")


class Refund(Once, Base):
    """Its id is the key that the provider knows our request by. Asked by staff, or made at the provider."""

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("reason in ('error', 'duplicate', 'fraud', 'annulment', 'provider')", name="reason"),
        CheckConstraint("(requested_by is null) = (reason = 'provider')", name="requested_by"),
        CheckConstraint("completed_at is null or failed_at is null", name="one_end"),
        CheckConstraint("(failed_at is null) = (failure is null)", name="failure"),
        Index("uq_refunds_live", "donation_id", unique=True, postgresql_where=text("failed_at is null")),
        Index("ix_refunds_donation_id", "donation_id"),
        Index("uq_refunds_provider", "account", "provider_refund_id", unique=True),
        Index(
            "ix_refunds_waiting",
            "retry_at",
            postgresql_where=text("completed_at is null and failed_at is null"),
        ),
    )

    id: Mapped[Id]
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    account: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    reason: Mapped[str]
    note: Mapped[str]
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[Instant]
    retry_at: Mapped[Instant]
    """When to look again whether the provider has done it."""
    provider_refund_id: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]

    @property
    def status(self) -> str:
        """requested, completed or failed."""
        return "completed" if self.completed_at else "failed" if self.failed_at else "requested"
