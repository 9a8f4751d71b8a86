"""A gift as giving told of it: what a CRM and the timeline need, in any order of arrival."""

import uuid

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant, Minor

STATUSES = ("settled", "partly_refunded", "refunded", "disputed")


class Gift(Base):
    """Settled, refunded in part or whole, disputed by a bank; sums are minor units of `currency`.

    `refunds_told` and `disputes_told` are the latest messages that told each sum; older ones change nothing.
    """

    __tablename__ = "gifts"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("refunded_minor between 0 and amount_minor", name="refunded"),
        CheckConstraint("disputed_minor between 0 and amount_minor", name="disputed"),
    )

    donation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    party_id: Mapped[uuid.UUID] = mapped_column(index=True)
    campaign_id: Mapped[uuid.UUID]
    campaign_title_fr: Mapped[str] = mapped_column(Text)
    campaign_title_en: Mapped[str] = mapped_column(Text)
    entity_name: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[Instant | None]
    refunded_minor: Mapped[Minor] = mapped_column(server_default="0")
    refunded_at: Mapped[Instant | None]
    refunds_told: Mapped[uuid.UUID | None]
    disputed_minor: Mapped[Minor] = mapped_column(server_default="0")
    disputes_told: Mapped[uuid.UUID | None]

    @property
    def status(self) -> str:
        """settled, partly_refunded, refunded, or disputed while a bank holds money of it."""
        if self.disputed_minor:
            return "disputed"
        if self.refunded_minor == 0:
            return "settled"
        return "refunded" if self.refunded_minor == self.amount_minor else "partly_refunded"
