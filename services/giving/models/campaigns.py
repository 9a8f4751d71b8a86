"""Campaigns: an appeal with a goal and dates, its running total, and who gave to it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.giving.models.base import Base
from services.giving.models.entities import Entity
from services.giving.models.funds import Fund
from shared.clock import ZONE
from shared.db import Id, Instant, Minor
from shared.errors import Conflict
from shared.once import ONCE_KEY, Once

STATUSES = ("draft", "live", "closed")
Words = dict[str, str]
"""A text in both languages: {"fr": …, "en": …}."""
NO_WORDS: Words = {"fr": "", "en": ""}
GOALS = ("goal_minor", "goal_donors", "start_minor", "start_donors")
UNITS = ("unit_minor", "units_promised")
TEXTS = ("title", "summary", "story", "surplus_use")


class CampaignNotReady(Conflict):
    """A campaign goes live only with all its texts in both languages; `missing` names those it lacks."""


class CampaignNotLive(Conflict):
    """This campaign does not take gifts at the moment."""


class CampaignNotLaunched(Conflict):
    """Only a campaign that was launched can be closed."""


class CampaignOver(Conflict):
    """The end of this campaign has passed; a later one must be chosen first."""


class Campaign(Once, Base):
    """A fundraising appeal for one fund of one entity, in one currency."""

    __tablename__ = "campaigns"
    __table_args__ = (
        ForeignKeyConstraint(["fund_id", "entity_id"], ["funds.id", "funds.entity_id"]),
        UniqueConstraint("id", "currency"),
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,98}$'", name="slug"),
        CheckConstraint("goal_minor >= 0 and goal_donors >= 0 and goal_minor + goal_donors > 0", name="goal"),
        CheckConstraint("start_minor >= 0 and start_donors >= 0", name="start"),
        CheckConstraint(
            "unit_minor >= 0 and units_promised >= 0 and (unit_minor = 0) = (units_promised = 0)"
            " and unit_minor * units_promised <= goal_minor",
            name="units",
        ),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("starts_on <= ends_on", name="dates"),
        CheckConstraint(
            "opens_at is not null and closes_at is not null and opens_at < closes_at", name="period"
        ),
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
    goal_minor: Mapped[Minor] = mapped_column(default=0)
    """0 where the goal is in donors alone."""
    goal_donors: Mapped[Minor] = mapped_column(default=0, server_default=text("0"))
    """0 where the goal is in money alone."""
    start_minor: Mapped[Minor] = mapped_column(default=0, server_default=text("0"))
    """What came before, outside of these books: shown, counted towards the goal, and in no sum."""
    start_donors: Mapped[Minor] = mapped_column(default=0, server_default=text("0"))
    unit_minor: Mapped[Minor] = mapped_column(default=0, server_default=text("0"))
    """What one unit costs; 0 where the campaign promises none."""
    units_promised: Mapped[Minor] = mapped_column(default=0, server_default=text("0"))
    unit_name: Mapped[Words] = mapped_column(
        JSONB, default=NO_WORDS, server_default=text("""'{"fr": "", "en": ""}'""")
    )
    """What the units are, in the plural: scholarships."""
    currency: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default=ZONE.key, server_default=text("'Europe/Paris'"))
    opens_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=True)
    closes_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=True)
    """The first moment at which no gift can be begun any more."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    """First and last day, in `time_zone`."""
    suggested_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    picture: Mapped[str]
    """The drawn one, where it has none of its own."""
    photo: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Its own picture: digest, width and height of each size, the small one first; empty for none."""
    picture_alt: Mapped[Words] = mapped_column(
        JSONB, default=NO_WORDS, server_default=text("""'{"fr": "", "en": ""}'""")
    )
    """What can be seen on its own picture."""
    created_at: Mapped[Instant]
    launched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    """When staff ended it before its end."""
    goal_reached_at: Mapped[datetime | None]

    entity: Mapped[Entity] = relationship(lazy="raise_on_sql", viewonly=True)
    fund: Mapped[Fund] = relationship(lazy="raise_on_sql", viewonly=True)
    total: Mapped["CampaignTotal"] = relationship(lazy="raise_on_sql", viewonly=True)

    def status(self, at: datetime) -> str:
        """draft before its launch, closed by staff or after its end, live between."""
        if self.launched_at is None:
            return "draft"
        return "closed" if self.closed_at is not None or at >= self.closes_at else "live"

    def is_open(self, at: datetime) -> bool:
        """Whether gifts are taken: launched, begun, and not over."""
        return self.status(at) == "live" and at >= self.opens_at

    def launch(self, *, at: datetime) -> None:
        """Open to gifts; a second launch changes nothing."""
        self.check_ready()
        self.launched_at = self.launched_at or at

    def check_ready(self) -> None:
        """Raise CampaignNotReady unless every text is there in both languages."""
        if missing := self.missing():
            raise CampaignNotReady(missing=missing)

    def missing(self) -> list[str]:
        """The texts still to be written, as `story.en`."""
        wanted = {"unit_name": self.unit_minor, "picture_alt": self.photo}
        names = [*TEXTS, *(name for name, is_wanted in wanted.items() if is_wanted)]
        return [f"{name}.{code}" for name in names for code in NO_WORDS if not self._text(name, code)]

    def _text(self, name: str, code: str) -> str:
        return str(getattr(self, name).get(code, "")).strip()

    def close(self, *, at: datetime) -> bool:
        """Take no more gifts: whether that is news."""
        if self.launched_at is None:
            raise CampaignNotLaunched
        if self.status(at) == "closed":
            return False
        self.closed_at = at
        return True

    def reopen(self, *, at: datetime) -> bool:
        """Undo a closure: whether that is news. CampaignOver when its end has passed since."""
        if self.launched_at is None:
            raise CampaignNotLaunched
        self.check_not_over(at)
        was_closed, self.closed_at = self.closed_at is not None, None
        return was_closed

    def check_not_over(self, at: datetime) -> None:
        """Raise CampaignOver once its end has passed."""
        if at >= self.closes_at:
            raise CampaignOver

    def check_open(self, at: datetime) -> None:
        """Raise CampaignNotLive unless gifts are taken at this moment."""
        if not self.is_open(at):
            raise CampaignNotLive

    def today(self, at: datetime) -> date:
        """The day that `at` belongs to where the campaign is."""
        return at.astimezone(ZoneInfo(self.time_zone)).date()

    def expected_minor(self, today: date) -> int:
        """The linear pace: what gifts should have brought at the end of `today`, each day alike."""
        days = (self.ends_on - self.starts_on).days + 1
        gone = min(max((today - self.starts_on).days + 1, 0), days)
        return max(self.goal_minor - (self.start_minor or 0), 0) * gone // days


def goal_reached(campaign: Any, *, raised_minor: int, donors_count: int) -> bool:
    """Whether these totals, with what came before the start, reach the goal: in money, else in donors.

    `campaign` is a Campaign, or a row with its goal and start.
    """
    if campaign.goal_minor:
        return bool(raised_minor + campaign.start_minor >= campaign.goal_minor)
    return bool(donors_count + campaign.start_donors >= campaign.goal_donors)


def day_begins(day: date, time_zone: str) -> datetime:
    """The first moment of a day in a zone: midnight, or what comes after where the clocks skip it."""
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def day_ends(day: date, time_zone: str) -> datetime:
    """24:00 of a day in a zone, which is the first moment of the next."""
    return day_begins(day + timedelta(days=1), time_zone)


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
