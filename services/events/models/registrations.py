"""Registrations: seats of one event, taken by one registrant. Its state is what happened to it, dated."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.events.models.attendees import Attendee
from services.events.models.base import Base
from services.events.models.events import Event
from services.events.models.registrants import Registrant
from shared.db import Id, Instant
from shared.once import ONCE_KEY, Once

STATUSES = ("confirmed", "cancelled")


class Registration(Once, Base):
    """Seats that are taken until they are given back. What is free is confirmed as soon as it is made."""

    __tablename__ = "registrations"
    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("seats > 0", name="seats"),
        CheckConstraint("locale in ('fr', 'en')", name="locale"),
        CheckConstraint("(cancelled_at is null) = (cancel_reason is null)", name="cancelled"),
        CheckConstraint(
            "cancel_reason in ('withdrawn', 'by_staff', 'event_cancelled')", name="cancel_reason"
        ),
        Index("ix_registrations_event_id", "event_id", "id"),
        Index("ix_registrations_registrant_id", "registrant_id", "id"),
        Index(
            "ix_registrations_untold",
            "event_id",
            "told_revision",
            "id",
            postgresql_where=text("cancelled_at is null"),
        ),
        Index(
            "ix_registrations_search",
            "search",
            postgresql_using="gin",
            postgresql_ops={"search": "gin_trgm_ops"},
        ),
        Index("ix_registrations_unfolded", "id", postgresql_where=text("search is null")),
        Index(
            "uq_registrations_member",
            "event_id",
            "registrant_id",
            unique=True,
            postgresql_where=text("signed_in and cancelled_at is null"),
        ),
    )

    id: Mapped[Id]
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id"))
    registrant_id: Mapped[UUID] = mapped_column(ForeignKey("registrants.id"))
    email: Mapped[str | None]
    """The address typed for this registration; null when it is the one of their card."""
    locale: Mapped[str] = mapped_column(default="fr")
    seats: Mapped[int]
    signed_in: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Instant]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    told_revision: Mapped[int] = mapped_column(default=0)
    """The event's revision that the registrant was last told."""
    search: Mapped[str | None] = mapped_column(Text)
    """Folded names of all who come, for the console's search; null until a job has folded older ones."""
    link_version: Mapped[int] = mapped_column(default=0)

    event: Mapped[Event] = relationship(lazy="raise_on_sql", viewonly=True)
    registrant: Mapped[Registrant] = relationship(lazy="raise_on_sql", viewonly=True)
    attendees: Mapped[list[Attendee]] = relationship(
        lazy="raise_on_sql", viewonly=True, order_by=Attendee.position
    )

    @property
    def status(self) -> str:
        """Confirmed or cancelled."""
        return "confirmed" if self.cancelled_at is None else "cancelled"

    @property
    def confirmed_at(self) -> datetime:
        """When the seats became theirs."""
        return self.created_at
