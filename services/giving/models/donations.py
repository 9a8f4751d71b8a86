"""Donations: one gift, by one donor, to one campaign. Its state is what happened to it, dated."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    case,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.giving.models.base import Base
from services.giving.models.campaigns import Campaign
from services.giving.models.donors import Donor
from shared import appeals
from shared.db import Id, Instant, Minor
from shared.errors import Conflict, Refused
from shared.once import ONCE_KEY, Once

AMOUNT_MIN_MINOR, AMOUNT_MAX_MINOR = 100, 10_000_000

STATUSES = ("pending", "failed", "settled", "refunded", "disputed")
STATUS_BEFORE = """
case when refunded_at is not null then 'refunded' when settled_at is not null then 'settled'
     when failed_at is not null then 'failed' else 'pending' end
"""


class DonationNotSettled(Conflict):
    """Only a settled donation can be refunded."""


class DonationUnderDispute(Conflict):
    """The donor's bank has taken the money of this donation back; it cannot be refunded as well."""


class AgreementNeeded(Refused):
    """A company's gift of this size begins with an agreement; `from_minor` says from which sum on."""


class DonationNotPayable(Conflict):
    """This donation was already paid or given back."""


class DonationProcessing(Conflict):
    """The debit of this donation is on its way: it cannot be paid a second time."""


class Donation(Once, Base):
    """One gift. `status` says what its payments, refunds and disputes made of it; see there."""

    __tablename__ = "donations"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "currency"], ["campaigns.id", "campaigns.currency"]),
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint(f"amount_minor between {AMOUNT_MIN_MINOR} and {AMOUNT_MAX_MINOR}", name="amount"),
        CheckConstraint("refunded_at is null or settled_at is not null", name="refund_follows_settlement"),
        CheckConstraint(
            "refunded_minor >= 0 and disputed_minor >= 0 and refunded_minor + disputed_minor <= amount_minor",
            name="returned",
        ),
        CheckConstraint("(failed_at is null) = (failure is null)", name="failure"),
        CheckConstraint("locale in ('fr', 'en')", name="locale"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint(f"appeal ~ '^{appeals.PATTERN}$'", name="appeal"),
        CheckConstraint("receipt_rhythm in ('each', 'yearly')", name="receipt_rhythm"),
        CheckConstraint("not (wall_shows_amount and wall_chosen_at is null)", name="wall_by_choice"),
        CheckConstraint("not (wall_shows_name and wall_chosen_at is null)", name="wall_name_by_choice"),
        Index("ix_donations_campaign_id", "campaign_id", "id"),
        Index("ix_donations_unsettled", "id", postgresql_where=text("settled_at is null")),
        Index("ix_donations_refunded", "id", postgresql_where=text("refunded_at is not null")),
        Index(
            "ix_donations_returned",
            "campaign_id",
            "settled_at",
            postgresql_where=text("refunded_minor > 0 or disputed_minor > 0"),
        ),
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
    appeal: Mapped[str | None]
    """Code of the mailing, link or poster by which it came."""
    country: Mapped[str | None]
    """Country of tax residence, as the donor said it."""
    receipt_to: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Whom the tax receipt is made out to, as the donor wrote it; null while they gave no postal address."""
    receipt_rhythm: Mapped[str] = mapped_column(default="each", server_default="each")
    """`each`: a receipt for this gift at once; `yearly`: one a year with the donor's other gifts."""
    for_wealth_tax: Mapped[bool] = mapped_column(default=False, server_default="false")
    """The donor takes it off the tax on real estate wealth (article 978), not off income tax."""
    created_at: Mapped[Instant]
    settled_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    refunded_minor: Mapped[Minor] = mapped_column(default=0, server_default="0")
    """What went back to the donor, by all refunds that did not come back."""
    disputed_minor: Mapped[Minor] = mapped_column(default=0, server_default="0")
    """What the donor's bank has taken back, by disputes that are open or lost."""
    refunded_at: Mapped[datetime | None]
    """When nothing of it was left, by refunds or disputes: from then on it counts as no gift."""
    status_before: Mapped[str] = mapped_column(
        "status", Computed(STATUS_BEFORE, persisted=True), deferred=True
    )
    """What the code of before disputes reads; a later release drops it."""
    wall_shows_name: Mapped[bool] = mapped_column(default=False, server_default="false")
    wall_shows_amount: Mapped[bool] = mapped_column(default=False, server_default="false")
    wall_chosen_at: Mapped[datetime | None]
    link_version: Mapped[int] = mapped_column(default=0, server_default="0")

    campaign: Mapped[Campaign] = relationship(lazy="raise_on_sql", viewonly=True)
    donor: Mapped[Donor] = relationship(lazy="raise_on_sql", viewonly=True)

    @hybrid_property
    def status(self) -> str:
        """Pending or failed before it was paid; then settled, disputed (or a part is), or refunded whole."""
        if self.disputed_minor:
            return "disputed"
        if self.refunded_at is not None:
            return "refunded"
        return "settled" if self.settled_at is not None else "failed" if self.failed_at else "pending"

    @status.inplace.expression
    @classmethod
    def _status(cls) -> ColumnElement[str]:
        return case(
            (cls.disputed_minor > 0, "disputed"),
            (cls.refunded_at.is_not(None), "refunded"),
            (cls.settled_at.is_not(None), "settled"),
            (cls.failed_at.is_not(None), "failed"),
            else_="pending",
        )

    @property
    def left_minor(self) -> int:
        """What is still ours of it, once it was paid."""
        return self.amount_minor - self.refunded_minor - self.disputed_minor

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

    def refund(self, minor: int, *, at: datetime) -> None:
        """This much went back to the donor; below zero, it came again."""
        self._change(minor, at=at)
        self.refunded_minor += minor

    def dispute(self, minor: int, *, at: datetime) -> None:
        """The donor's bank took this much; below zero, it gave it again."""
        self._change(minor, at=at)
        self.disputed_minor += minor

    def _change(self, minor: int, *, at: datetime) -> None:
        if self.settled_at is None or minor > self.left_minor:
            raise DonationNotSettled
        self.refunded_at = at if minor == self.left_minor else None

    def choose_wall(self, *, shows_name: bool, shows_amount: bool, at: datetime) -> None:
        """What the donor lets everyone see; nothing by default."""
        self.wall_shows_name, self.wall_shows_amount, self.wall_chosen_at = shows_name, shows_amount, at
