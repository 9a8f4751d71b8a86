"""A registration as events told of it: what CRM, calendar and timeline need, in any order of arrival."""

import uuid

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant

STATUSES = ("confirmed", "cancelled")


class Registration(Base):
    """Seats at an event, theirs or given back; when and where are those of the highest `revision` heard."""

    __tablename__ = "registrations"
    __table_args__ = (
        CheckConstraint("seats > 0", name="seats"),
        CheckConstraint("(cancelled_at is null) = (cancel_reason is null)", name="cancelled"),
    )

    registration_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    party_id: Mapped[uuid.UUID] = mapped_column(index=True)
    event_id: Mapped[uuid.UUID] = mapped_column(index=True)
    event_slug: Mapped[str] = mapped_column(Text)
    event_title_fr: Mapped[str] = mapped_column(Text)
    event_title_en: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    time_zone: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    revision: Mapped[int]
    seats: Mapped[int]
    confirmed_at: Mapped[Instant | None]
    cancelled_at: Mapped[Instant | None]
    cancel_reason: Mapped[str | None] = mapped_column(Text)

    @property
    def status(self) -> str:
        """confirmed, or cancelled for good."""
        return "confirmed" if self.cancelled_at is None else "cancelled"

    @property
    def event_title(self) -> dict[str, str]:
        """In both languages."""
        return {"fr": self.event_title_fr, "en": self.event_title_en}
