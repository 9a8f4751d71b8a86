"""Launches, closures and reopenings: when a campaign takes gifts, decided by staff.

Each answers with the campaign, which everybody may read from its launch on.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.giving import campaigns, drafts
from services.giving.campaigns import CampaignShown
from services.giving.models import Campaign, Transaction
from services.giving.models.campaigns import CampaignNotLaunched, CampaignNotReady, CampaignOver
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.http import Blueprint
from shared.messages import CampaignLaunched
from shared.outbox import publish

routes = Blueprint("launches", __name__, url_prefix="/api/v1/giving/campaigns")


@routes.post("/<uuid:campaign_id>/launches", allow="giving.manage", refuses=(CampaignNotReady, CampaignOver))
@routes.response(201, CampaignShown)
def start(campaign_id: UUID) -> Any:
    """Open the campaign to gifts, and say so; a second time changes nothing."""
    return _decided(launch, campaign_id)


@routes.post("/<uuid:campaign_id>/closures", allow="giving.manage", refuses=(CampaignNotLaunched,))
@routes.response(201, CampaignShown)
def stop(campaign_id: UUID) -> Any:
    """Take no more gifts from now on; the page stays, with its total. A second time changes nothing."""
    return _decided(close, campaign_id)


@routes.post(
    "/<uuid:campaign_id>/reopenings", allow="giving.manage", refuses=(CampaignNotLaunched, CampaignOver)
)
@routes.response(201, CampaignShown)
def start_again(campaign_id: UUID) -> Any:
    """Take gifts again, until its end; a second time changes nothing."""
    return _decided(reopen, campaign_id)


def _decided(decision: Any, campaign_id: UUID) -> Campaign:
    with Transaction() as session:
        at = now()
        decision(session, campaign_id, by=caller().person_id, at=at)
        return campaigns.read(session, campaign_id, at=at)


def launch(session: Session, campaign_id: UUID, *, by: UUID | None, at: datetime) -> Campaign:
    """Open a campaign to gifts; said once."""
    campaign = lock(session, Campaign, campaign_id)
    if campaign.launched_at is None:
        campaign.check_not_over(at)
        campaign.launch(at=at)
        drafts.note(session, "campaign.launched", campaign_id, by=by, at=at)
        publish(session, CampaignLaunched.of(campaign), at=at)
        session.flush()
    return campaign


def close(session: Session, campaign_id: UUID, *, by: UUID | None, at: datetime) -> Campaign:
    """End a campaign before its time. A gift whose payment page is open may still arrive, and counts."""
    campaign = lock(session, Campaign, campaign_id)
    if campaign.close(at=at):
        drafts.note(session, "campaign.closed", campaign_id, by=by, at=at)
        session.flush()
    return campaign


def reopen(session: Session, campaign_id: UUID, *, by: UUID | None, at: datetime) -> Campaign:
    """Undo a closure while the dates allow it; the audit trail keeps both."""
    campaign = lock(session, Campaign, campaign_id)
    if campaign.reopen(at=at):
        drafts.note(session, "campaign.reopened", campaign_id, by=by, at=at)
        session.flush()
    return campaign
