"""Donation searches: which gifts staff ask for, in which order, and how each of them stands.

A form that nobody paid is no gift: it is found only by who asks for it, and no sum holds it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from services.giving import donors
from services.giving.checkouts import LONGEST
from services.giving.models import Checkout, Donation, Donor
from shared.names import sought

STANDINGS = ("received", "awaiting", "refunded", "disputed", "open", "declined", "abandoned")
"""Received, given back whole, or disputed by the donor's bank; awaiting: the donor paid, the bank takes its
time. The rest nobody paid: `declined` by the bank, even while its page waits for another card, `open` while
that page is, `abandoned`."""

_OPEN = (Checkout.donation_id == Donation.id, Checkout.closed_at.is_(None))
_on_its_way = exists().where(*_OPEN, Checkout.processing_at.is_not(None))
_refused = exists().where(*_OPEN, Checkout.declined_at.is_not(None))

ASKED: dict[str, list[ColumnElement[bool]]] = {
    "given": [or_(Donation.settled_at.is_not(None), _on_its_way)],
    "received": [
        Donation.settled_at.is_not(None),
        Donation.refunded_at.is_(None),
        Donation.disputed_minor == 0,
    ],
    "awaiting": [Donation.settled_at.is_(None), _on_its_way],
    "refunded": [Donation.refunded_at.is_not(None), Donation.disputed_minor == 0],
    "disputed": [Donation.disputed_minor > 0],
    "unpaid": [Donation.settled_at.is_(None), ~_on_its_way],
    "any": [],
}
"""What may be asked for, as the partial indexes know it: `given` is all but what nobody paid."""

SORTS: dict[str, list[Any]] = {
    "newest": [Donation.id.desc()],
    "oldest": [Donation.id.asc()],
    "largest": [Donation.amount_minor.desc(), Donation.id.desc()],
    "smallest": [Donation.amount_minor.asc(), Donation.id.asc()],
}
"""Ids rise with the time at which a gift was begun."""


class DonationFilter(Schema):
    """`q` finds names and addresses, whatever their accents and capitals. What nobody paid is left out
    unless `standing` asks for it."""

    q = fields.String(validate=validate.Length(1, 100))
    campaign_id = fields.UUID()
    standing = fields.String(
        load_default="given",
        validate=validate.OneOf(list(ASKED)),
        metadata={
            "description": "`given`: received, awaiting, refunded or disputed. `unpaid`: open, declined or"
            " abandoned, which no other value but `any` shows."
        },
    )
    party_id = fields.UUID()


def whole() -> Select[Any]:
    """Gifts with their campaign and donor."""
    return select(Donation).options(joinedload(Donation.campaign), joinedload(Donation.donor))


def standing(*, at: datetime) -> ColumnElement[str]:
    """How a gift stands, one of STANDINGS: a payment page past its time is not waited for."""
    payable = exists().where(*_OPEN, func.coalesce(Checkout.expires_at, Checkout.created_at + LONGEST) > at)
    return case(
        (Donation.disputed_minor > 0, "disputed"),
        (Donation.refunded_at.is_not(None), "refunded"),
        (Donation.settled_at.is_not(None), "received"),
        (_on_its_way, "awaiting"),
        (Donation.failure == "declined", "declined"),
        (Donation.failed_at.is_not(None), "abandoned"),
        (_refused, "declined"),
        (payable, "open"),
        else_="abandoned",
    ).label("standing")


def search(session: Session, *, at: datetime, **asked: Any) -> Select[Any]:
    """The gifts that a filter asks for, each with how it stands."""
    return whole().add_columns(standing(at=at)).where(*matching(session, **asked))


def matching(
    session: Session,
    *,
    q: str | None = None,
    campaign_id: UUID | None = None,
    standing: str = "given",
    party_id: UUID | None = None,
) -> list[ColumnElement[bool]]:
    """What a filter's words demand of a gift."""
    demands = list(ASKED[standing])
    if campaign_id is not None:
        demands.append(Donation.campaign_id == campaign_id)
    if party_id is not None:
        demands.append(Donation.donor_id.in_([*donors.rows_of(session, party_id), party_id]))
    if words := sought(q):
        named = [Donor.search.contains(word, autoescape=True) for word in words]
        demands.append(Donation.donor_id.in_(select(Donor.id).where(*named)))
    return demands
