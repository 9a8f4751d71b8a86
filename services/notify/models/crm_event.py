"""What we remember of one event in one CRM: marks of values, never the values."""

import uuid

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant


class CrmEvent(Base):
    """`written` are marks of what we may have written there, by field.

    The other columns are those of the release before this one: a later one drops them.
    """

    __tablename__ = "crm_events"

    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id"), primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    written: Mapped[dict[str, list[str]]] = mapped_column(JSONB, server_default=text("'{}'"))
    made_at: Mapped[Instant | None]
    held_by: Mapped[uuid.UUID | None]
    held_until: Mapped[Instant | None]
