"""A record that one delivery is making in a CRM, where no key over there keeps two from being made."""

import uuid

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant


class CrmHold(Base):
    """Whose it is until `held_until`; gone when the delivery has arrived."""

    __tablename__ = "crm_holds"

    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id"), primary_key=True)
    record_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    held_by: Mapped[uuid.UUID]
    held_until: Mapped[Instant]
