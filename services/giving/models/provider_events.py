"""Provider events: what the payment provider told us, each taken once however often it is sent."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Instant


class ProviderEvent(Base):
    """One event of one account. `body` is cleared after 30 days; the ids stay."""

    __tablename__ = "provider_events"
    __table_args__ = (
        CheckConstraint("outcome in ('applied', 'ignored', 'parked', 'mismatch')", name="outcome"),
        CheckConstraint("(outcome = 'parked') = (retry_at is not null)", name="retry"),
        Index("ix_provider_events_object_id", "object_id"),
        Index("ix_provider_events_parked", "retry_at", postgresql_where=text("outcome = 'parked'")),
        Index("ix_provider_events_bodies", "received_at", postgresql_where=text("body is not null")),
    )

    account: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_id: Mapped[str]
    happened_at: Mapped[Instant]
    received_at: Mapped[Instant]
    source: Mapped[str]
    """webhook, or reconciliation when the provider's list had it and the webhook never came."""
    outcome: Mapped[str] = mapped_column(default="applied", server_default="applied")
    copies: Mapped[int] = mapped_column(default=1, server_default="1")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    retry_at: Mapped[datetime | None]
    body: Mapped[str | None]
