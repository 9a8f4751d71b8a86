"""Donation totals: how many gifts a search finds, and how much money, by how they stand."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.giving.donation_searches import STANDINGS, DonationFilter, matching, standing
from services.giving.models import Donation, Transaction
from shared.clock import now
from shared.http import Blueprint
from shared.money import Minor

routes = Blueprint("donation_totals", __name__, url_prefix="/api/v1/giving/donation-totals")


class DonationTotal(Schema):
    """The gifts that stand alike, in one currency: what was given, and what of it went back since."""

    standing = fields.String(required=True, validate=validate.OneOf(STANDINGS))
    currency = fields.String(required=True)
    count = fields.Integer(required=True)
    amount_minor = Minor(required=True)
    refunded_minor = Minor(required=True)
    disputed_minor = Minor(required=True)


class DonationTotals(Schema):
    """One line for each standing that was found."""

    items = fields.List(fields.Nested(DonationTotal), required=True)


@routes.get("", allow="giving.read")
@routes.arguments(DonationFilter, location="query")
@routes.response(200, DonationTotals)
def show(asked: dict[str, Any]) -> Any:
    """Count and sum of what is filtered, all pages together. What was not received is no money of ours."""
    with Transaction() as session:
        return {"items": totals(session, at=now(), **asked)}


def totals(session: Session, *, at: datetime, **asked: Any) -> list[dict[str, Any]]:
    """One line for each standing and currency."""
    sums = [
        func.sum(column).label(column.key)
        for column in (Donation.amount_minor, Donation.refunded_minor, Donation.disputed_minor)
    ]
    count = func.count().label("count")
    gifts = select(standing(at=at), Donation.currency, count, *sums).where(*matching(session, **asked))
    rows = session.execute(gifts.group_by("standing", Donation.currency)).mappings()
    return sorted((dict(row) for row in rows), key=lambda each: STANDINGS.index(each["standing"]))
