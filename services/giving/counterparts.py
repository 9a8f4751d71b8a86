"""Counterparts: what a donor was given in return, entered by staff; over the law's limits, no receipt."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from services.giving import gifts, receipt_voids
from services.giving.models import Counterpart, Donation, Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.errors import NotFound
from shared.http import Blueprint, IdempotencyKey
from shared.money import Minor
from shared.names import Name
from shared.once import once

routes = Blueprint("counterparts", __name__, url_prefix="/api/v1/giving/donations")


class CounterpartWish(Schema):
    """What it is, and what it is worth in the currency of the gift."""

    description = Name(required=True, most=200)
    value_minor = Minor(required=True, validate=validate.Range(1, 10_000_000))


class CounterpartShown(CounterpartWish):
    """A counterpart of a gift."""

    id = fields.UUID(required=True)
    donation_id = fields.UUID(required=True)
    entered_at = fields.AwareDateTime(required=True)


@routes.post("/<uuid:donation_id>/counterparts", allow="giving.manage", refuses=(NotFound,))
@routes.arguments(CounterpartWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, CounterpartShown)
def create(wish: dict[str, Any], header: dict[str, str], donation_id: UUID) -> Any:
    """Write down what the donor was given; a receipt that this takes the right from is voided."""
    with Transaction() as session:
        if session.get(Donation, donation_id) is None:
            raise NotFound
        values = {"donation_id": donation_id, "entered_at": now(), "entered_by": caller().person_id}
        made = once(session, Counterpart, header["key"], values=values, claim_s=0, **wish)
        if not made.repeated:
            follow(session, made, by=caller().person_id, at=now())
        return made


def follow(session: Session, made: Counterpart, *, by: UUID | None, at: datetime) -> None:
    """The trace of it, and what it does to the gift's receipt."""
    audit.record(
        session,
        by=by,
        action="donation.counterpart_entered",
        subject=("donation", made.donation_id),
        right="giving.manage",
        at=at,
        key=current().link_key,
    )
    gifts.lock(session, made.donation_id)
    receipt_voids.money_changed(session, made.donation_id, at=at)
