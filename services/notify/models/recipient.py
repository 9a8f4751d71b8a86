"""A person as notify knows them: the replica of their latest card."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Instant


class Recipient(Base):
    """Version 0 is a person met before their card; after erasure nothing stays but id and version."""

    __tablename__ = "recipients"
    __table_args__ = (
        CheckConstraint(
            "erased_at is null or (email is null and given_name = '' and family_name = '')",
            name="erased_is_empty",
        ),
        CheckConstraint("merged_into <> person_id", name="not_merged_into_itself"),
        CheckConstraint("version >= 0", name="version"),
        Index("ix_recipients_merged_into", "merged_into", postgresql_where=text("merged_into is not null")),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    merged_into: Mapped[uuid.UUID | None]
    erased_at: Mapped[Instant | None]
    given_name: Mapped[str] = mapped_column(Text, server_default="")
    family_name: Mapped[str] = mapped_column(Text, server_default="")
    email: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, server_default="fr")
    class_year: Mapped[int | None]
    status: Mapped[str] = mapped_column(Text, server_default="living")
    contactable: Mapped[bool] = mapped_column(server_default=text("false"))
