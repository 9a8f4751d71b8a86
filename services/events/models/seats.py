"""Seats: how many an event has, and how many are taken: one row, moved in each registration's transaction."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.events.models.base import Base


class EventSeats(Base):
    """The counter of one event; the database itself refuses one seat too many.

    `seats_max` is null when there is no limit. `overbooked_by` is what staff lowered the limit below the
    seats taken by: nobody loses theirs, and none is given until so many are free again.
    """

    __tablename__ = "event_seats"
    __table_args__ = (
        CheckConstraint("taken >= 0", name="taken"),
        CheckConstraint("seats_max >= 0", name="seats_max"),
        CheckConstraint("overbooked_by >= 0", name="overbooked"),
        CheckConstraint("taken <= seats_max + overbooked_by", name="not_oversold"),
        {"postgresql_with": {"fillfactor": "10"}},
    )

    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id"), primary_key=True)
    seats_max: Mapped[int | None]
    taken: Mapped[int] = mapped_column(default=0)
    overbooked_by: Mapped[int] = mapped_column(default=0)

    @property
    def left(self) -> int | None:
        """Seats that can be taken; None when there is no limit."""
        return None if self.seats_max is None else max(0, self.seats_max - self.taken)
