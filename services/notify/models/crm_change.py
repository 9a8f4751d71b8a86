"""Something changed about a party that the systems around us must hear of."""

import uuid

from sqlalchemy import BigInteger, Identity, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant


class CrmChange(Base):
    """`position` orders the changes of a party; what is sent is the party's state, never this row alone."""

    __tablename__ = "crm_changes"
    __table_args__ = (
        UniqueConstraint("message_id", "party_id"),
        Index("ix_crm_changes_party", "party_id", "position"),
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    party_id: Mapped[uuid.UUID]
    message_id: Mapped[uuid.UUID]
    cause: Mapped[str] = mapped_column(Text)
    correlation_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    at: Mapped[Instant]
