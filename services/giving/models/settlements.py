"""Settlements: the proof that a gift was paid, as the provider told it. At most one per donation."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Instant, Minor


class Settlement(Base):
    """Means and fee come later, with the provider's balance transaction (`detailed_at`)."""

    __tablename__ = "settlements"
    __table_args__ = (
        Index("uq_settlements_payment", "account", "payment_id", unique=True),
        Index("ix_settlements_charge", "charge_id", postgresql_where=text("charge_id is not null")),
        Index("ix_settlements_payout", "payout_id", postgresql_where=text("payout_id is not null")),
        Index("ix_settlements_without_details", "retry_at", postgresql_where=text("detailed_at is null")),
        CheckConstraint("fee_minor >= 0", name="fee"),
        CheckConstraint("(detailed_at is null) = (fee_minor is null)", name="details"),
        CheckConstraint("arrived_at is null or payout_id is not null", name="arrived_by_payout"),
    )

    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"), primary_key=True)
    checkout_id: Mapped[UUID]
    account: Mapped[str]
    payment_id: Mapped[str]
    paid_at: Mapped[Instant]
    """When the provider says the money was taken."""
    settled_at: Mapped[Instant]
    """When our books took it in."""
    retry_at: Mapped[Instant]
    """When to ask the provider (again) for means and fee."""
    charge_id: Mapped[str | None]
    movement_id: Mapped[str | None]
    fee_minor: Mapped[Minor | None]
    method_kind: Mapped[str | None]
    method_brand: Mapped[str | None]
    method_last4: Mapped[str | None]
    detailed_at: Mapped[datetime | None]
    available_at: Mapped[datetime | None]
    """From when on the provider would pay it out."""
    payout_id: Mapped[UUID | None] = mapped_column(ForeignKey("payouts.id"))
    arrived_at: Mapped[datetime | None]
    """When the payout that holds it reached the entity's bank; null again when the bank sent it back."""
