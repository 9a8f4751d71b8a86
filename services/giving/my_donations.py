"""My donations: the gifts of who is signed in."""

from typing import Any

from marshmallow import fields

from services.giving import checkouts, donors
from services.giving.donation_records import GiftNamed
from services.giving.donation_searches import whole
from services.giving.models import Donation, Transaction
from shared.auth import caller
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged

routes = Blueprint("my_donations", __name__, url_prefix="/api/v1/giving/my-donations")


class MyDonation(GiftNamed):
    """A gift of mine; `link` opens its page."""

    created_at = fields.AwareDateTime(required=True)
    refunded_at = fields.AwareDateTime(allow_none=True)
    link = fields.Function(checkouts.link_of, metadata={"type": "string"})


@routes.get("", allow="signed_in")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(MyDonation))
def my_donations(query: dict[str, Any]) -> Any:
    """My gifts, those I made as a guest under my verified address too; the newest first."""
    person_id = caller().person_id
    assert person_id is not None
    with Transaction() as session:
        own = whole().where(Donation.donor_id.in_(donors.rows_of(session, person_id)))
        return page(session, own.where(Donation.settled_at.is_not(None)), keys=[Donation.id.desc()], **query)
