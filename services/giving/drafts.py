"""Drafts: a campaign is written, and its words, goal, dates and amounts changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.giving import periods
from services.giving.campaigns import BESIDE, CampaignWritten
from services.giving.models import Campaign, CampaignTotal, Fund, Transaction
from services.giving.models.campaigns import GOALS, NO_WORDS, UNITS, CampaignNotReady
from services.giving.models.donations import AMOUNT_MAX_MINOR, AMOUNT_MIN_MINOR
from services.giving.periods import PeriodWish
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import now
from shared.db import lock
from shared.errors import Conflict
from shared.http import Blueprint, IdempotencyKey
from shared.i18n import bilingual
from shared.money import Minor
from shared.once import once, or_the_same

routes = Blueprint("drafts", __name__, url_prefix="/api/v1/giving/campaigns")

SLUG = validate.Regexp(r"[a-z0-9][a-z0-9-]{0,98}\Z")
AMOUNT = validate.Range(AMOUNT_MIN_MINOR, AMOUNT_MAX_MINOR)
SUM, COUNT = validate.Range(0, 10_000_000_000), validate.Range(0, 10_000_000)
GOAL_LEAST_MINOR = 100
ALT_MAX = 300


class CampaignTaken(Conflict):
    """Another campaign has this address."""


class LaunchedCampaignFixed(Conflict):
    """The fund of a campaign that was launched cannot change: donors were told who receives."""


def brief(name: str, most: int) -> Any:
    """A short text in both languages."""
    text = {code: fields.String(required=True, validate=validate.Length(max=most)) for code in NO_WORDS}
    return fields.Nested(Schema.from_dict(text, name=name), load_default=lambda: dict(NO_WORDS))


class CampaignWish(PeriodWish):
    """A new campaign; it is a draft until its launch.

    Its goal is in money, in donors, or in both: 0 is none. Units are promised by their number and cost.
    """

    slug = fields.String(required=True, validate=SLUG)
    fund_id = fields.UUID(required=True)
    title = bilingual(required=True)
    summary = bilingual(required=True)
    story = bilingual(required=True)
    surplus_use = bilingual(required=True)
    goal_minor = Minor(load_default=0, validate=SUM)
    goal_donors = Minor(load_default=0, validate=COUNT)
    start_minor = Minor(load_default=0, validate=SUM, metadata=BESIDE)
    start_donors = Minor(load_default=0, validate=COUNT, metadata=BESIDE)
    unit_minor = Minor(load_default=0, validate=SUM)
    units_promised = Minor(load_default=0, validate=COUNT)
    unit_name = brief("UnitName", 60)
    currency = fields.String(load_default="EUR", validate=validate.OneOf(["EUR"]))
    suggested_minor = fields.List(Minor(validate=AMOUNT), load_default=list, validate=validate.Length(max=6))
    picture = fields.String(load_default="", validate=validate.Length(max=200))
    picture_alt = brief("PictureAlt", ALT_MAX)


class CampaignChange(CampaignWish):
    """What may change; the fund only before the launch."""

    class Meta:
        """The address stands for good."""

        exclude = ("slug",)


@routes.post("", allow="giving.manage", refuses=(CampaignTaken,))
@routes.arguments(CampaignWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, CampaignWritten)
def create(wish: dict[str, Any], header: dict[str, str]) -> Any:
    """Write a draft, which everyone may know of from its launch on."""
    at = now()

    def write() -> Campaign:
        with Transaction() as session, _address_free():

            def values() -> dict[str, Any]:
                check_goal(wish)
                fund = _fund(session, wish["fund_id"])
                return {"entity_id": fund.entity_id, "created_at": at, **periods.of(wish)}

            campaign = once(session, Campaign, header["key"], values=values, claim_s=0, **wish)
            if not campaign.repeated:
                begin(session, campaign, by=caller().person_id, at=at, **wish)
            return campaign

    return or_the_same(CampaignTaken, write)


@routes.patch("/<uuid:campaign_id>", allow="giving.manage", refuses=(LaunchedCampaignFixed, CampaignNotReady))
@routes.arguments(CampaignChange(partial=True))
@routes.response(200, CampaignWritten)
def change(wish: dict[str, Any], campaign_id: UUID) -> Any:
    """Change words, goal, dates, amounts or picture."""
    with Transaction() as session:
        return revise(session, campaign_id, by=caller().person_id, at=now(), **wish)


def draft(session: Session, *, by: UUID | None, at: datetime, fund_id: UUID, **words: Any) -> Campaign:
    """A new campaign; CampaignTaken when another has its address."""
    fund = _fund(session, fund_id)
    check_goal(words)
    words |= periods.of(words)
    campaign = Campaign(fund_id=fund.id, entity_id=fund.entity_id, created_at=at, **words)
    session.add(campaign)
    with _address_free():
        session.flush()
    return begin(session, campaign, by=by, at=at, **words)


def begin(session: Session, campaign: Campaign, *, by: UUID | None, at: datetime, **words: Any) -> Campaign:
    """Give a campaign just written down its total of zero."""
    session.add(CampaignTotal(campaign_id=campaign.id, currency=campaign.currency))
    note(session, "campaign.drafted", campaign.id, by=by, at=at, fields=sorted(words))
    session.flush()
    return campaign


@contextmanager
def _address_free() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "campaigns_slug" in str(error.orig):
            raise CampaignTaken from None
        raise


def _fund(session: Session, fund_id: UUID) -> Fund:
    fund = session.get(Fund, fund_id)
    if fund is None:
        raise FieldsRefused({"fund_id": ["There is no such fund."]})
    return fund


def revise(session: Session, campaign_id: UUID, *, by: UUID | None, at: datetime, **words: Any) -> Campaign:
    """Change a campaign. Who receives stands for good once donors were told."""
    campaign = lock(session, Campaign, campaign_id)
    if words.get("currency", campaign.currency) != campaign.currency:
        raise FieldsRefused({"currency": ["The currency of a campaign stands for good."]})
    if "fund_id" in words and words["fund_id"] != campaign.fund_id:
        _move(session, campaign, words["fund_id"])
    period = periods.of(words, campaign) if any(name in words for name in periods.FIELDS) else {}
    for name, value in (words | period).items():
        setattr(campaign, name, value)
    check_goal({name: getattr(campaign, name) for name in (*GOALS, *UNITS)})
    if campaign.launched_at is not None:
        campaign.check_ready()
    note(session, "campaign.changed", campaign_id, by=by, at=at, fields=sorted(words))
    session.flush()
    return campaign


def check_goal(told: dict[str, Any]) -> None:
    """Refuse a campaign without any goal, and units that the goal in money does not pay for."""
    goal, donors, unit, units = (
        told.get(name) or 0 for name in ("goal_minor", "goal_donors", "unit_minor", "units_promised")
    )
    if not goal and not donors:
        raise FieldsRefused({"goal_minor": ["A goal in money, in donors, or in both."]})
    if 0 < goal < GOAL_LEAST_MINOR:
        raise FieldsRefused({"goal_minor": [f"At least {GOAL_LEAST_MINOR}, or 0 for none."]})
    if bool(unit) != bool(units):
        raise FieldsRefused({"units_promised" if unit else "unit_minor": ["With the cost goes the number."]})
    if unit * units > goal:
        raise FieldsRefused({"units_promised": ["Together they cost more than the goal in money."]})


def _move(session: Session, campaign: Campaign, fund_id: UUID) -> None:
    if campaign.launched_at is not None:
        raise LaunchedCampaignFixed
    campaign.entity_id = _fund(session, fund_id).entity_id


def note(
    session: Session,
    action: str,
    campaign_id: UUID,
    *,
    by: UUID | None,
    at: datetime,
    fields: list[str] | None = None,
) -> None:
    """Who changed what of a campaign, for the audit trail."""
    audit.record(
        session,
        by=by,
        action=action,
        subject=("campaign", campaign_id),
        fields=fields or [],
        right="giving.manage",
        at=at,
        key=current().link_key,
    )
