"""Gift links: the donor's own page of one gift, opened by a signed link and nothing else."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from services.giving import checkouts, debits, receipt_details, receipt_pdf, receipts
from services.giving.donation_records import GiftNamed
from services.giving.eligibility import DONOR, NEVER, OFFICE, REASONS
from services.giving.gifts import PURPOSE
from services.giving.models import (
    Campaign,
    Checkout,
    Donation,
    Receipt,
    ReceiptCase,
    ReceiptLine,
    Transaction,
)
from services.giving.models.campaigns import CampaignNotLive
from services.giving.models.donations import DonationNotPayable, DonationProcessing
from services.giving.models.receipts import ReceiptDetailsFixed
from services.giving.receipt_details import ReceiptDetails
from services.giving.receipts import ReceiptShown
from services.giving.settings import EntityWithoutAccount, current
from shared import links, telemetry
from shared.clock import now
from shared.errors import NotFound
from shared.http import Blueprint, IdempotencyKey
from shared.links import LinkNotFound
from shared.payments.gateway import ProviderRefused, ProviderUnavailable

routes = Blueprint("gift_links", __name__, url_prefix="/api/v1/giving/gift-links")


class WallChoice(Schema):
    """What everyone may see of this gift; without a choice, neither."""

    shows_name = fields.Boolean(required=True, truthy={True}, falsy={False})
    shows_amount = fields.Boolean(required=True, truthy={True}, falsy={False})


class GiftShown(GiftNamed):
    """The gift as its donor sees it. `declined_at` is the bank's last refusal; another try is possible.
    `processing_at`: the donor has paid, by a means that settles later.
    """

    entity_name = fields.String(required=True)
    receipt_expected = fields.Boolean(required=True)
    created_at = fields.AwareDateTime(required=True)
    declined_at = fields.AwareDateTime(allow_none=True)
    processing_at = fields.AwareDateTime(allow_none=True)
    debit = fields.Nested(debits.DebitShown, allow_none=True)
    wall = fields.Nested(WallChoice, required=True)
    can_retry = fields.Boolean(required=True)
    receipts = fields.List(fields.Nested(ReceiptShown), required=True)
    receipt_waits_for = fields.String(
        allow_none=True,
        validate=validate.OneOf(["details", "office", "time"]),
        metadata={
            "description": "details: the donor has not said whom it is made out to, or where they live"
        },
    )


class CheckoutBegun(Schema):
    """Where to pay."""

    checkout_url = fields.String(required=True)


@routes.get("/<token>", allow="link", refuses=(LinkNotFound,))
@routes.response(200, GiftShown)
def show(token: str) -> Any:
    """The gift behind a link."""
    with Transaction() as session:
        return shown(session, find(session, token), at=now())


@routes.put("/<token>/wall", allow="link", refuses=(LinkNotFound,))
@routes.arguments(WallChoice)
@routes.response(200, GiftShown)
def choose(wish: dict[str, bool], token: str) -> Any:
    """Choose what everyone may see; may be changed at any time."""
    with Transaction() as session:
        donation = find(session, token)
        donation.choose_wall(**wish, at=now())
        return shown(session, donation, at=now())


@routes.post(
    "/<token>/checkouts",
    allow="link",
    refuses=(
        LinkNotFound,
        CampaignNotLive,
        DonationNotPayable,
        DonationProcessing,
        EntityWithoutAccount,
        ProviderRefused,
        ProviderUnavailable,
    ),
)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, CheckoutBegun)
def retry(header: dict[str, str], token: str) -> Any:
    """Pay after all: on the page that is still open, or a new one; a gift has one, whatever the key.

    A page that is open stays so after the campaign's end; a new one is not opened then.
    """
    with Transaction() as session:
        donation = find(session, token)
        donation.check_payable()
        checkout = checkouts.open_for(session, donation, at=now())
        asked = checkouts.wish(session, donation)
    page = checkouts.page_of(checkout, asked)
    with Transaction() as session:
        return {"checkout_url": checkouts.keep_page(session, checkout, page).url}


@routes.put("/<token>/receipt-details", allow="link", refuses=(LinkNotFound, ReceiptDetailsFixed))
@routes.arguments(ReceiptDetails)
@routes.response(200, GiftShown)
def write_receipt_details(wish: dict[str, Any], token: str) -> Any:
    """Say whom the receipt is made out to; when nothing else is missing it is issued within seconds."""
    with Transaction() as session:
        donation = find(session, token)
        receipt_details.write_as_donor(session, donation, wish, at=now())
        return shown(session, donation, at=now())


@routes.get("/<token>/receipts/<uuid:receipt_id>", allow="link", refuses=(LinkNotFound, NotFound))
@routes.response(200, {"type": "string", "format": "binary"}, content_type=receipt_pdf.BYTES)
def document(token: str, receipt_id: UUID) -> Response:
    """A receipt of this gift, as PDF; a voided one is stamped so."""
    with Transaction() as session:
        donation = find(session, token)
        receipt = session.get(Receipt, receipt_id)
        if receipt is None or session.get(ReceiptLine, (receipt_id, donation.id)) is None:
            raise NotFound
        return receipts.file(receipt, receipts.printed(session, receipt))


def find(session: Session, token: str) -> Donation:
    """The donation that `token` was signed for, locked; LinkNotFound for anything else."""
    wanted = select(Donation).where(Donation.id == links.subject(token))
    whole = wanted.options(joinedload(Donation.campaign).joinedload(Campaign.entity))
    donation = session.execute(whole.with_for_update(of=Donation)).scalar_one_or_none()
    if donation is None:
        raise LinkNotFound
    links.verify(PURPOSE, token, donation.link_version, key=current().link_key)
    telemetry.concerns(donation.id)
    return donation


def shown(session: Session, donation: Donation, *, at: datetime) -> dict[str, Any]:
    """What the donor may know of their gift."""
    campaign, page = donation.campaign, _last_page(session, donation.id)
    is_open = page is not None and page.closed_at is None and (page.expires_at or at) > at
    processing = page is not None and page.closed_at is None and page.processing_at is not None
    return {
        "id": donation.id,
        "status": donation.status,
        "amount_minor": donation.amount_minor,
        "refunded_minor": donation.refunded_minor,
        "disputed_minor": donation.disputed_minor,
        "currency": donation.currency,
        "campaign": campaign,
        "entity_name": campaign.entity.name,
        "receipt_expected": campaign.entity.can_issue_receipts and donation.refunded_at is None,
        "settled_at": donation.settled_at,
        "created_at": donation.created_at,
        "declined_at": page.declined_at if page else None,
        "processing_at": page.processing_at if processing else None,
        "debit": debits.latest(session, donation.id) if processing else None,
        "wall": {"shows_name": donation.wall_shows_name, "shows_amount": donation.wall_shows_amount},
        "can_retry": not processing
        and donation.settled_at is None
        and (is_open or campaign.status(at) == "live"),
        "receipts": receipts.of_donations(session, [donation.id]),
        "receipt_waits_for": _awaited(session, donation),
    }


def _awaited(session: Session, donation: Donation) -> str | None:
    """What the receipt of this gift waits for, if one will come."""
    case = session.get(ReceiptCase, donation.id)
    if case is None:
        return None
    by = {REASONS[each] for each in case.reasons}
    if case.receipt_id is not None or NEVER in by:
        return None
    return "details" if DONOR in by else "office" if OFFICE in by else "time"


def _last_page(session: Session, donation_id: UUID) -> Checkout | None:
    """The last payment page, with what the provider told of it."""
    pages = select(Checkout).where(Checkout.donation_id == donation_id)
    return session.execute(pages.order_by(Checkout.created_at.desc()).limit(1)).scalar_one_or_none()
