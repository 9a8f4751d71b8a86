"""One line of a party's story, with its source and its time."""

import uuid

from sqlalchemy import Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant, Minor


class TimelineEntry(Base):
    """Kept under the party id that the fact was written with; readers follow merges and attachments."""

    __tablename__ = "timeline_entries"
    __table_args__ = (
        UniqueConstraint("message_id", "kind", "party_id"),
        Index("ix_timeline_entries_party", "party_id", "at", "id"),
    )

    id: Mapped[Id]
    message_id: Mapped[uuid.UUID]
    party_id: Mapped[uuid.UUID]
    at: Mapped[Instant]
    kind: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    text_fr: Mapped[str] = mapped_column(Text)
    text_en: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[Minor | None]
    currency: Mapped[str | None] = mapped_column(Text)
    ref: Mapped[str | None] = mapped_column(Text)
    correlation_id: Mapped[uuid.UUID | None] = mapped_column(index=True)

    @property
    def text(self) -> dict[str, str]:
        """The line in both languages."""
        return {"fr": self.text_fr, "en": self.text_en}
