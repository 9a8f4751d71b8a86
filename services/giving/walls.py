"""Walls: who just gave, as each of them chose to be seen. Nobody is named unless they ticked it.

A guest is shown by what they typed, and without a class, even when the address is that of a person we know:
whoever typed it has not shown that it is theirs.
"""

from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import campaigns
from services.giving.models import Donation, Donor, Transaction
from shared.auth import caller
from shared.http import Blueprint
from shared.money import Minor
from shared.pages import QueryInteger

routes = Blueprint("walls", __name__, url_prefix="/api/v1/giving/campaigns")


class WallQuery(Schema):
    """How many of the latest gifts."""

    limit = QueryInteger(load_default=12, validate=validate.Range(1, 50))


class WallEntry(Schema):
    """One gift: first name and initial, and amount, only by the donor's choice."""

    name = fields.String(allow_none=True)
    class_year = fields.Integer(allow_none=True)
    amount_minor = Minor(allow_none=True)
    at = fields.AwareDateTime(required=True)


class Wall(Schema):
    """The latest gifts."""

    items = fields.List(fields.Nested(WallEntry), required=True)


@routes.get("/<id_or_slug>/wall", allow="anyone")
@routes.arguments(WallQuery, location="query")
@routes.response(200, Wall)
def show(query: dict[str, Any], id_or_slug: str) -> Any:
    """Who just gave to a campaign."""
    with Transaction() as session:
        campaign = campaigns.find(session, id_or_slug, to_staff=caller().has("giving.read"))
        return {"items": latest(session, campaign.id, most=query["limit"])}


def latest(session: Session, campaign_id: UUID, *, most: int) -> list[dict[str, Any]]:
    """The newest settled gifts (by ix_donations_wall); those refunded or disputed whole leave it at once."""
    newest = (
        select(Donation, Donor)
        .join(Donor, Donor.id == Donation.donor_id)
        .where(Donation.campaign_id == campaign_id)
        .where(Donation.settled_at.is_not(None), Donation.refunded_at.is_(None))
        .order_by(Donation.settled_at.desc(), Donation.id.desc())
        .limit(most)
    )
    return [_entry(*row) for row in session.execute(newest)]


def _entry(donation: Donation, donor: Donor) -> dict[str, Any]:
    return {
        "name": _short(donor) if donation.wall_shows_name else None,
        "class_year": donor.class_year,
        "amount_minor": donation.left_minor if donation.wall_shows_amount else None,
        "at": donation.settled_at,
    }


def _short(donor: Donor) -> str | None:
    """First name and initial: `Claire L.`; None for a donor without a name."""
    initial = f" {donor.family_name[0]}." if donor.family_name else ""
    return f"{donor.given_name}{initial}".strip() or None
