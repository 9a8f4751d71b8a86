"""Funds: what the money is for. A fund belongs to one legal entity."""

from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.giving.models.base import Base
from services.giving.models.entities import Entity
from shared.db import Id, Instant


class Fund(Base):
    """A purpose that gifts are kept apart for in the books."""

    __tablename__ = "funds"
    __table_args__ = (UniqueConstraint("entity_id", "name"), UniqueConstraint("id", "entity_id"))

    id: Mapped[Id]
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    name: Mapped[str]
    sheltered_body: Mapped[str | None]
    """The foundation without legal personality whose fund this is: receipts name it."""
    created_at: Mapped[Instant]

    entity: Mapped[Entity] = relationship(lazy="raise_on_sql")
