"""Campaigns: an appeal with a goal and dates, its running total, and who gave to it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.giving.models.base import Base
from services.giving.models.entities import Entity
from services.giving.models.funds import Fund
from shared.db import Id, Instant, Minor
from shared.errors import Conflict
from shared.once import ONCE_KEY, Once

STATUSES = ("draft", "live", "closed")
Words = dict[str, str]
"""A text in both languages: {"fr": …, "en": …}."""


class CampaignNotReady(Conflict):
    """A campaign goes live only with title, summary, story and use of a surplus in both languages."""


class CampaignNotLive(Conflict):
    """This campaign does not take gifts at the moment."""


class CampaignNotLaunched(Conflict):
    """Only a campaign that was launched can be closed."""


class CampaignOver(Conflict):
    """The last day of this campaign has passed; a later one must be chosen first."""


class Campaign(Once, Base):
    """A fundraising appeal for one fund of one entity, in one currency."""

    __tablename__ = "campaigns"
    __table_args__ = (
        ForeignKeyConstraint(["fund_id", "entity_id"], ["funds.id", "funds.entity_id"]),
        UniqueConstraint("id", "currency"),
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,98}$'", name="slug"),
        CheckConstraint("goal_minor > 0", name="goal"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("starts_on <= ends_on", name="dates"),
        CheckConstraint("array_position(suggested_minor, null) is null", name="suggested"),
        CheckConstraint("closed_at is null or launched_at is not null", name="closed_after_launch"),
        Index("ix_campaigns_newest", "starts_on", "id"),
    )

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    fund_id: Mapped[UUID]
    title: Mapped[Words] = mapped_column(JSONB)
    summary: Mapped[Words] = mapped_column(JSONB)
    story: Mapped[Words] = mapped_column(JSONB)
    surplus_use: Mapped[Words] = mapped_column(JSONB)
    goal_minor: Mapped[Minor]
    currency: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    suggested_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    picture: Mapped[str]
    created_at: Mapped[Instant]
    launched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    """When staff ended it before its last day."""
    goal_reached_at: Mapped[datetime | None]

    entity: Mapped[Entity] = relationship(lazy="raise_on_sql", viewonly=True)
    fund: Mapped[Fund] = relationship(lazy="raise_on_sql", viewonly=True)
    total: Mapped["CampaignTotal"] = relationship(lazy="raise_on_sql", viewonly=True)

    def status(self, today: date) -> str:
        """draft before its launch, closed by staff or after its last day, live between."""
        if self.launched_at is None:
            return "draft"
        return "closed" if self.closed_at is not None or today > self.ends_on else "live"

    def is_open(self, today: date) -> bool:
        """Whether gifts are taken today: launched, begun, and not over."""
        return self.status(today) == "live" and today >= self.starts_on

    def launch(self, *, at: datetime) -> None:
        """Open to gifts; a second launch changes nothing."""
        self.check_ready()
        self.launched_at = self.launched_at or at

    def check_ready(self) -> None:
        """Raise CampaignNotReady unless every text is there in both languages."""
        texts = (self.title, self.summary, self.story, self.surplus_use)
        if not all(text.get(language, "").strip() for text in texts for language in ("fr", "en")):
            raise CampaignNotReady

    def close(self, *, at: datetime, today: date) -> bool:
        """Take no more gifts: whether that is news."""
        if self.launched_at is None:
            raise CampaignNotLaunched
        if self.status(today) == "closed":
            return False
        self.closed_at = at
        return True

    def reopen(self, *, today: date) -> bool:
        """Undo a closure: whether that is news. CampaignOver when the last day has passed since."""
        if self.launched_at is None:
            raise CampaignNotLaunched
        self.check_not_over(today)
        was_closed, self.closed_at = self.closed_at is not None, None
        return was_closed

    def check_not_over(self, today: date) -> None:
        """Raise CampaignOver once the last day has passed."""
        if today > self.ends_on:
            raise CampaignOver

    def check_open(self, today: date) -> None:
        """Raise CampaignNotLive unless gifts are taken today."""
        if not self.is_open(today):
            raise CampaignNotLive

    def expected_minor(self, today: date) -> int:
        """The linear pace: what should be there at the end of `today`, each day of the campaign alike."""
        days = (self.ends_on - self.starts_on).days + 1
        gone = min(max((today - self.starts_on).days + 1, 0), days)
        return self.goal_minor * gone // days


class CampaignTotal(Base):
    """The counter row of a campaign: settled − refunded, moved in the settlement's own transaction."""

    __tablename__ = "campaign_totals"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "currency"], ["campaigns.id", "campaigns.currency"]),
        CheckConstraint("raised_minor >= 0 and donations_count >= 0 and donors_count >= 0", name="positive"),
        {"postgresql_with": {"fillfactor": "20"}},
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str]
    raised_minor: Mapped[Minor] = mapped_column(default=0)
    donations_count: Mapped[Minor] = mapped_column(default=0)
    donors_count: Mapped[Minor] = mapped_column(default=0)
    latest_at: Mapped[datetime | None]


class CampaignDonor(Base):
    """How often one party has given to one campaign: what makes `donors_count` exact at once.

    No foreign keys: two more checks on the hottest path would guard what the drift check proves.
    """

    __tablename__ = "campaign_donors"
    __table_args__ = (
        CheckConstraint("donations_count >= 0", name="positive"),
        Index("ix_campaign_donors_party_id", "party_id", "first_at"),
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    donations_count: Mapped[Minor]
    first_at: Mapped[Instant]
    """When the party first gave to this campaign; its first gift of all when no other is earlier."""
