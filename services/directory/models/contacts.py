"""Where a person can be reached."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.directory.models.base import Base
from shared.db import Id, Instant


class Email(Base):
    """An address of a person, in lower case; verified once they opened a link sent to it.

    Several people may have the same address on file (couples do); only one can have verified it.
    """

    __tablename__ = "emails"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    address: Mapped[str]
    source: Mapped[str]
    verified_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("person_id", "address"),
        CheckConstraint("address = lower(address) and position('@' in address) > 1", name="address"),
        Index("ix_emails_address", "address"),
        Index("uq_emails_verified", "address", unique=True, postgresql_where=text("verified_at IS NOT NULL")),
    )


class DroppedEmail(Base):
    """An address that staff corrected or removed, as its HMAC: a file that still has it does not add it."""

    __tablename__ = "dropped_emails"

    person_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=True
    )
    mark: Mapped[str] = mapped_column(primary_key=True)
    dropped_at: Mapped[Instant]
