"""Checkouts: one visit to the provider's payment page. A donation has at most one open at a time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant


class Checkout(Base):
    """Its id is the key that the provider knows our request by: asked again, it gives the same page."""

    __tablename__ = "checkouts"
    __table_args__ = (
        Index(
            "uq_checkouts_open",
            "donation_id",
            unique=True,
            postgresql_where=text("closed_at is null"),
        ),
        Index("ix_checkouts_donation_id", "donation_id"),
        Index("uq_checkouts_session", "account", "session_id", unique=True),
        Index("ix_checkouts_payment", "payment_id", postgresql_where=text("payment_id is not null")),
        Index("ix_checkouts_declined", "declined_at", postgresql_where=text("declined_at is not null")),
        CheckConstraint(
            "(closed_at is null) = (outcome is null) and outcome in ('paid', 'failed', 'expired')",
            name="outcome",
        ),
    )

    id: Mapped[Id]
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    account: Mapped[str]
    """The provider account asked: the one of the campaign's entity."""
    takes_debits: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether its page offers a SEPA debit beside cards: asked again, the page is the same."""
    created_at: Mapped[Instant]
    session_id: Mapped[str | None]
    url: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    payment_id: Mapped[str | None]
    declined_at: Mapped[datetime | None]
    """The last refusal; the page stays open for another card."""
    decline_code: Mapped[str | None]
    processing_at: Mapped[datetime | None]
    """The donor has paid by a means that settles later (a debit)."""
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
