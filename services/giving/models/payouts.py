"""Payouts: what the provider sent to an entity's bank."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor

STATUSES = ("on_its_way", "arrived", "returned", "failed")


class Payout(Base):
    """One transfer. A negative amount is what the provider took from the bank."""

    __tablename__ = "payouts"
    __table_args__ = (
        UniqueConstraint("account", "provider_payout_id"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        Index("ix_payouts_entity", "entity_id", "made_at", "id"),
        Index("ix_payouts_without_details", "retry_at", postgresql_where=text("detailed_at is null")),
    )

    id: Mapped[Id]
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    account: Mapped[str]
    provider_payout_id: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    made_at: Mapped[Instant]
    arrives_at: Mapped[Instant]
    """When the provider expects it at the bank."""
    arrived_at: Mapped[datetime | None]
    """When the provider said that it had arrived."""
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    retry_at: Mapped[Instant]
    """When to ask (again) which gifts it holds."""
    detailed_at: Mapped[datetime | None]

    @property
    def status(self) -> str:
        """on_its_way, arrived, returned (it had arrived, and the bank sent it back) or failed."""
        if self.failed_at:
            return "returned" if self.arrived_at else "failed"
        return "arrived" if self.arrived_at else "on_its_way"
