"""Disputes: the donor asked their bank for the money back, and the bank took it; won or lost in the end."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor

STATUSES = ("opened", "won", "lost")


class Dispute(Base):
    """One dispute of a donation's payment, or of its `surplus`, as the provider tells it."""

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("withdrawn_minor >= 0 and fee_minor >= 0", name="money"),
        CheckConstraint("won_at is null or lost_at is null", name="one_end"),
        Index("uq_disputes_provider", "account", "provider_dispute_id", unique=True),
        Index("ix_disputes_donation_id", "donation_id"),
        Index("ix_disputes_opened", "opened_at"),
    )

    id: Mapped[Id]
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    surplus_id: Mapped[UUID | None] = mapped_column(ForeignKey("surpluses.id"))
    account: Mapped[str]
    provider_dispute_id: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    reason: Mapped[str]
    """The bank's word for why, as the provider tells it: fraudulent, duplicate, …"""
    opened_at: Mapped[Instant]
    answer_by: Mapped[datetime | None]
    """Until when the provider takes what we answer; null when nothing can be answered."""
    withdrawn_minor: Mapped[Minor] = mapped_column(default=0)
    """What the bank holds of it now; a question of the bank takes nothing."""
    fee_minor: Mapped[Minor] = mapped_column(default=0)
    won_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]

    @property
    def status(self) -> str:
        """opened, won or lost."""
        return "won" if self.won_at else "lost" if self.lost_at else "opened"

    def end(self, outcome: str, *, at: datetime) -> None:
        """The bank has decided; of two that tell of it, the earlier counts."""
        if outcome == "won":
            self.won_at, self.lost_at = min(self.won_at or at, at), None
        elif self.won_at is None:
            self.lost_at = min(self.lost_at or at, at)
