"""Donation records: gifts as staff find and read them, each with all that happened to it."""

from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from services.giving import debits, disputes, donors, ledger, surpluses
from services.giving.debits import DebitShown
from services.giving.disputes import DisputeShown
from services.giving.donation_searches import SORTS, STANDINGS, DonationFilter, search, standing, whole
from services.giving.models import Checkout, Dispute, Donation, Donor, Refund, Settlement, Transaction
from services.giving.models.donations import STATUSES
from services.giving.refunds import RefundShown
from services.giving.surpluses import SurplusShown
from shared import telemetry
from shared.clock import now
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


class GiftNamed(Schema):
    """What everyone who may see a gift sees of it: its donor, and staff."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    amount_minor = Minor(required=True)
    refunded_minor = Minor(required=True, metadata={"description": "what of it went back to the donor"})
    disputed_minor = Minor(required=True, metadata={"description": "what of it the donor’s bank took back"})
    currency = fields.String(required=True)
    campaign = fields.Nested(CampaignNamed, required=True)
    settled_at = fields.AwareDateTime(allow_none=True)


class DonationListed(GiftNamed):
    """A gift in a list. `standing` tells apart what came, what is on its way, and what nobody paid."""

    standing = fields.String(
        required=True,
        validate=validate.OneOf(STANDINGS),
        metadata={
            "description": "`received`, though a part may have gone back; `awaiting`: paid, and the bank"
            " takes its time; `refunded`: all of it; `disputed`: the donor’s bank holds it, or a part."
            " Nobody paid what is `open` (its payment page is), `declined` by the bank, or `abandoned`."
        },
    )
    donor = fields.Nested(DonorShown, required=True)
    created_at = fields.AwareDateTime(required=True)
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
    appeal = fields.String(allow_none=True)
    country = fields.String(allow_none=True)
    locale = fields.String(required=True)
    failure = fields.String(allow_none=True)
    fee_minor = Minor(allow_none=True)
    net_minor = Minor(allow_none=True)
    payment_id = fields.String(allow_none=True)
    method = fields.Nested(MethodShown, allow_none=True)
    debit = fields.Nested(DebitShown, allow_none=True)
    refunds = fields.List(fields.Nested(RefundShown), required=True)
    disputes = fields.List(fields.Nested(DisputeShown), required=True)
    surpluses = fields.List(fields.Nested(SurplusShown), required=True)
    ledger = fields.List(fields.Nested(EntryShown), required=True)
    checkouts = fields.List(fields.Nested(CheckoutShown), required=True)
    wall = fields.Dict(required=True)


class DonationQuery(DonationFilter, PageQuery):
    """Which gifts, in which order, and which page of them."""

    sort = fields.String(load_default="newest", validate=validate.OneOf(list(SORTS)))


@routes.get("", allow="giving.read")
@routes.arguments(DonationQuery, location="query")
@routes.response(200, paged(DonationListed))
def index(query: dict[str, Any]) -> Any:
    """Gifts, the newest first unless asked otherwise; forms that nobody paid only when asked for."""
    keys, pages = SORTS[query.pop("sort")], {name: query.pop(name) for name in ("after", "limit")}
    with Transaction() as session:
        found = page(session, search(session, at=now(), **query), keys=keys, **pages)
        return found | {"items": [listed(session, each) for each in found["items"]]}


@routes.get("/<uuid:donation_id>", allow="giving.read")
@routes.response(200, DonationShown)
def show(donation_id: UUID) -> Any:
    """One gift with all that happened to it."""
    wanted = whole().add_columns(standing(at=now())).where(Donation.id == donation_id)
    with Transaction() as session:
        found = session.execute(wanted).one_or_none()
        if found is None:
            raise NotFound
        telemetry.concerns(donation_id)
        return detailed(session, found)


def listed(session: Session, found: Row[Any]) -> dict[str, Any]:
    """A gift that was found, as staff see it in a list."""
    donation: Donation = found.Donation
    names = ("id", "status", "amount_minor", "refunded_minor", "disputed_minor", "currency", "campaign")
    times = ("created_at", "settled_at", "failed_at")
    return {name: getattr(donation, name) for name in (*names, *times)} | {
        "refunded_at": donation.refunded_at if donation.status == "refunded" else None,
        "standing": found.standing,
        "donor": donor_of(session, donation.donor),
    }


def donor_of(session: Session, donor: Donor) -> dict[str, Any]:
    """The donor as staff see them, with the name of the person they were found to be."""
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


def detailed(session: Session, found: Row[Any]) -> dict[str, Any]:
    """A gift with all that happened to it."""
    donation: Donation = found.Donation
    settlement = session.get(Settlement, donation.id)
    disputed = disputes.of_donation(session, donation.id)
    own = {name: getattr(donation, name) for name in ("message", "appeal", "country", "locale", "failure")}
    return (
        listed(session, found)
        | own
        | {
            **_net(donation, settlement, disputed),
            "payment_id": settlement.payment_id if settlement else None,
            "method": _method(settlement),
            "debit": debits.latest(session, donation.id),
            "refunds": _by_age(session, Refund, Refund.requested_at, donation.id),
            "disputes": disputed,
            "surpluses": surpluses.of_donation(session, donation.id),
            "ledger": ledger.of_donation(session, donation.id),
            "checkouts": _by_age(session, Checkout, Checkout.created_at, donation.id),
            "wall": {"shows_name": donation.wall_shows_name, "shows_amount": donation.wall_shows_amount},
        }
    )


def _net(donation: Donation, settlement: Settlement | None, disputed: list[Dispute]) -> dict[str, int | None]:
    """What the provider kept, for the payment and for disputes, and what of the gift is left after it."""
    if settlement is None or settlement.fee_minor is None:
        return {"fee_minor": None, "net_minor": None}
    fee = settlement.fee_minor + sum(each.fee_minor for each in disputed if each.surplus_id is None)
    return {"fee_minor": fee, "net_minor": donation.left_minor - fee}


def _method(settlement: Settlement | None) -> dict[str, Any] | None:
    if settlement is None:
        return None
    return {name: getattr(settlement, f"method_{name}") for name in ("kind", "brand", "last4")}


def _by_age(session: Session, model: Any, age: Any, donation_id: UUID) -> list[Any]:
    return list(
        session.execute(select(model).where(model.donation_id == donation_id).order_by(age)).scalars()
    )
