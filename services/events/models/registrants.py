"""Registrants: who takes seats. Replicas of the directory's people, and guests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from services.events.models.base import Base
from shared.db import Id, Instant, Minor


class Registrant(Base):
    """A party that registers.

    The replica of a person has `id == person_id` and the card's `version`; a guest has an id of its
    own and no `person_id`, until a card carries the same verified address. After a tombstone only id,
    version and `erased_at` remain.
    """

    __tablename__ = "registrants"
    __table_args__ = (
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint("locale in ('fr', 'en')", name="locale"),
        Index(
            "ix_registrants_search",
            "search",
            postgresql_using="gin",
            postgresql_ops={"search": "gin_trgm_ops"},
        ),
        Index(
            "uq_registrants_guest",
            "email_mark",
            "name_key",
            unique=True,
            postgresql_where=text("id is distinct from person_id and erased_at is null"),
        ),
        Index(
            "ix_registrants_person_id", "person_id", postgresql_where=text("id is distinct from person_id")
        ),
        Index(
            "ix_registrants_marks",
            "verified",
            postgresql_using="gin",
            postgresql_where=text("verified <> '{}'"),
        ),
        Index("ix_registrants_merged_into", "merged_into", postgresql_where=text("merged_into is not null")),
    )

    id: Mapped[Id]
    person_id: Mapped[UUID | None]
    version: Mapped[Minor] = mapped_column(default=0)
    merged_into: Mapped[UUID | None]
    given_name: Mapped[str] = mapped_column(default="")
    family_name: Mapped[str] = mapped_column(default="")
    email: Mapped[str | None]
    email_mark: Mapped[str | None]
    """HMAC of a guest's address (shared.messages.email_mark): compared with what cards have verified."""
    verified: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    locale: Mapped[str] = mapped_column(default="fr")
    name_key: Mapped[str] = mapped_column(default="")
    """The folded name, so that two people behind one address stay two guests."""
    search: Mapped[str] = mapped_column(default="")
    """Folded names and address, for the console's search."""
    created_at: Mapped[Instant]
    attached_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
