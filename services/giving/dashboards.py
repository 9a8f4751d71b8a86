"""Dashboards: what staff watch while a campaign runs. Every figure is counted, and they agree."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving import campaigns, curves, donation_records, donation_searches
from services.giving.campaigns import CampaignShown
from services.giving.donation_records import DonationListed
from services.giving.models import Campaign, Transaction
from services.giving.models.campaigns import GOALS
from shared.clock import now, today
from shared.http import Blueprint
from shared.money import Minor

routes = Blueprint("dashboards", __name__, url_prefix="/api/v1/giving/campaigns")

LATEST = 10
CLASSES = 7


class ClassParticipation(Schema):
    """Donors of a class ÷ its living people who can be reached."""

    class_year = fields.Integer(required=True)
    donors = fields.Integer(required=True)
    reachable = fields.Integer(required=True)


class Dashboard(Schema):
    """Mean × donors is the sum, but for rounding.

    What came before the start is in none of the figures. `expected_minor` is the linear pace for today of
    what gifts have to bring; null without a goal in money, while no gift is taken, and on the first day:
    nothing can be late then.
    """

    campaign = fields.Nested(CampaignShown, required=True)
    raised_minor = Minor(required=True)
    goal_minor = Minor(required=True)
    goal_donors = Minor(required=True)
    start_minor = Minor(required=True, metadata=campaigns.BESIDE)
    start_donors = Minor(required=True, metadata=campaigns.BESIDE)
    currency = fields.String(required=True)
    donors_count = fields.Integer(required=True)
    first_time_donors_count = fields.Integer(required=True)
    donations_count = fields.Integer(required=True)
    median_minor = Minor(allow_none=True)
    mean_per_donor_minor = Minor(allow_none=True)
    expected_minor = Minor(required=True, allow_none=True)
    curve = fields.List(fields.Nested(curves.Day), required=True)
    participation = fields.List(fields.Nested(ClassParticipation), required=True)
    latest = fields.List(fields.Nested(DonationListed), required=True)


@routes.get("/<id_or_slug>/dashboard", allow="giving.read")
@routes.response(200, Dashboard)
def show(id_or_slug: str) -> Any:
    """A campaign as staff watch it."""
    with Transaction() as session:
        return counted(session, campaigns.find(session, id_or_slug, to_staff=True), at=now())


def counted(session: Session, campaign: Campaign, *, at: datetime) -> dict[str, Any]:
    """Every figure of the dashboard."""
    day, total = campaign.today(at), campaign.total
    donors_count = total.donors_count
    return {
        "campaign": campaigns.with_tax(session, [campaign], on=today(at))[0],
        "raised_minor": total.raised_minor,
        **{name: getattr(campaign, name) for name in GOALS},
        "currency": campaign.currency,
        "donors_count": donors_count,
        "first_time_donors_count": _one(session, FIRST_TIMERS, campaign.id),
        "donations_count": total.donations_count,
        "median_minor": _one(session, MEDIAN, campaign.id),
        "mean_per_donor_minor": round(total.raised_minor / donors_count) if donors_count else None,
        "expected_minor": campaign.expected_minor(day) if _has_pace(campaign, at) else None,
        "curve": curves.of_campaign(session, campaign.id),
        "participation": participation(session, campaign.id),
        "latest": latest(session, campaign.id, at=at),
    }


def _has_pace(campaign: Campaign, at: datetime) -> bool:
    """Whether gifts are taken since an earlier day: before its first evening a campaign is not late."""
    return campaign.is_open(at) and campaign.today(at) > campaign.starts_on and campaign.goal_minor > 0


def _one(session: Session, statement: Any, campaign_id: UUID) -> int | None:
    value = session.execute(statement, {"campaign_id": campaign_id}).scalar_one()
    return None if value is None else int(value)


FIRST_TIMERS = text(
    """
    select count(*) from campaign_donors here
    where campaign_id = :campaign_id and donations_count > 0 and not exists (
      select from campaign_donors earlier
      where earlier.party_id = here.party_id and earlier.donations_count > 0
        and earlier.first_at < here.first_at)
    """
)
"""Donors whose first gift of all went to this campaign (ix_campaign_donors_party_id)."""

MEDIAN = text(
    """
    select percentile_disc(0.5) within group (order by amount_minor) from donations
    where campaign_id = :campaign_id and settled_at is not null and refunded_at is null
    """
)
"""An index-only scan of ix_donations_wall. Of two middle gifts the lower: an amount that somebody gave,
though a part of it may have gone back."""

PARTICIPATION = text(
    """
    with given as (
      select donors.class_year, count(*) as donors from campaign_donors
      join donors on donors.id = campaign_donors.party_id
      where campaign_id = :campaign_id and donations_count > 0 and donors.class_year is not null
        and donors.contactable and donors.status = 'living' and donors.merged_into is null
      group by donors.class_year
    ), reached as (
      select class_year, count(*) as reachable from donors
      where contactable and status = 'living' and merged_into is null
        and class_year in (select class_year from given)
      group by class_year
    )
    select class_year, donors, reachable from given join reached using (class_year)
    order by cast(donors as numeric) / reachable desc, class_year limit :most
    """
)
"""Numerator and denominator count the same people: living, reachable, after merges (ix_donors_reachable)."""


def participation(session: Session, campaign_id: UUID, *, most: int = CLASSES) -> list[dict[str, Any]]:
    """The classes that take part most."""
    rows = session.execute(PARTICIPATION, {"campaign_id": campaign_id, "most": most})
    return [dict(row._mapping) for row in rows]


def latest(session: Session, campaign_id: UUID, *, at: datetime) -> list[dict[str, Any]]:
    """The newest gifts that came or are on their way, refunded ones too."""
    gifts = donation_searches.search(session, at=at, campaign_id=campaign_id)
    newest = session.execute(gifts.order_by(*donation_searches.SORTS["newest"]).limit(LATEST)).all()
    return [donation_records.listed(session, each) for each in newest]
