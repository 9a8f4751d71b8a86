"""Campaigns: an appeal, its page and its running total."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from services.giving import tax_rates
from services.giving.entities import EntityShown
from services.giving.models import Campaign, Transaction
from services.giving.models.campaigns import GOALS, STATUSES
from shared.auth import caller
from shared.clock import now, today
from shared.errors import NotFound
from shared.http import Blueprint
from shared.i18n import bilingual
from shared.money import Minor
from shared.pages import PageQuery, page, paged

routes = Blueprint("campaigns", __name__, url_prefix="/api/v1/giving/campaigns")

PICTURE = {
    "type": "object",
    "properties": {"url": {"type": "string"}, "width": {"type": "integer"}, "height": {"type": "integer"}},
    "required": ["url", "width", "height"],
}
BESIDE = {"description": "outside of the books and of the sums here; counts towards the goal"}


class CampaignQuery(PageQuery):
    """Which campaigns."""

    status = fields.String(validate=validate.OneOf(STATUSES))


class FundNamed(Schema):
    """What the money is for."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class CampaignWritten(Schema):
    """What who writes a campaign is answered: to read a draft is another right."""

    id = fields.UUID(required=True)
    status = fields.Function(
        lambda campaign: campaign.status(now()), metadata={"type": "string", "enum": list(STATUSES)}
    )


class CampaignShown(CampaignWritten):
    """A campaign with its total; `tax` is what a donor may deduct, null when no receipt can be issued."""

    slug = fields.String(required=True)
    title = bilingual(required=True)
    summary = bilingual(required=True)
    story = bilingual(required=True)
    surplus_use = bilingual(required=True)
    goal_minor = Minor(required=True, metadata={"description": "0 where the goal is in donors alone"})
    goal_donors = Minor(required=True, metadata={"description": "0 where the goal is in money alone"})
    start_minor = Minor(required=True, metadata=BESIDE)
    start_donors = Minor(required=True, metadata=BESIDE)
    unit_minor = Minor(
        required=True, metadata={"description": "what one unit costs; 0 where none is promised"}
    )
    units_promised = Minor(required=True)
    unit_name = bilingual(required=True)
    currency = fields.String(required=True)
    raised_minor = Minor(attribute="total.raised_minor")
    donations_count = fields.Integer(attribute="total.donations_count")
    donors_count = fields.Integer(attribute="total.donors_count")
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    opens_at = fields.AwareDateTime(required=True)
    closes_at = fields.AwareDateTime(required=True)
    time_zone = fields.String(required=True)
    launched_at = fields.AwareDateTime(allow_none=True)
    closed_at = fields.AwareDateTime(allow_none=True)
    suggested_minor = fields.List(Minor(), required=True)
    picture = fields.String(required=True, metadata={"description": "a drawn one, where there is no other"})
    pictures = fields.Function(
        lambda campaign: [_address(campaign, each) for each in campaign.photo],
        metadata={"type": "array", "items": PICTURE, "description": "its own, the small size first"},
    )
    picture_alt = bilingual(required=True)
    entity = fields.Nested(EntityShown, required=True)
    fund = fields.Nested(FundNamed, required=True)
    tax = fields.Nested(tax_rates.TaxShown, allow_none=True)


class TotalShown(Schema):
    """The running total: settled − refunded, exact at once."""

    raised_minor = Minor(required=True)
    goal_minor = Minor(required=True)
    goal_donors = Minor(required=True)
    start_minor = Minor(required=True, metadata=BESIDE)
    start_donors = Minor(required=True, metadata=BESIDE)
    currency = fields.String(required=True)
    donations_count = fields.Integer(required=True)
    donors_count = fields.Integer(required=True)
    latest_at = fields.AwareDateTime(allow_none=True)


@routes.get("", allow="anyone")
@routes.arguments(CampaignQuery, location="query")
@routes.response(200, paged(CampaignShown))
def index(query: dict[str, Any]) -> Any:
    """Campaigns, the newest first; drafts only for who may read giving."""
    status = query.pop("status", None)
    with Transaction() as session:
        statement = visible(status, to_staff=caller().has("giving.read"), at=now())
        keys = [Campaign.starts_on.desc(), Campaign.id.desc()]
        found = page(session, statement, keys=keys, **query)
        return found | {"items": with_tax(session, found["items"], on=today(now()))}


@routes.get("/<id_or_slug>", allow="anyone")
@routes.response(200, CampaignShown)
def show(id_or_slug: str) -> Any:
    """One campaign, by its id or its address."""
    with Transaction() as session:
        campaign = find(session, id_or_slug, to_staff=caller().has("giving.read"))
        return with_tax(session, [campaign], on=today(now()))[0]


@routes.get("/<id_or_slug>/total", allow="anyone")
@routes.response(200, TotalShown)
def total(id_or_slug: str) -> Any:
    """The running total, to be asked again with its ETag."""
    with Transaction() as session:
        campaign = find(session, id_or_slug, to_staff=caller().has("giving.read"))
        sums = ("raised_minor", "donations_count", "donors_count", "latest_at", "currency")
        told = {name: getattr(campaign, name) for name in GOALS}
        return told | {name: getattr(campaign.total, name) for name in sums}


def _address(campaign: Campaign, size: dict[str, Any]) -> dict[str, Any]:
    """Where one size of a picture is."""
    url = f"{routes.url_prefix}/{campaign.id}/pictures/{size['digest']}"
    return {"url": url, "width": size["width"], "height": size["height"]}


def whole() -> Select[Any]:
    """Campaigns with their entity, fund and total."""
    return select(Campaign).options(
        joinedload(Campaign.entity), joinedload(Campaign.fund), joinedload(Campaign.total)
    )


def visible(status: str | None, *, to_staff: bool, at: datetime) -> Select[Any]:
    """Campaigns of a status, as anyone or as staff may see them."""
    launched = Campaign.launched_at.is_not(None)
    over = or_(Campaign.closes_at <= at, Campaign.closed_at.is_not(None))
    conditions = {
        None: [] if to_staff else [launched],
        "draft": [~launched] if to_staff else [launched, ~launched],
        "live": [launched, ~over],
        "closed": [launched, over],
    }
    return whole().where(*conditions[status])


def find(session: Session, id_or_slug: str, *, to_staff: bool) -> Campaign:
    """The campaign, or NotFound; a draft exists for staff only."""
    matches = [Campaign.slug == id_or_slug]
    with suppress(ValueError):
        matches.append(Campaign.id == UUID(id_or_slug))
    campaign: Campaign | None = session.execute(whole().where(or_(*matches))).scalar_one_or_none()
    if campaign is None or (campaign.launched_at is None and not to_staff):
        raise NotFound
    return campaign


def read(session: Session, campaign_id: UUID, *, at: datetime) -> Campaign:
    """The campaign as it stands now, to be shown after a change."""
    one = whole().where(Campaign.id == campaign_id).execution_options(populate_existing=True)
    return with_tax(session, [session.execute(one).scalar_one()], on=today(at))[0]


def with_tax(session: Session, campaigns: list[Campaign], *, on: date) -> list[Campaign]:
    """The campaigns, each with what a donor may deduct."""
    rate = tax_rates.on_day(session, "income_tax", on=on)
    for each in campaigns:
        each.tax = rate if each.entity.can_issue_receipts else None  # type: ignore[attr-defined]
    return campaigns
