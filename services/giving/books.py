"""The books of an entity: the number that names them, and when their fiscal years begin.

Days are those of the school's clock, and so are years.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from services.giving.models import Closing, Entity, LedgerNumber, Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import ZONE, now
from shared.errors import Conflict, NotFound, Refused
from shared.http import Blueprint
from shared.siren import Siren

routes = Blueprint("books", __name__, url_prefix="/api/v1/giving/entities")

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)


class FiscalYearInUse(Conflict):
    """Transactions of these books are numbered by fiscal year already: its first month stays."""


class NoYearEndsThen(Refused):
    """A fiscal year of this entity does not end on that day."""


class Books(Schema):
    """What names an entity's books, and when their years begin."""

    siren = Siren(required=True, allow_none=True)
    fiscal_year_start_month = fields.Integer(required=True, strict=True, validate=validate.Range(1, 12))


class BooksShown(Books):
    """Until which day they are closed, too; `year_first_day` begins the year of today."""

    entity_id = fields.UUID(required=True)
    name = fields.String(required=True)
    year_first_day = fields.Date(required=True)
    year_last_day = fields.Date(required=True)
    closed_until = fields.Date(required=True, allow_none=True)


class BooksWritten(Schema):
    """What who wrote them is answered."""

    entity_id = fields.UUID(required=True)


class Period(Schema):
    """From the first day to the last, both of them in it."""

    first_day = fields.Date(required=True, validate=validate.Range(FIRST, LAST))
    last_day = fields.Date(required=True, validate=validate.Range(FIRST, LAST))

    @validates_schema
    def _in_order(self, told: dict[str, Any], **_: Any) -> None:
        if told["first_day"] > told["last_day"]:
            raise ValidationError("The last day is before the first.", "last_day")


@routes.get("/<uuid:entity_id>/books", allow="giving.read")
@routes.response(200, BooksShown)
def show(entity_id: UUID) -> Any:
    """How the books of this entity are kept."""
    with Transaction() as session:
        entity = of(session, entity_id)
        closed = select(func.max(Closing.last_day)).where(Closing.entity_id == entity_id)
        first_day, last_day = fiscal_year(now().astimezone(ZONE).date(), entity.fiscal_year_start_month)
        return {
            "entity_id": entity.id,
            "name": entity.name,
            "siren": entity.siren,
            "fiscal_year_start_month": entity.fiscal_year_start_month,
            "year_first_day": first_day,
            "year_last_day": last_day,
            "closed_until": session.execute(closed).scalar_one(),
        }


@routes.put("/<uuid:entity_id>/books", allow="giving.manage", refuses=(FiscalYearInUse,))
@routes.arguments(Books)
@routes.response(200, BooksWritten)
def write(wish: dict[str, Any], entity_id: UUID) -> Any:
    """Set them. The first month of the fiscal year stays once transactions are numbered by it."""
    with Transaction() as session:
        change(session, entity_id, by=caller().person_id, at=now(), **wish)
        return {"entity_id": entity_id}


def change(
    session: Session,
    entity_id: UUID,
    *,
    siren: str | None,
    fiscal_year_start_month: int,
    by: UUID | None,
    at: datetime,
) -> None:
    """What is the same already is no change."""
    entity = lock(session, entity_id)
    wish = {"siren": siren, "fiscal_year_start_month": fiscal_year_start_month}
    changed = [name for name, value in wish.items() if getattr(entity, name) != value]
    if "fiscal_year_start_month" in changed and _numbered(session, entity_id):
        raise FiscalYearInUse
    for name in changed:
        setattr(entity, name, wish[name])
    if changed:
        audit.record(
            session,
            by=by,
            action="books.changed",
            subject=("entity", entity_id),
            fields=changed,
            right="giving.manage",
            detail={name: wish[name] for name in changed},
            at=at,
            key=current().link_key,
        )


def _numbered(session: Session, entity_id: UUID) -> bool:
    numbered = exists().where(LedgerNumber.entity_id == entity_id)
    closed = exists().where(Closing.entity_id == entity_id)
    return bool(session.execute(select(numbered | closed)).scalar_one())


def of(session: Session, entity_id: UUID) -> Entity:
    """The entity, or NotFound."""
    entity = session.get(Entity, entity_id)
    if entity is None:
        raise NotFound
    return entity


def lock(session: Session, entity_id: UUID) -> Entity:
    """The entity, its books locked: nobody else numbers, closes or changes them; campaigns may be added."""
    own = select(Entity).where(Entity.id == entity_id).with_for_update(key_share=True)
    entity = session.execute(own.execution_options(populate_existing=True)).scalar_one_or_none()
    if entity is None:
        raise NotFound
    return entity


def fiscal_year(day: date, start_month: int) -> tuple[date, date]:
    """First and last day of the fiscal year that `day` lies in."""
    first = date(day.year - (day.month < start_month), start_month, 1)
    year, month = (first.year, 12) if start_month == 1 else (first.year + 1, start_month - 1)
    return first, date(year, month, monthrange(year, month)[1])


def year_that_ends(entity: Entity, last_day: date) -> date:
    """First day of the fiscal year of which this is the last, or NoYearEndsThen."""
    first_day, end = fiscal_year(last_day, entity.fiscal_year_start_month)
    if end != last_day:
        raise NoYearEndsThen
    return first_day


def begins(day: date) -> datetime:
    """The first moment of a day where the school is."""
    return datetime.combine(day, time(), ZONE)


def ends(day: date) -> datetime:
    """The first moment after it."""
    return begins(day + timedelta(days=1))
