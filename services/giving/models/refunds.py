"""Refunds: a gift that goes back. Each has a reason from a list, for a gift is not a purchase."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor
from shared.errors import Conflict
from shared.once import ONCE_KEY, Once

REASONS = ("error", "duplicate", "fraud", "annulment")
REJECTED = "rejected"
STATUSES = ("waiting", "requested", "completed", "returned", "failed", "rejected")


class ApprovedByAsker(Conflict):
    """Who asked for this refund cannot approve it as well; another person must."""


class RefundNotWaiting(Conflict):
    """This refund does not wait for an approval: somebody decided already."""


class Refund(Once, Base):
    """Its id is the key that the provider knows our request by. Asked by staff, or made at the provider.

    It gives back the donation's payment, or that of a `surplus`: a second payment of the same donation.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("reason in ('error', 'duplicate', 'fraud', 'annulment', 'provider')", name="reason"),
        CheckConstraint("(requested_by is null) = (reason = 'provider')", name="requested_by"),
        CheckConstraint("completed_at is null or failed_at is null", name="one_end"),
        CheckConstraint("(failed_at is null) = (failure is null)", name="failure"),
        CheckConstraint("returned_at is null or completed_at is not null", name="returned_after_completed"),
        CheckConstraint(
            "approved_by <> requested_by and (approved_by is null) = (approved_at is null)", name="four_eyes"
        ),
        CheckConstraint(
            "not needs_approval or approved_at is not null or provider_refund_id is null",
            name="approved_first",
        ),
        CheckConstraint(
            "(rejected_by is null) = (rejection is null)"
            " and (rejected_by is null or failed_at is not null or returned_at is not null)",
            name="rejection",
        ),
        Index("ix_refunds_donation_id", "donation_id"),
        Index("ix_refunds_completed", "completed_at", postgresql_where=text("completed_at is not null")),
        Index("uq_refunds_provider", "account", "provider_refund_id", unique=True),
        Index(
            "ix_refunds_waiting",
            "retry_at",
            postgresql_where=text("completed_at is null and failed_at is null"),
        ),
    )

    id: Mapped[Id]
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    surplus_id: Mapped[UUID | None] = mapped_column(ForeignKey("surpluses.id"))
    account: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    reason: Mapped[str]
    note: Mapped[str]
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[Instant]
    retry_at: Mapped[Instant]
    """When to look again whether the provider has done it."""
    needs_approval: Mapped[bool] = mapped_column(default=False, server_default="false")
    """It was above the entity's limit when it was asked for."""
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[UUID | None]
    rejected_by: Mapped[UUID | None]
    rejection: Mapped[str | None]
    """Why somebody said no, or no longer waits for one that failed."""
    provider_refund_id: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    """When the money came again: the donor's bank did not take it."""
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]

    @property
    def status(self) -> str:
        """waiting (for an approval), requested, completed, returned, failed or rejected."""
        if self.failed_at is not None:
            return "failed" if self.failure != REJECTED else "rejected"
        if self.completed_at is not None:
            return "returned" if self.returned_at else "completed"
        return "waiting" if self.needs_approval and self.approved_at is None else "requested"

    def approve(self, *, by: UUID | None, at: datetime) -> bool:
        """Another person agrees; whether that is news."""
        if self.approved_at is not None and self.approved_by == by:
            return False
        if self.status != "waiting":
            raise RefundNotWaiting
        if by == self.requested_by:
            raise ApprovedByAsker
        self.approved_by, self.approved_at = by, at
        return True

    def reject(self, note: str, *, by: UUID | None, at: datetime) -> bool:
        """Somebody says no, who asked for it perhaps, or no longer waits for one that failed; is it news?"""
        if self.rejected_by is not None and self.rejected_by == by:
            return False
        if self.rejected_by is not None or self.status not in ("waiting", "failed", "returned"):
            raise RefundNotWaiting
        if self.status == "waiting":
            self.failed_at, self.failure = at, REJECTED
        self.rejected_by, self.rejection = by, note
        return True
