"""A wish to send an email once more, and the email that it led to."""

import uuid

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant
from shared.once import ONCE_KEY, Once


class Resend(Once, Base):
    """The same wish sent twice is one email; `email_id` is null only inside the first's transaction."""

    __tablename__ = "resends"
    __table_args__ = (UniqueConstraint(*ONCE_KEY),)

    id: Mapped[Id]
    email_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("emails.id", ondelete="CASCADE"), index=True
    )
    asked_at: Mapped[Instant]
