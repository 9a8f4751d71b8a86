"""Donation records: gifts as staff find and read them, each with all that happened to it."""

from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from services.giving import donors, ledger
from services.giving.models import Checkout, Donation, Donor, Refund, Settlement, Transaction
from services.giving.refunds import RefundShown
from shared.errors import NotFound
from shared.http import Blueprint
from shared.i18n import bilingual
from shared.money import Minor
from shared.pages import PageQuery, page, paged

routes = Blueprint("donation_records", __name__, url_prefix="/api/v1/giving/donations")


class CampaignNamed(Schema):
    """The campaign of a gift."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    title = bilingual(required=True)


class DonorShown(Schema):
    """Who gave, as staff see it. `party_id` is the person's id when known."""

    party_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True)
    given_name = fields.String(required=True)
    family_name = fields.String(required=True)
    email = fields.String(allow_none=True)
    class_year = fields.Integer(allow_none=True)


class DonationListed(Schema):
    """A gift in a list."""

    id = fields.UUID(required=True)
    status = fields.String(required=True)
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    campaign = fields.Nested(CampaignNamed, required=True)
    donor = fields.Nested(DonorShown, required=True)
    created_at = fields.AwareDateTime(required=True)
    settled_at = fields.AwareDateTime(allow_none=True)
    failed_at = fields.AwareDateTime(allow_none=True)
    refunded_at = fields.AwareDateTime(allow_none=True)


class EntryShown(Schema):
    """One line in the books."""

    kind = fields.String(required=True)
    account = fields.String(required=True)
    debit_minor = Minor(required=True)
    credit_minor = Minor(required=True)
    at = fields.AwareDateTime(required=True)


class MethodShown(Schema):
    """How it was paid."""

    kind = fields.String(allow_none=True)
    brand = fields.String(allow_none=True)
    last4 = fields.String(allow_none=True)


class CheckoutShown(Schema):
    """One visit to the payment page."""

    id = fields.UUID(required=True)
    created_at = fields.AwareDateTime(required=True)
    session_id = fields.String(allow_none=True)
    declined_at = fields.AwareDateTime(allow_none=True)
    decline_code = fields.String(allow_none=True)
    closed_at = fields.AwareDateTime(allow_none=True)
    outcome = fields.String(allow_none=True)


class DonationShown(DonationListed):
    """A gift with its money, books, refunds and payment pages."""

    message = fields.String(allow_none=True)
    country = fields.String(allow_none=True)
    locale = fields.String(required=True)
    failure = fields.String(allow_none=True)
    fee_minor = Minor(allow_none=True)
    net_minor = Minor(allow_none=True)
    payment_id = fields.String(allow_none=True)
    method = fields.Nested(MethodShown, allow_none=True)
    refunds = fields.List(fields.Nested(RefundShown), required=True)
    ledger = fields.List(fields.Nested(EntryShown), required=True)
    checkouts = fields.List(fields.Nested(CheckoutShown), required=True)
    wall = fields.Dict(required=True)


class DonationFilter(Schema):
    """`q` finds names and addresses, whatever their accents and capitals."""

    q = fields.String(validate=validate.Length(1, 100))
    campaign_id = fields.UUID()
    status = fields.String(validate=validate.OneOf(["pending", "settled", "failed", "refunded"]))
    party_id = fields.UUID()


class DonationQuery(DonationFilter, PageQuery):
    """Which gifts, and which page of them."""


@routes.get("", allow="giving.read")
@routes.arguments(DonationQuery, location="query")
@routes.response(200, paged(DonationListed))
def index(query: dict[str, Any]) -> Any:
    """Gifts, the newest first."""
    asked = {name: query.pop(name, None) for name in ("q", "campaign_id", "status", "party_id")}
    with Transaction() as session:
        found = page(session, search(session, **asked), keys=[Donation.id.desc()], **query)
        return found | {"items": [listed(session, each) for each in found["items"]]}


