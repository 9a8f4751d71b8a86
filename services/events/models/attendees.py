"""Attendees: the name behind each seat of a registration."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.events.models.base import Base


class Attendee(Base):
    """Who takes one seat; at position 1 the registrant."""

    __tablename__ = "attendees"
    __table_args__ = (CheckConstraint("position > 0", name="position"),)

    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registrations.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    given_name: Mapped[str]
    family_name: Mapped[str]
