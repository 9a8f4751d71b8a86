"""Receipt details: whom a receipt is made out to, as the donor writes it when giving, or later.

Only who wants a receipt is asked. What a receipt bears already stays; a new wish holds for the next one.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from services.giving import receipt_cases
from services.giving.models import Donation, Donor, ReceiptCase, Transaction
from services.giving.models.receipts import ReceiptDetailsFixed
from services.giving.settings import current
from shared import audit
from shared.addresses import Address, Printed, is_printed
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import now
from shared.db import lock
from shared.http import Blueprint
from shared.siren import Siren

routes = Blueprint("receipt_details", __name__, url_prefix="/api/v1/giving/donations")

COMPANY = ("legal_name", "legal_form", "siren")


class ReceiptDetails(Schema):
    """A person (names as on official papers, those of the gift unless said) or a company; the address."""

    given_name = Printed(metadata={"description": "all first names"})
    family_name = Printed()
    legal_name = Printed(most=200, metadata={"description": "of a company, which gives legal form and SIREN"})
    legal_form = Printed()
    siren = Siren()
    address = fields.Nested(Address, required=True)

    @validates_schema
    def _whole(self, data: dict[str, Any], **_: Any) -> None:
        told = [name for name in COMPANY if data.get(name)]
        if told and len(told) < len(COMPANY):
            missing = [name for name in COMPANY if name not in told]
            raise ValidationError({name: ["Missing data for required field."] for name in missing})
        if told and (data.get("given_name") or data.get("family_name")):
            raise ValidationError("A company has no first or last name.", "family_name")


@routes.put("/<uuid:donation_id>/receipt-details", allow="giving.manage", refuses=(ReceiptDetailsFixed,))
@routes.arguments(ReceiptDetails)
@routes.response(200, ReceiptDetails)
def correct(wish: dict[str, Any], donation_id: UUID) -> Any:
    """Staff write what the donor told them; a receipt that is wrong is voided after, and replaced."""
    with Transaction() as session:
        donation = lock(session, Donation, donation_id)
        write(session, donation, wish, at=now())
        audit.record(
            session,
            by=caller().person_id,
            action="donation.receipt_details_changed",
            subject=("donation", donation_id),
            fields=sorted(wish),
            right="giving.manage",
            at=now(),
            key=current().link_key,
        )
        return donation.receipt_to


def write(session: Session, donation: Donation, wish: dict[str, Any], *, at: datetime) -> None:
    """Keep whom the receipt is made out to, and look again whether it can be issued now."""
    donation.receipt_to = named(wish, session.get_one(Donor, donation.donor_id))
    session.flush()
    receipt_cases.look_again(session, donation_id=donation.id, at=at)


def write_as_donor(session: Session, donation: Donation, wish: dict[str, Any], *, at: datetime) -> None:
    """The same, by the donor: ReceiptDetailsFixed once a receipt bears it, which staff can void."""
    case = session.get(ReceiptCase, donation.id)
    if case is not None and case.receipt_id is not None:
        raise ReceiptDetailsFixed
    write(session, donation, wish, at=at)


def named(wish: dict[str, Any], donor: Donor) -> dict[str, Any]:
    """With the donor's own names where a person gave none for the receipt."""
    if wish.get("legal_name"):
        return wish
    names = {name: wish.get(name) or getattr(donor, name) for name in ("given_name", "family_name")}
    for name, value in names.items():
        if not value or not is_printed(value):
            raise FieldsRefused({f"receipt_to.{name}": ["Missing, or not in Latin letters."]})
    return wish | names
