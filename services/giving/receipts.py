"""Receipts: the desk of the office, where receipts are found, printed again, voided, and issued on demand."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import Select, any_, func, literal, select
from sqlalchemy.orm import Session

from services.giving import receipt_cases, receipt_issues, receipt_pdf, receipt_voids, yearly_receipts
from services.giving.eligibility import REASONS
from services.giving.models import (
    Receipt,
    ReceiptAddressee,
    ReceiptCase,
    ReceiptLine,
    ReceiptVoid,
    Transaction,
)
from services.giving.models.receipts import ARTICLES, VOID_REASONS, ReceiptAlreadyVoided, ReceiptNotPossible
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.errors import NotFound
from shared.http import Blueprint
from shared.money import Minor
from shared.names import Name
from shared.pages import PageQuery, page, paged

routes = Blueprint("receipts", __name__, url_prefix="/api/v1/giving")


class ReceiptShown(Schema):
    """A receipt as its donor sees it. A voided one stays, with why."""

    id = fields.UUID(required=True)
    number = fields.String(required=True, attribute="order_number")
    article = fields.String(required=True, validate=validate.OneOf(ARTICLES))
    amount_minor = Minor(required=True)
    currency = fields.String(required=True)
    first_on = fields.Date(required=True)
    last_on = fields.Date(required=True)
    issued_at = fields.AwareDateTime(required=True)
    voided_at = fields.AwareDateTime(allow_none=True)
    void_reason = fields.String(allow_none=True, validate=validate.OneOf(VOID_REASONS))


class ReceiptListed(ReceiptShown):
    """A receipt as staff see it."""

    entity_id = fields.UUID(required=True)
    made_out_to = fields.String(required=True)
    void_note = fields.String(allow_none=True)
    replaces_id = fields.UUID(allow_none=True)
    donation_ids = fields.List(fields.UUID(), required=True)


class ReceiptQuery(PageQuery):
    """Which receipts: of an entity, valid or voided, by the beginning or end of a number."""

    entity_id = fields.UUID()
    state = fields.String(validate=validate.OneOf(["valid", "voided"]))
    number = fields.String(validate=validate.Length(1, 40))


class CaseQuery(PageQuery):
    """Which gifts that are on no receipt."""

    entity_id = fields.UUID()
    reason = fields.String(validate=validate.OneOf(list(REASONS)))


class CaseShown(Schema):
    """A gift that is on no receipt, and why; without a reason it is being looked at."""

    donation_id = fields.UUID(required=True)
    entity_id = fields.UUID(required=True)
    reasons = fields.List(fields.String(validate=validate.OneOf(list(REASONS))), required=True)
    look_at = fields.AwareDateTime(allow_none=True)


class CaseCount(Schema):
    """How many gifts one reason holds up, and who can change it."""

    reason = fields.String(required=True, validate=validate.OneOf(list(REASONS)))
    count = fields.Integer(required=True)
    by = fields.String(required=True, validate=validate.OneOf(["office", "donor", "time", "never"]))


class CaseCounts(Schema):
    """By reason, those first that the office can change."""

    items = fields.List(fields.Nested(CaseCount), required=True)


class VoidWish(Schema):
    """An error on a receipt, in a few words; refunds and disputes void by themselves."""

    note = Name(required=True, most=500)


class VoidMade(Schema):
    """What stands for the voided receipt now; null when nothing of it may be on one."""

    replacement = fields.Nested(ReceiptShown, allow_none=True, required=True)


@routes.get("/receipts", allow="giving.read")
@routes.arguments(ReceiptQuery, location="query")
@routes.response(200, paged(ReceiptListed))
def index(query: dict[str, Any]) -> Any:
    """Receipts, the newest first."""
    with Transaction() as session:
        asked = {name: query.pop(name, None) for name in ("entity_id", "state", "number")}
        found = page(session, searched(**asked), keys=[Receipt.issued_at.desc(), Receipt.id.desc()], **query)
        return found | {"items": listed(session, found["items"])}


@routes.get("/receipt-cases", allow="giving.read")
@routes.arguments(CaseQuery, location="query")
@routes.response(200, paged(CaseShown))
def waiting(query: dict[str, Any]) -> Any:
    """Settled gifts on no receipt, with all that stands against one."""
    open_cases = select(ReceiptCase).where(ReceiptCase.receipt_id.is_(None))
    if entity_id := query.pop("entity_id", None):
        open_cases = open_cases.where(ReceiptCase.entity_id == entity_id)
    if reason := query.pop("reason", None):
        open_cases = open_cases.where(literal(reason) == any_(ReceiptCase.reasons))
    with Transaction() as session:
        return page(session, open_cases, keys=[ReceiptCase.donation_id.desc()], **query)


@routes.get("/receipt-cases/counts", allow="giving.read")
@routes.response(200, CaseCounts)
def counts() -> Any:
    """How many gifts wait, or will have none, by reason."""
    with Transaction() as session:
        found = receipt_cases.counts(session)
    known = sorted((each for each in REASONS if each in found), key=list(REASONS).index)
    return {"items": [{"reason": each, "count": found[each], "by": REASONS[each]} for each in known]}


@routes.post(
    "/donations/<uuid:donation_id>/receipts", allow="receipts.issue", refuses=(NotFound, ReceiptNotPossible)
)
@routes.response(201, ReceiptListed)
def issue(donation_id: UUID) -> Any:
    """The receipt of a gift now: the one that it is on, or a new one, for donors abroad too; of a donor who
    chose one a year, it covers all that they gave in that year so far.
    """
    with Transaction() as session:
        case = session.get(ReceiptCase, donation_id)
        if case is None:
            raise NotFound
        receipt_issues.hold(session, case.entity_id)
        by, at = caller().person_id, now()
        known = case.receipt_id
        receipt = yearly_receipts.of_gift(session, donation_id, by=by, at=at)
        receipt = receipt or receipt_cases.decide(session, donation_id, by=by, at=at)
        if receipt is None:
            session.refresh(case)
            reasons = list(case.reasons)
        elif receipt.id != known:
            note(session, "receipt.issued", receipt, by=by)
        answer = listed(session, [receipt])[0] if receipt else None
    if answer is None:
        raise ReceiptNotPossible(reasons=reasons)
    return answer


@routes.post(
    "/receipts/<uuid:receipt_id>/voids", allow="receipts.issue", refuses=(NotFound, ReceiptAlreadyVoided)
)
@routes.arguments(VoidWish)
@routes.response(201, VoidMade)
def void(wish: dict[str, str], receipt_id: UUID) -> Any:
    """Void a receipt for an error; what replaces it bears what is known of the gift now."""
    with Transaction() as session:
        receipt, by = find(session, receipt_id), caller().person_id
        receipt_issues.hold(session, receipt.entity_id)
        replacement = receipt_voids.void(session, receipt, reason="error", note=wish["note"], by=by, at=now())
        note(session, "receipt.voided", receipt, by=by, reason="error")
        return {"replacement": listed(session, [replacement])[0] if replacement else None}


@routes.post("/receipts/<uuid:receipt_id>/duplicates", allow="receipts.issue", refuses=(NotFound,))
@routes.response(201, {"type": "string", "format": "binary"}, content_type=receipt_pdf.BYTES)
def duplicate(receipt_id: UUID) -> Response:
    """The receipt printed again, marked as a duplicate, under the same number; it leaves a trace."""
    with Transaction() as session:
        receipt = find(session, receipt_id)
        note(session, "receipt.printed_again", receipt, by=caller().person_id)
        content = printed(session, receipt, duplicate=True)
    return file(receipt, content, status=201)


def find(session: Session, receipt_id: UUID) -> Receipt:
    """The receipt, or NotFound."""
    receipt = session.get(Receipt, receipt_id)
    if receipt is None:
        raise NotFound
    return receipt


def searched(*, entity_id: UUID | None, state: str | None, number: str | None) -> Select[Any]:
    """Receipts by entity, state and number."""
    found = select(Receipt)
    if entity_id:
        found = found.where(Receipt.entity_id == entity_id)
    if state:
        voided = select(ReceiptVoid.receipt_id).where(ReceiptVoid.receipt_id == Receipt.id).exists()
        found = found.where(voided if state == "voided" else ~voided)
    if number:
        written = func.concat(
            Receipt.series, "-", Receipt.year, "-", func.lpad(func.text(Receipt.number), 6, "0")
        )
        found = found.where(written.contains(number.strip().upper(), autoescape=True))
    return found


def listed(session: Session, receipts: Sequence[Receipt]) -> list[dict[str, Any]]:
    """Receipts as staff see them, with their voids and their gifts."""
    ids = [each.id for each in receipts]
    voids = {each.receipt_id: each for each in _of(session, ReceiptVoid, ids)}
    addressees = {each.receipt_id: each.detail for each in _of(session, ReceiptAddressee, ids)}
    gifts: dict[UUID, list[UUID]] = {}
    for line in _of(session, ReceiptLine, ids):
        gifts.setdefault(line.receipt_id, []).append(line.donation_id)
    own = [field.attribute or name for name, field in ReceiptListed().fields.items()]
    return [
        {name: getattr(each, name) for name in own if hasattr(each, name)}
        | _void(voids.get(each.id))
        | {
            "made_out_to": name_of(addressees.get(each.id, {})),
            "donation_ids": sorted(gifts.get(each.id, [])),
        }
        for each in receipts
    ]


def _of(session: Session, model: Any, ids: list[UUID]) -> list[Any]:
    return list(session.execute(select(model).where(model.receipt_id.in_(ids))).scalars())


def _void(void: ReceiptVoid | None) -> dict[str, Any]:
    if void is None:
        return {"voided_at": None, "void_reason": None, "void_note": None}
    return {"voided_at": void.voided_at, "void_reason": void.reason, "void_note": void.note}


def name_of(to: dict[str, Any]) -> str:
    """Whom a receipt is made out to, on one line."""
    return str(to.get("legal_name") or f"{to.get('given_name', '')} {to.get('family_name', '')}".strip())


def of_donations(session: Session, donation_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Every receipt that these gifts are or were on, the newest first."""
    covering = select(ReceiptLine.receipt_id).where(ReceiptLine.donation_id.in_(donation_ids))
    found = select(Receipt).where(Receipt.id.in_(covering)).order_by(Receipt.id.desc())
    return listed(session, session.execute(found).scalars().all())


def printed(session: Session, receipt: Receipt, *, duplicate: bool = False) -> bytes:
    """The document of a receipt."""
    lines = _of(session, ReceiptLine, [receipt.id])
    to = session.get_one(ReceiptAddressee, receipt.id).detail
    void = session.get(ReceiptVoid, receipt.id)
    return receipt_pdf.render(receipt, lines, to, void=void, duplicate=duplicate)


def file(receipt: Receipt, content: bytes, *, status: int = 200) -> Response:
    """The document as a file to keep."""
    name = {"Content-Disposition": f'attachment; filename="{receipt_pdf.filename(receipt)}"'}
    return Response(content, status=status, content_type=receipt_pdf.BYTES, headers=name)


def note(
    session: Session, action: str, receipt: Receipt, *, by: UUID | None, reason: str | None = None
) -> None:
    """What staff did with a receipt, for the audit trail."""
    audit.record(
        session,
        by=by,
        action=action,
        subject=("receipt", receipt.id),
        right="receipts.issue",
        reason=reason,
        at=now(),
        key=current().link_key,
    )
