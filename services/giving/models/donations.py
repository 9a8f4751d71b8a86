"""Donations: one gift, by one donor, to one campaign. Its state is what happened to it, dated."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.giving.models.base import Base
from services.giving.models.campaigns import Campaign
from services.giving.models.donors import Donor
from shared.db import Id, Instant, Minor
from shared.errors import Conflict
from shared.once import ONCE_KEY, Once

AMOUNT_MIN_MINOR, AMOUNT_MAX_MINOR = 100, 10_000_000

STATUSES = ("pending", "failed", "settled", "refunded")
STATUS = """
case when refunded_at is not null then 'refunded' when settled_at is not null then 'settled'
     when failed_at is not null then 'failed' else 'pending' end
"""


class DonationNotSettled(Conflict):
    """Only a settled donation can be refunded."""


class DonationNotPayable(Conflict):
    """This donation was already paid or given back."""


class DonationProcessing(Conflict):
    """The debit of this donation is on its way: it cannot be paid a second time."""


class Donation(Once, Base):
    """One gift. `status` only moves forward: pending, failed, settled, refunded."""

    __tablename__ = "donations"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "currency"], ["campaigns.id", "campaigns.currency"]),
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint(f"amount_minor between {AMOUNT_MIN_MINOR} and {AMOUNT_MAX_MINOR}", name="amount"),
        CheckConstraint("refunded_at is null or settled_at is not null", name="refund_follows_settlement"),
        CheckConstraint("(failed_at is null) = (failure is null)", name="failure"),
        CheckConstraint("locale in ('fr', 'en')", name="locale"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint("not (wall_shows_amount and wall_chosen_at is null)", name="wall_by_choice"),
        CheckConstraint("not (wall_shows_name and wall_chosen_at is null)", name="wall_name_by_choice"),
        Index("ix_donations_campaign_id", "campaign_id", "id"),
        Index("ix_donations_unsettled", "id", postgresql_where=text("settled_at is null")),
        Index("ix_donations_refunded", "id", postgresql_where=text("refunded_at is not null")),
        Index("ix_donations_donor_id", "donor_id", "id"),
        Index(
            "ix_donations_wall",
            "campaign_id",
            "settled_at",
            "id",
            postgresql_include=["amount_minor"],
            postgresql_where=text("settled_at is not null and refunded_at is null"),
        ),
    )

    id: Mapped[Id]
    campaign_id: Mapped[UUID]
    donor_id: Mapped[UUID] = mapped_column(ForeignKey("donors.id"))
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    locale: Mapped[str] = mapped_column(default="fr")
    email: Mapped[str | None]
    """The address that the donor typed for this gift; null when it is the one of their card."""
    signed_in: Mapped[bool] = mapped_column(default=False)
    message: Mapped[str | None]
    country: Mapped[str | None]
    """Country of tax residence, as the donor said it."""
    created_at: Mapped[Instant]
    settled_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    refunded_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(Computed(STATUS, persisted=True))
    wall_shows_name: Mapped[bool] = mapped_column(default=False, server_default="false")
    wall_shows_amount: Mapped[bool] = mapped_column(default=False, server_default="false")
    wall_chosen_at: Mapped[datetime | None]
    link_version: Mapped[int] = mapped_column(default=0, server_default="0")

    campaign: Mapped[Campaign] = relationship(lazy="raise_on_sql", viewonly=True)
    donor: Mapped[Donor] = relationship(lazy="raise_on_sql", viewonly=True)

    def check_payable(self) -> None:
        """Raise DonationNotPayable once it was paid."""
        if self.settled_at is not None:
            raise DonationNotPayable

    def fail(self, failure: str, *, at: datetime) -> bool:
        """It will not come: whether that is news. A gift that failed may still be paid later."""
        if self.settled_at is not None or self.failed_at is not None:
            return False
        self.failed_at, self.failure = at, failure
        return True

    def refund(self, *, at: datetime) -> None:
        """The whole gift went back."""
        if self.settled_at is None or self.refunded_at is not None:
            raise DonationNotSettled
        self.refunded_at = at

    def choose_wall(self, *, shows_name: bool, shows_amount: bool, at: datetime) -> None:
        """What the donor lets everyone see; nothing by default."""
        self.wall_shows_name, self.wall_shows_amount, self.wall_chosen_at = shows_name, shows_amount, at
