"""A party without a card: somebody who gave without an account, until they are attached to a person."""

import uuid

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant


class Guest(Base):
    """What the guest last typed; `person_id` once the address was verified to be that person's."""

    __tablename__ = "guests"

    party_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    given_name: Mapped[str] = mapped_column(Text, server_default="")
    family_name: Mapped[str] = mapped_column(Text, server_default="")
    email: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, server_default="fr")
    told_at: Mapped[Instant | None]
    attached_at: Mapped[Instant | None]
