"""Tax parameters: what the law sets, by day, each with its source and a day to look at it again."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving.models import TaxParameter, Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import now, today
from shared.db import lock
from shared.errors import Conflict, NotFound
from shared.http import Blueprint
from shared.money import Minor
from shared.names import Name

routes = Blueprint("tax_parameters", __name__, url_prefix="/api/v1/giving/tax-parameters")

NEXT_REVIEW = timedelta(days=365)


class ParameterTaken(Conflict):
    """This value is known from that day on already."""


class ParameterMissing(Exception):
    """The database lacks a value that the law sets: nothing is decided without it."""


class ParameterShown(Schema):
    """A value from a day on, in the unit that its name ends with. `is_due`: somebody should look at it."""

    name = fields.String(required=True)
    from_on = fields.Date(required=True)
    value = Minor(required=True)
    source = fields.String(required=True)
    review_on = fields.Date(required=True)
    reviewed_at = fields.AwareDateTime(allow_none=True)
    is_due = fields.Boolean(required=True)


class ParametersShown(Schema):
    """All that hold today or will."""

    items = fields.List(fields.Nested(ParameterShown), required=True)


class ParameterWish(Schema):
    """The next value of a known parameter."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    from_on = fields.Date(required=True)
    value = Minor(required=True, validate=validate.Range(0, 10**12))
    source = Name(required=True, most=300)
    review_on = fields.Date(required=True)


class ReviewWish(Schema):
    """Somebody looked: the value holds, until the next look."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    from_on = fields.Date(required=True)
    review_on = fields.Date(metadata={"description": "a year from now unless said"})


@routes.get("", allow="giving.read")
@routes.response(200, ParametersShown)
def index() -> Any:
    """Every parameter that holds today or will, by name."""
    with Transaction() as session:
        on = today(now())
        return {"items": [shown(each, on=on) for each in in_force(session, on=on)]}


@routes.post("", allow="giving.manage", refuses=(NotFound, ParameterTaken))
@routes.arguments(ParameterWish)
@routes.response(201, ParameterShown)
def create(wish: dict[str, Any]) -> Any:
    """Enter the next value of a parameter, from a day on; what was decided before stands."""
    with Transaction() as session:
        return shown(enter(session, by=caller().person_id, at=now(), **wish), on=today(now()))


@routes.post("/reviews", allow="giving.manage", refuses=(NotFound,))
@routes.arguments(ReviewWish)
@routes.response(201, ParameterShown)
def review(wish: dict[str, Any]) -> Any:
    """Confirm a value: the desk warns no more until its next review."""
    with Transaction() as session:
        return shown(confirm(session, by=caller().person_id, at=now(), **wish), on=today(now()))


def shown(parameter: TaxParameter, *, on: date) -> dict[str, Any]:
    """A parameter, and whether it is due for a look."""
    names = ("name", "from_on", "value", "source", "review_on", "reviewed_at")
    return {name: getattr(parameter, name) for name in names} | {"is_due": parameter.review_on <= on}


def in_force(session: Session, *, on: date) -> list[TaxParameter]:
    """Those that hold on a day, and those that will."""
    ordered = select(TaxParameter).order_by(TaxParameter.name, TaxParameter.from_on)
    rows = list(session.execute(ordered).scalars())
    begun = {each.name: each.from_on for each in rows if each.from_on <= on}
    return [each for each in rows if each.from_on >= begun.get(each.name, each.from_on)]


def on_day(session: Session, *, on: date) -> dict[str, int]:
    """The values that hold on a day, by name."""
    ordered = select(TaxParameter).where(TaxParameter.from_on <= on).order_by(TaxParameter.from_on)
    return {each.name: each.value for each in session.execute(ordered).scalars()}


def value(values: dict[str, int], name: str) -> int:
    """One of the values that hold; ParameterMissing stops what would be decided without it."""
    if name not in values:
        raise ParameterMissing(name)
    return values[name]


def enter(
    session: Session,
    *,
    name: str,
    from_on: date,
    value: int,
    source: str,
    review_on: date,
    by: UUID | None,
    at: datetime,
) -> TaxParameter:
    """The next value of a parameter. The one before needs no review any more."""
    known = {each.from_on: each for each in _named(session, name)}
    if from_on in known:
        raise ParameterTaken
    if review_on <= from_on:
        raise FieldsRefused({"review_on": ["Before the value holds."]})
    made = TaxParameter(
        name=name,
        from_on=from_on,
        value=value,
        source=source,
        review_on=review_on,
        reviewed_by=by,
        reviewed_at=at,
    )
    session.add(made)
    for before in known.values():
        if before.from_on < from_on and before.review_on < from_on:
            before.review_on = from_on
    _note(session, "tax_parameter.entered", made, by=by, at=at)
    session.flush()
    return made


def confirm(
    session: Session,
    *,
    name: str,
    from_on: date,
    review_on: date | None = None,
    by: UUID | None,
    at: datetime,
) -> TaxParameter:
    """The value still holds: look again on `review_on`, a year from now unless said."""
    _named(session, name)
    parameter = lock(session, TaxParameter, (name, from_on))
    next_look = review_on or today(at) + NEXT_REVIEW
    if next_look <= today(at):
        raise FieldsRefused({"review_on": ["Not in the future."]})
    parameter.review_on, parameter.reviewed_by, parameter.reviewed_at = next_look, by, at
    _note(session, "tax_parameter.confirmed", parameter, by=by, at=at)
    session.flush()
    return parameter


def _named(session: Session, name: str) -> list[TaxParameter]:
    found = list(session.execute(select(TaxParameter).where(TaxParameter.name == name)).scalars())
    if not found:
        raise NotFound
    return found


def _note(session: Session, action: str, parameter: TaxParameter, *, by: UUID | None, at: datetime) -> None:
    audit.record(
        session,
        by=by,
        action=action,
        subject=("tax_parameter", parameter.name),
        right="giving.manage",
        detail={"from_on": parameter.from_on.isoformat(), "value": parameter.value},
        at=at,
        key=current().link_key,
    )
