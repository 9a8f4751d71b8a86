"""Receipt reports: the yearly declaration (CGI, art. 222 bis), and the concordance for a control.

The concordance (LPF, art. L. 14 A) has each receipt beside its entry in the books and its payment.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving.models import Entity, Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now, today
from shared.errors import NotFound
from shared.http import Blueprint
from shared.i18n import LOCALES
from shared.money import Minor
from shared.pages import QueryInteger
from shared.spreadsheets import csv_file

routes = Blueprint("receipt_reports", __name__, url_prefix="/api/v1/giving/entities")

HEADS = {
    "fr": (
        *("Numéro du reçu", "Établi le", "Annulé le", "Article", "Date du versement", "Montant"),
        *("Écriture au journal", "Référence du prestataire", "Compte", "Don"),
    ),
    "en": (
        *("Receipt number", "Issued on", "Voided on", "Article", "Paid on", "Amount"),
        *("Ledger transaction", "Provider reference", "Account", "Gift"),
    ),
}
DECIMAL = {"fr": ",", "en": "."}

LINES = text(
    """
    select r.series, r.year, r.number, r.issued_at, v.voided_at, r.article, l.paid_on, l.amount_minor,
           t.id as transaction_id, s.payment_id, s.account, l.donation_id
    from receipts r join receipt_lines l on l.receipt_id = r.id
    left join receipt_voids v on v.receipt_id = r.id
    left join ledger_transactions t on t.donation_id = l.donation_id and t.kind = 'gift'
    left join settlements s on s.donation_id = l.donation_id
    where r.entity_id = :entity_id and l.paid_on between :first_on and :last_on
    order by r.series, r.year, r.number, l.paid_on, l.donation_id
    """
)
DECLARED = text(
    """
    select r.article, count(distinct r.id) as documents, sum(l.amount_minor) as total_minor
    from receipts r join receipt_lines l on l.receipt_id = r.id
    where r.entity_id = :entity_id and l.paid_on between :first_on and :last_on
      and not exists (select from receipt_voids v where v.receipt_id = r.id)
    group by r.article order by r.article
    """
)


class PeriodQuery(Schema):
    """The calendar year, unless the entity closes its books on another day."""

    year = QueryInteger(required=True, validate=validate.Range(2000, 2100))
    closes_on = fields.Date(
        metadata={"description": "last day of the year declared; 31 December unless said"}
    )


class ConcordanceQuery(PeriodQuery):
    """For which year, and in which language."""

    locale = fields.String(load_default="fr", validate=validate.OneOf(LOCALES))


class ArticleDeclared(Schema):
    """What was received under one article."""

    article = fields.String(required=True)
    documents = fields.Integer(required=True)
    total_minor = Minor(required=True)


class Declared(Schema):
    """What the declaration asks for: gifts received in the period that are on valid receipts, and how many
    documents; voided ones are out, replacements in once.
    """

    entity_name = fields.String(required=True)
    first_on = fields.Date(required=True)
    last_on = fields.Date(required=True)
    documents = fields.Integer(required=True)
    total_minor = Minor(required=True)
    by_article = fields.List(fields.Nested(ArticleDeclared), required=True)


@routes.get("/<uuid:entity_id>/receipt-declaration", allow="giving.read", refuses=(NotFound,))
@routes.arguments(PeriodQuery, location="query")
@routes.response(200, Declared)
def declaration(query: dict[str, Any], entity_id: UUID) -> Any:
    """The figures of the yearly declaration."""
    with Transaction() as session:
        return declared(session, entity_id, **query)


@routes.get("/<uuid:entity_id>/receipt-concordance", allow="people.export", refuses=(NotFound,))
@routes.arguments(ConcordanceQuery, location="query")
@routes.response(
    200, {"type": "string"}, content_type="text/csv", description="A CSV file, for a spreadsheet."
)
def concordance(query: dict[str, Any], entity_id: UUID) -> Response:
    """Receipt, entry in the books and reference of the provider, line by line; voided ones are in."""
    locale = query.pop("locale")
    with Transaction() as session:
        found = _entity(session, entity_id)
        lines = [_line(each, locale) for each in concorded(session, entity_id, **query)]
        audit.record(
            session,
            by=caller().person_id,
            action="receipts.concordance_exported",
            subject=("entity", entity_id),
            right="people.export",
            detail={"year": query["year"], "lines": len(lines)},
            at=now(),
            key=current().link_key,
        )
    name = {"Content-Disposition": f"attachment; filename=concordance-{found.slug}-{query['year']}.csv"}
    return Response(csv_file(HEADS[locale], lines), content_type="text/csv; charset=utf-8", headers=name)


def declared(session: Session, entity_id: UUID, **period: Any) -> dict[str, Any]:
    """Total and number of documents of a period."""
    entity, (first_on, last_on) = _entity(session, entity_id), days(**period)
    told = {"entity_id": entity_id, "first_on": first_on, "last_on": last_on}
    rows = [dict(row) for row in session.execute(DECLARED, told).mappings()]
    return {
        "entity_name": entity.name,
        "first_on": first_on,
        "last_on": last_on,
        "documents": sum(row["documents"] for row in rows),
        "total_minor": sum(int(row["total_minor"]) for row in rows),
        "by_article": [row | {"total_minor": int(row["total_minor"])} for row in rows],
    }


def concorded(session: Session, entity_id: UUID, **period: Any) -> Iterator[Any]:
    """Every line of every receipt about gifts received in a period."""
    first_on, last_on = days(**period)
    told = {"entity_id": entity_id, "first_on": first_on, "last_on": last_on}
    yield from session.execute(LINES, told)


def days(*, year: int, closes_on: date | None = None) -> tuple[date, date]:
    """The first and last day of the year that is declared."""
    if closes_on is None:
        return date(year, 1, 1), date(year, 12, 31)
    last = closes_on.replace(year=year, day=min(closes_on.day, 28) if closes_on.month == 2 else closes_on.day)
    return date.fromordinal(last.replace(year=year - 1).toordinal() + 1), last


def _entity(session: Session, entity_id: UUID) -> Entity:
    entity = session.get(Entity, entity_id)
    if entity is None:
        raise NotFound
    return entity


def _line(row: Any, locale: str) -> list[str]:
    def day(at: datetime | None) -> str:
        return today(at).isoformat() if at else ""

    return [
        f"{row.series}-{row.year}-{row.number:06d}",
        *(day(row.issued_at), day(row.voided_at), row.article, row.paid_on.isoformat()),
        f"{row.amount_minor / 100:.2f}".replace(".", DECIMAL[locale]),
        *(str(each or "") for each in (row.transaction_id, row.payment_id, row.account, row.donation_id)),
    ]
