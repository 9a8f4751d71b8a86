"""Events: something to attend, when and where. Its state is what happened to it, dated."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.events.models.base import Base
from services.events.models.seats import EventSeats
from shared.db import Id, Instant
from shared.errors import Conflict, Refused
from shared.once import ONCE_KEY, Once

PER_REGISTRATION_MOST = 20
STATUSES = ("draft", "published", "cancelled")
VISIBILITIES = ("public", "alumni")
FIXED = ("starts_at", "ends_at", "time_zone", "place", "online_url")
"""What registrants were told, and are told anew when it changes."""


class EventNotOpen(Conflict):
    """This event takes no registrations: it is a draft, or was cancelled."""


class RegistrationClosed(Conflict):
    """Registration for this event has closed."""


class WithdrawalClosed(Conflict):
    """Seats of this event can no longer be given back; write to the organiser."""


class EventInThePast(Refused):
    """An event that has begun cannot be published."""


class EventOver(Conflict):
    """This event has taken place already."""


class EventAlreadyCancelled(Conflict):
    """A cancelled event cannot be published or rescheduled."""


class PublishedEventFixed(Conflict):
    """Dates, zone and place of a published event change by rescheduling it, which tells its registrants."""


def closes_at(event: Any) -> datetime:
    """When registration closes, of an event or a row of its columns: at the start, unless said otherwise."""
    closes: datetime = event.registration_closes_at or event.starts_at
    return closes


def refusal_of(event: Any, at: datetime) -> type[Conflict] | None:
    """Why an event, or a row of its columns, takes no registrations; None when it does."""
    if event.published_at is None or event.cancelled_at is not None:
        return EventNotOpen
    return RegistrationClosed if at >= closes_at(event) else None


class Event(Once, Base):
    """One event. `revision` rises when it is rescheduled: calendars and registrants are told anew."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("slug"),
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,98}$'", name="slug"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("visibility in ('public', 'alumni')", name="visibility"),
        CheckConstraint(
            f"per_registration_max between 1 and {PER_REGISTRATION_MOST}", name="per_registration"
        ),
        CheckConstraint("revision >= 0", name="revision"),
        CheckConstraint("(revision = 0) = (rescheduled_at is null)", name="rescheduled"),
        Index("ix_events_starts_at", "starts_at", "id"),
        Index("ix_events_ends_at", "ends_at"),
    )

    id: Mapped[Id]
    slug: Mapped[str]
    title: Mapped[dict[str, str]] = mapped_column(JSONB)
    summary: Mapped[dict[str, str]] = mapped_column(JSONB)
    description: Mapped[dict[str, str]] = mapped_column(JSONB)
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    time_zone: Mapped[str]
    place: Mapped[str] = mapped_column(default="")
    online_url: Mapped[str | None]
    """Where to join: told to those who registered, and to nobody else."""
    organiser: Mapped[str] = mapped_column(default="")
    visibility: Mapped[str] = mapped_column(default="public")
    picture: Mapped[str] = mapped_column(default="")
    per_registration_max: Mapped[int] = mapped_column(default=4)
    registration_closes_at: Mapped[datetime | None]
    withdraw_until: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=0)
    search: Mapped[str] = mapped_column(default="")
    """Folded titles, place and organiser, for the search of the agenda."""
    created_at: Mapped[Instant]
    published_at: Mapped[datetime | None]
    rescheduled_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))

    seats: Mapped[EventSeats] = relationship(lazy="raise_on_sql", viewonly=True)

    @property
    def status(self) -> str:
        """Draft, published or cancelled."""
        if self.cancelled_at is not None:
            return "cancelled"
        return "published" if self.published_at is not None else "draft"

    @property
    def withdrawable_until(self) -> datetime:
        """Until when seats can be given back by who took them: the start, unless said otherwise."""
        return self.withdraw_until or self.starts_at

    def is_open(self, at: datetime) -> bool:
        """Whether it takes registrations; whether seats are left is another question."""
        return refusal_of(self, at) is None

    def check_withdrawable(self, at: datetime) -> None:
        """Raise WithdrawalClosed after the deadline."""
        if at >= self.withdrawable_until:
            raise WithdrawalClosed

    def publish(self, *, at: datetime) -> bool:
        """Put it in the agenda: whether that is news."""
        if self.cancelled_at is not None:
            raise EventAlreadyCancelled
        if self.published_at is not None:
            return False
        if self.starts_at <= at:
            raise EventInThePast
        self.published_at = at
        return True

    def cancel(self, reason: dict[str, str] | None, *, at: datetime) -> bool:
        """It will not take place: whether that is news."""
        if self.cancelled_at is not None:
            return False
        if self.ends_at <= at and self.published_at is not None:
            raise EventOver
        self.cancelled_at, self.cancel_reason = at, reason
        return True
