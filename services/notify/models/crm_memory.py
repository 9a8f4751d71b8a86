"""What we remember of one party in one CRM: marks of values, never the values."""

import uuid

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base

Written = dict[str, dict[str, list[str]]]


class CrmMemory(Base):
    """By record and field: marks of what we may have `written` there, and of what staff `kept` from it.

    A mark is an HMAC: whoever reads this table learns nobody's name.
    """

    __tablename__ = "crm_memories"

    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id"), primary_key=True)
    party_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    written: Mapped[Written] = mapped_column(JSONB, server_default=text("'{}'"))
    kept: Mapped[Written] = mapped_column(JSONB, server_default=text("'{}'"))