@routes.get("/<uuid:donation_id>", allow="giving.read")
@routes.response(200, DonationShown)
def show(donation_id: UUID) -> Any:
    """One gift with all that happened to it."""
    with Transaction() as session:
        donation = session.execute(whole().where(Donation.id == donation_id)).scalar_one_or_none()
        if donation is None:
            raise NotFound
        return detailed(session, donation)


def whole() -> Select[Any]:
    return select(Donation).options(joinedload(Donation.campaign), joinedload(Donation.donor))


STATUS = {
    "pending": [Donation.settled_at.is_(None), Donation.failed_at.is_(None)],
    "failed": [Donation.settled_at.is_(None), Donation.failed_at.is_not(None)],
    "settled": [Donation.settled_at.is_not(None), Donation.refunded_at.is_(None)],
    "refunded": [Donation.refunded_at.is_not(None)],
}
"""Each status as the partial indexes know it."""


def search(
    session: Session, *, q: str | None, campaign_id: UUID | None, status: str | None, party_id: UUID | None
) -> Select[Any]:
    """Gifts by the donor's name or address, campaign, status, or party."""
    statement = whole().where(*STATUS.get(status or "", []))
    if campaign_id is not None:
        statement = statement.where(Donation.campaign_id == campaign_id)
    if party_id is not None:
        statement = statement.where(Donation.donor_id.in_([*donors.rows_of(session, party_id), party_id]))
    words = donors.fold(q or "").split()
    if words:
        statement = statement.join(Donor, Donor.id == Donation.donor_id)
    for word in words:
        statement = statement.where(Donor.search.contains(word, autoescape=True))
    return statement


def listed(session: Session, donation: Donation) -> dict[str, Any]:
    """A gift as staff see it in a list."""
    names = ("id", "status", "amount_minor", "currency", "campaign")
    times = ("created_at", "settled_at", "failed_at", "refunded_at")
    return {name: getattr(donation, name) for name in (*names, *times)} | {
        "donor": _donor(session, donation.donor)
    }


def _donor(session: Session, donor: Donor) -> dict[str, Any]:
    """The donor, with the name of the person they were found to be."""
    party = donor if donor.person_id in {None, donor.id} and donor.merged_into is None else None
    if party is None:
        party = session.get(Donor, donors.canonical(session, donor.person_id or donor.id)) or donor
    known = party if party.family_name or party.given_name else donor
    return {
        "party_id": party.person_id or party.id,
        "person_id": party.person_id,
        "given_name": known.given_name,
        "family_name": known.family_name,
        "email": party.email or donor.email,
        "class_year": party.class_year,
    }


def detailed(session: Session, donation: Donation) -> dict[str, Any]:
    """A gift with all that happened to it."""
    settlement = session.get(Settlement, donation.id)
    fee = settlement.fee_minor if settlement else None
    own = {name: getattr(donation, name) for name in ("message", "country", "locale", "failure")}
    return (
        listed(session, donation)
        | own
        | {
            "fee_minor": fee,
            "net_minor": None
            if fee is None
            else donation.amount_minor - fee - _returned(session, donation.id),
            "payment_id": settlement.payment_id if settlement else None,
            "method": _method(settlement),
            "refunds": _by_age(session, Refund, Refund.requested_at, donation.id),
            "ledger": ledger.of_donation(session, donation.id),
            "checkouts": _by_age(session, Checkout, Checkout.created_at, donation.id),
            "wall": {"shows_name": donation.wall_shows_name, "shows_amount": donation.wall_shows_amount},
        }
    )


def _returned(session: Session, donation_id: UUID) -> int:
    """What went back to the donor."""
    back = select(func.coalesce(func.sum(Refund.amount_minor), 0))
    given = back.where(Refund.donation_id == donation_id, Refund.completed_at.is_not(None))
    return int(session.execute(given).scalar_one())


def _method(settlement: Settlement | None) -> dict[str, Any] | None:
    if settlement is None:
        return None
    return {name: getattr(settlement, f"method_{name}") for name in ("kind", "brand", "last4")}


def _by_age(session: Session, model: Any, age: Any, donation_id: UUID) -> list[Any]:
    return list(
        session.execute(select(model).where(model.donation_id == donation_id).order_by(age)).scalars()
    )
