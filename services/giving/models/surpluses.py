"""Surpluses: a second payment of a donation that was paid already. It is the donor's and waits."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor


class Surplus(Base):
    """Charge and fee come later, as those of a settlement (`detailed_at`)."""

    __tablename__ = "surpluses"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint(
            "refunded_minor >= 0 and disputed_minor >= 0 and refunded_minor + disputed_minor <= amount_minor",
            name="returned",
        ),
        CheckConstraint("(detailed_at is null) = (fee_minor is null)", name="details"),
        Index("uq_surpluses_payment", "account", "payment_id", unique=True),
        Index("ix_surpluses_donation_id", "donation_id"),
        Index("ix_surpluses_charge", "charge_id", postgresql_where=text("charge_id is not null")),
        Index("ix_surpluses_without_details", "retry_at", postgresql_where=text("detailed_at is null")),
        Index(
            "ix_surpluses_held",
            "paid_at",
            "id",
            postgresql_where=text("refunded_minor + disputed_minor < amount_minor"),
        ),
    )

    id: Mapped[Id]
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    account: Mapped[str]
    payment_id: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    paid_at: Mapped[Instant]
    found_at: Mapped[Instant]
    retry_at: Mapped[Instant]
    """When to ask the provider (again) for charge and fee."""
    charge_id: Mapped[str | None]
    movement_id: Mapped[str | None]
    fee_minor: Mapped[Minor | None]
    detailed_at: Mapped[datetime | None]
    refunded_minor: Mapped[Minor] = mapped_column(default=0)
    disputed_minor: Mapped[Minor] = mapped_column(default=0)

    @property
    def left_minor(self) -> int:
        """What we still hold of it."""
        return self.amount_minor - self.refunded_minor - self.disputed_minor
