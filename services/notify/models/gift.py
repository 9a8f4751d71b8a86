"""A gift as giving told of it: what a CRM and the timeline need, in any order of arrival."""

import uuid

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant, Minor

STATUSES = ("settled", "partly_refunded", "refunded")


class Gift(Base):
    """Settled, and refunded in part or whole; sums are minor units of `currency`."""

    __tablename__ = "gifts"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("refunded_minor between 0 and amount_minor", name="refunded"),
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

    @property
    def status(self) -> str:
        """settled, partly_refunded or refunded."""
        if self.refunded_minor == 0:
            return "settled"
        return "refunded" if self.refunded_minor == self.amount_minor else "partly_refunded"
