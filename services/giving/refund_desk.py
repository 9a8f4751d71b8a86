"""The refund desk: refunds that somebody must look after, each with its gift and who gave."""

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased, joinedload

from services.giving import donation_records
from services.giving.donation_records import CampaignNamed, DonorShown
from services.giving.models import Donation, Refund, Transaction
from services.giving.refunds import RefundShown
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged

routes = Blueprint("refund_desk", __name__, url_prefix="/api/v1/giving/refunds")

_later = aliased(Refund)
_undecided = and_(Refund.completed_at.is_(None), Refund.failed_at.is_(None))
_unapproved = and_(Refund.needs_approval, Refund.approved_at.is_(None))
_asked_again = exists().where(
    _later.donation_id == Refund.donation_id,
    _later.surplus_id.is_not_distinct_from(Refund.surplus_id),
    _later.requested_at > Refund.requested_at,
)

STANDINGS: dict[str, ColumnElement[bool]] = {
    "waiting": and_(_undecided, _unapproved),
    "requested": and_(_undecided, ~_unapproved),
    "failed": and_(
        or_(Refund.failed_at.is_not(None), Refund.returned_at.is_not(None)),
        Refund.requested_by.is_not(None),
        Refund.rejected_by.is_(None),
        ~_asked_again,
    ),
}
"""Waiting for another person; asked of the provider and not done; failed or returned, and not asked again."""


class DeskQuery(PageQuery):
    """Which refunds of the desk."""

    standing = fields.String(required=True, validate=validate.OneOf(list(STANDINGS)))


class GiftBehind(Schema):
    """The gift that a refund is of."""

    id = fields.UUID(required=True)
    campaign = fields.Nested(CampaignNamed, required=True)
    donor = fields.Nested(DonorShown, required=True)


class RefundOnDesk(RefundShown):
    """A refund with its gift."""

    donation = fields.Nested(GiftBehind, required=True)


@routes.get("", allow="giving.read")
@routes.arguments(DeskQuery, location="query")
@routes.response(200, paged(RefundOnDesk))
def index(query: dict[str, Any]) -> Any:
    """Refunds to look after, the longest waiting first."""
    wanted = (
        select(Refund, Donation)
        .join(Donation, Donation.id == Refund.donation_id)
        .options(joinedload(Donation.campaign), joinedload(Donation.donor))
        .where(STANDINGS[query.pop("standing")])
    )
    with Transaction() as session:
        found = page(session, wanted, keys=[Refund.requested_at, Refund.id], **query)
        return found | {"items": [_shown(session, each.Refund, each.Donation) for each in found["items"]]}


def _shown(session: Any, refund: Refund, donation: Donation) -> dict[str, Any]:
    donor = donation_records.donor_of(session, donation.donor)
    gift = {"id": donation.id, "campaign": donation.campaign, "donor": donor}
    return {name: getattr(refund, name) for name in RefundShown().fields} | {"donation": gift}
