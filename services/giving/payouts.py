"""Payouts: what the provider sent to an entity's bank, with the gifts in each."""

from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from services.giving import books
from services.giving.donation_records import CampaignNamed
from services.giving.models import Donation, Payout, Settlement, Transaction
from services.giving.models.payouts import STATUSES
from shared.errors import NotFound
from shared.http import Blueprint
from shared.money import Minor
from shared.pages import PageQuery, page, paged

routes = Blueprint("payouts", __name__, url_prefix="/api/v1/giving/entities")


class PayoutListed(Schema):
    """One transfer. `arrives_at` is the day that the provider expects, `arrived_at` the one it confirmed."""

    id = fields.UUID(required=True)
    provider_payout_id = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    arrives_at = fields.AwareDateTime(required=True)
    arrived_at = fields.AwareDateTime(required=True, allow_none=True)
    failed_at = fields.AwareDateTime(required=True, allow_none=True)
    failure = fields.String(required=True, allow_none=True)


class PayoutShown(PayoutListed):
    """What it is made of: its gifts and their fees; the rest is refunds, disputes and what was left before.

    Without `detailed_at` the provider was not asked yet which gifts are in it.
    """

    detailed_at = fields.AwareDateTime(required=True, allow_none=True)
    gifts_count = fields.Integer(required=True)
    gifts_minor = Minor(required=True)
    fees_minor = Minor(required=True)
    others_minor = Minor(required=True)


class GiftPaidOut(Schema):
    """A gift in a payout."""

    donation_id = fields.UUID(required=True)
    campaign = fields.Nested(CampaignNamed, required=True)
    amount_minor = Minor(required=True)
    fee_minor = Minor(required=True, allow_none=True)
    currency = fields.String(required=True)
    paid_at = fields.AwareDateTime(required=True)


@routes.get("/<uuid:entity_id>/payouts", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(PayoutListed))
def index(query: dict[str, Any], entity_id: UUID) -> Any:
    """Payouts, the newest first."""
    with Transaction() as session:
        books.of(session, entity_id)
        own = select(Payout).where(Payout.entity_id == entity_id)
        return page(session, own, keys=[Payout.made_at.desc(), Payout.id.desc()], **query)


@routes.get("/<uuid:entity_id>/payouts/<uuid:payout_id>", allow="giving.read")
@routes.response(200, PayoutShown)
def show(entity_id: UUID, payout_id: UUID) -> Any:
    """One payout, and what it is made of."""
    with Transaction() as session:
        payout = _find(session, entity_id, payout_id)
        gifts = func.coalesce(func.sum(Donation.amount_minor), 0)
        fees = func.coalesce(func.sum(Settlement.fee_minor), 0)
        made_of = select(func.count(), gifts, fees).join(Donation, Donation.id == Settlement.donation_id)
        count, gifts_minor, fees_minor = session.execute(
            made_of.where(Settlement.payout_id == payout_id)
        ).one()
        names = (*PayoutListed().fields, "detailed_at")
        return {name: getattr(payout, name) for name in names} | {
            "gifts_count": count,
            "gifts_minor": int(gifts_minor),
            "fees_minor": int(fees_minor),
            "others_minor": payout.amount_minor - int(gifts_minor) + int(fees_minor),
        }


@routes.get("/<uuid:entity_id>/payouts/<uuid:payout_id>/gifts", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(GiftPaidOut))
def gifts(query: dict[str, Any], entity_id: UUID, payout_id: UUID) -> Any:
    """The gifts in a payout, the latest first."""
    with Transaction() as session:
        _find(session, entity_id, payout_id)
        held = (
            select(Settlement, Donation)
            .join(Donation, Donation.id == Settlement.donation_id)
            .options(joinedload(Donation.campaign))
            .where(Settlement.payout_id == payout_id)
        )
        found = page(session, held, keys=[Settlement.paid_at.desc(), Settlement.donation_id.desc()], **query)
        return found | {"items": [_gift(row.Settlement, row.Donation) for row in found["items"]]}


def _find(session: Session, entity_id: UUID, payout_id: UUID) -> Payout:
    payout = session.get(Payout, payout_id)
    if payout is None or payout.entity_id != entity_id:
        raise NotFound
    return payout


def _gift(settlement: Settlement, donation: Donation) -> dict[str, Any]:
    return {
        "donation_id": donation.id,
        "campaign": donation.campaign,
        "amount_minor": donation.amount_minor,
        "fee_minor": settlement.fee_minor,
        "currency": donation.currency,
        "paid_at": settlement.paid_at,
    }
