"""Donations: one gift, by one donor, to one campaign."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.giving import checkouts, donors, receipt_details, tax_parameters
from services.giving.models import (
    Campaign,
    Checkout,
    Debit,
    Donation,
    Transaction,
    database,
)
from services.giving.models.campaigns import CampaignNotLive
from services.giving.models.donations import AMOUNT_MAX_MINOR, AMOUNT_MIN_MINOR, STATUSES, AgreementNeeded
from services.giving.settings import EntityWithoutAccount
from shared import appeals, telemetry
from shared.auth import Caller, caller
from shared.clock import now, today
from shared.db import uuid7
from shared.errors import NotFound, Refused
from shared.http import Blueprint, IdempotencyKey
from shared.limits import Limit, TooMany, limits, network
from shared.money import Minor
from shared.names import PersonName, fold, same_wish
from shared.once import once
from shared.payments.gateway import ProviderRefused, ProviderUnavailable

routes = Blueprint("donations", __name__, url_prefix="/api/v1/giving/donations")

ABANDONED_KEPT = timedelta(days=30)


class CurrencyNotTaken(Refused):
    """This campaign takes gifts in another currency."""


class DonationWish(Schema):
    """A gift to begin. Who is signed in may leave name and address out."""

    campaign_id = fields.UUID(required=True)
    amount_minor = Minor(required=True, validate=validate.Range(AMOUNT_MIN_MINOR, AMOUNT_MAX_MINOR))
    currency = fields.String(load_default="EUR", validate=validate.OneOf(["EUR"]))
    given_name = PersonName()
    family_name = PersonName()
    email = fields.Email(validate=validate.Length(max=254))
    locale = fields.String(load_default="fr", validate=validate.OneOf(["fr", "en"]))
    message = fields.String(validate=validate.Length(max=1000))
    appeal = fields.String(
        validate=validate.Regexp(appeals.PATTERN + r"\Z"),
        metadata={"description": "code of the mailing, link or poster that it answers"},
    )
    country = fields.String(validate=validate.Regexp(r"[A-Z]{2}\Z"))
    receipt_to = fields.Nested(receipt_details.ReceiptDetails)
    receipt_rhythm = fields.String(validate=validate.OneOf(["each", "yearly"]))
    for_wealth_tax = fields.Boolean(truthy={True}, falsy={False})


class DonationBegun(Schema):
    """The donor pays on the page at `checkout_url`; `link` opens the donor's own page of this gift."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    campaign_id = fields.UUID(required=True)
    checkout_url = fields.String(required=True, allow_none=True)
    link = fields.String(required=True)


@routes.post(
    "",
    allow="anyone",
    refuses=(
        AgreementNeeded,
        NotFound,
        CampaignNotLive,
        CurrencyNotTaken,
        EntityWithoutAccount,
        ProviderRefused,
        ProviderUnavailable,
        TooMany,
    ),
)
@routes.arguments(DonationWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, DonationBegun)
def create(wish: dict[str, Any], header: dict[str, str]) -> Any:
    """Begin a gift; the donor pays on the page at `checkout_url`."""
    with Transaction() as session:

        def values() -> dict[str, Any]:
            slow_down(caller(), wish)
            typed = {name: wish.get(name) for name in ("locale", "email", "appeal")}
            return typed | prepared(session, by=caller().person_id, at=now(), **wish)

        donation = once(session, Donation, header["key"], values=values, **same_wish(wish))
        telemetry.concerns(donation.id)
        checkout = checkouts.payable(session, donation, at=now())
        asked = checkouts.wish(session, donation) if checkout else {}
    page = checkouts.page_of(checkout, asked) if checkout else None
    with Transaction() as session:
        kept = checkouts.keep_page(session, checkout, page) if checkout else None
        return begun(session.get_one(Donation, donation.id), kept)


def slow_down(who: Caller, wish: dict[str, Any]) -> None:
    """Card testing is slowed: by address, by the email typed, and for everyone together."""
    counted = [Limit("giving.address", network(who.address), most=20, per_s=600)]
    if wish.get("email"):
        counted.append(Limit("giving.email", fold(wish["email"]), most=10, per_s=600))
    if who.person_id is None:
        counted.append(Limit("giving.guests", "all", most=600, per_s=60))
    limits(database.engine, counted)


def prepared(
    session: Session,
    *,
    by: UUID | None,
    at: datetime,
    campaign_id: UUID,
    currency: str,
    given_name: str | None = None,
    family_name: str | None = None,
    email: str | None = None,
    locale: str = "fr",
    receipt_to: dict[str, Any] | None = None,
    amount_minor: int = 0,
    **_: Any,
) -> dict[str, Any]:
    """What a new donation needs beside the wish: its donor, known or met now."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None or campaign.launched_at is None:
        raise NotFound(errors={"campaign_id": ["There is no such campaign."]})
    campaign.check_open(at)
    if campaign.currency != currency:
        raise CurrencyNotTaken
    donor = donors.giver(
        session,
        person_id=by,
        given_name=given_name,
        family_name=family_name,
        email=email,
        locale=locale,
        at=at,
    )
    to = {"receipt_to": receipt_details.named(receipt_to, donor)} if receipt_to else {}
    if receipt_to and receipt_to.get("legal_name"):
        _check_size(session, amount_minor, on=today(at))
    return {"id": uuid7(), "donor_id": donor.id, "signed_in": by is not None, "created_at": at, **to}


def _check_size(session: Session, amount_minor: int, *, on: date) -> None:
    """A company that gives much is led to an agreement first."""
    least = tax_parameters.on_day(session, on=on).get("company_agreement_minor")
    if least is not None and amount_minor >= least:
        raise AgreementNeeded(from_minor=least)


def begun(donation: Donation, checkout: Checkout | None) -> dict[str, Any]:
    """What the donor is told."""
    return {
        "id": donation.id,
        "status": donation.status,
        "amount_minor": donation.amount_minor,
        "currency": donation.currency,
        "campaign_id": donation.campaign_id,
        "checkout_url": checkout.url if checkout else None,
        "link": checkouts.link_of(donation),
    }


def forget_abandoned(session: Session, *, at: datetime, most: int = 200) -> int:
    """Delete gifts that did not come within 30 days, and the guests who gave none; how many gifts."""
    before = at - ABANDONED_KEPT
    old = select(Donation.id).where(
        Donation.settled_at.is_(None), Donation.failed_at < before, Donation.created_at < before
    )
    gone = list(session.execute(old.limit(most).with_for_update(skip_locked=True)).scalars())
    session.execute(delete(Debit).where(Debit.donation_id.in_(gone)))
    session.execute(delete(Checkout).where(Checkout.donation_id.in_(gone)))
    session.execute(delete(Donation).where(Donation.id.in_(gone)))
    donors.forget_unused_guests(session, before=before)
    return len(gone)
