"""Receipt checks: whoever holds a receipt sees whether we issued it, and whether it still counts.

The address is printed on it as a QR code. It confirms number, date and amount, and says of no person.
"""

from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving.models import Receipt, ReceiptVoid, Transaction
from services.giving.settings import current
from shared import links
from shared.http import Blueprint
from shared.links import LinkNotFound
from shared.money import Minor

routes = Blueprint("receipt_checks", __name__, url_prefix="/api/v1/giving/receipt-checks")

PURPOSE = "receipt"


class ReceiptChecked(Schema):
    """What a receipt says that is nobody's secret; `replaced_by` stands for a voided one."""

    number = fields.String(required=True)
    entity_name = fields.String(required=True)
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    first_on = fields.Date(required=True)
    last_on = fields.Date(required=True)
    issued_at = fields.AwareDateTime(required=True)
    voided_at = fields.AwareDateTime(allow_none=True)
    replaced_by = fields.String(allow_none=True)


@routes.get("/<token>", allow="link", refuses=(LinkNotFound,))
@routes.response(200, ReceiptChecked)
def show(token: str) -> Any:
    """The receipt behind a code, or nothing: a forged one is not found."""
    with Transaction() as session:
        return checked(session, token)


def address(receipt: Receipt) -> str:
    """What the QR code leads to; the site's address is the one of the day of issue."""
    return f"{receipt.frozen['public_url']}/r/{links.sign(PURPOSE, receipt.id, key=current().link_key)}"


def checked(session: Session, token: str) -> dict[str, Any]:
    """What is confirmed of a receipt; LinkNotFound when it was not issued here."""
    receipt = session.get(Receipt, links.verify(PURPOSE, token, key=current().link_key))
    if receipt is None:
        raise LinkNotFound
    void = session.get(ReceiptVoid, receipt.id)
    replacing = select(Receipt).where(Receipt.replaces_id == receipt.id).order_by(Receipt.id)
    replacement = session.execute(replacing.limit(1)).scalar_one_or_none()
    names = ("amount_minor", "currency", "first_on", "last_on", "issued_at")
    return {name: getattr(receipt, name) for name in names} | {
        "number": receipt.order_number,
        "entity_name": receipt.frozen["name"],
        "voided_at": void.voided_at if void else None,
        "replaced_by": replacement.order_number if replacement else None,
    }
