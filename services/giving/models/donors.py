"""Donors: who gives. Replicas of the directory's people, and guests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor


class Donor(Base):
    """A party that gives.

    The replica of a person has `id == person_id` and the card's `version`; a guest has an id of its
    own and no `person_id`, until a card carries the same verified address. After a tombstone only id,
    version and `erased_at` remain.
    """

    __tablename__ = "donors"
    __table_args__ = (
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint("locale in ('fr', 'en')", name="locale"),
        Index(
            "ix_donors_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}
        ),
        Index(
            "uq_donors_guest",
            "email_mark",
            "name_key",
            unique=True,
            postgresql_where=text("id is distinct from person_id and erased_at is null"),
        ),
        Index("ix_donors_person_id", "person_id", postgresql_where=text("id is distinct from person_id")),
        Index(
            "ix_donors_marks", "verified", postgresql_using="gin", postgresql_where=text("verified <> '{}'")
        ),
        Index("ix_donors_merged_into", "merged_into", postgresql_where=text("merged_into is not null")),
        Index(
            "ix_donors_reachable",
            "class_year",
            postgresql_where=text("contactable and status = 'living' and merged_into is null"),
        ),
    )

    id: Mapped[Id]
    person_id: Mapped[UUID | None]
    version: Mapped[Minor] = mapped_column(default=0)
    merged_into: Mapped[UUID | None]
    given_name: Mapped[str] = mapped_column(default="")
    family_name: Mapped[str] = mapped_column(default="")
    class_year: Mapped[int | None]
    email: Mapped[str | None]
    email_mark: Mapped[str | None]
    """HMAC of a guest's address (shared.messages.email_mark): compared with what cards have verified."""
    verified: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    locale: Mapped[str] = mapped_column(default="fr")
    status: Mapped[str] = mapped_column(default="living")
    contactable: Mapped[bool] = mapped_column(default=False)
    name_key: Mapped[str] = mapped_column(default="")
    """The folded name, so that two people behind one address stay two guests."""
    search: Mapped[str] = mapped_column(default="")
    """Folded names and address, for the console's search."""
    created_at: Mapped[Instant]
    attached_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
