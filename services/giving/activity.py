"""Activity: what happened in all campaigns together since a moment, and this month by day."""

from datetime import date, datetime, timedelta
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving import curves
from services.giving.models import Transaction
from shared.clock import now, today
from shared.http import Blueprint
from shared.money import Minor

routes = Blueprint("activity", __name__, url_prefix="/api/v1/giving/activity")

CURRENCY = "EUR"


class ActivityQuery(Schema):
    """Since when."""

    since = fields.AwareDateTime(required=True)


class Activity(Schema):
    """Gifts received since, whatever became of them later; refunds and disputes since, whole or of a part;
    payments that a bank refused, whether or not another card was tried after.
    """

    currency = fields.String(required=True)
    gifts_count = fields.Integer(required=True)
    gifts_minor = Minor(required=True)
    refunds_count = fields.Integer(required=True)
    refunds_minor = Minor(required=True)
    disputes_count = fields.Integer(required=True)
    disputes_minor = Minor(required=True)
    declined_count = fields.Integer(required=True)


class Month(Schema):
    """Gifts received this month and not given back; `previous_minor` is last month's to the same day."""

    currency = fields.String(required=True)
    first = fields.Date(required=True)
    last = fields.Date(required=True)
    raised_minor = Minor(required=True)
    previous_minor = Minor(required=True)
    curve = fields.List(fields.Nested(curves.Day), required=True)


@routes.get("", allow="giving.read")
@routes.arguments(ActivityQuery, location="query")
@routes.response(200, Activity)
def show(query: dict[str, Any]) -> Any:
    """What happened since a moment, in all campaigns."""
    with Transaction() as session:
        return happened(session, since=query["since"])


@routes.get("/month", allow="giving.read")
@routes.response(200, Month)
def month() -> Any:
    """This month so far, by day where the school is."""
    with Transaction() as session:
        return month_of(session, today(now()))


HAPPENED = text(
    """
    with kept as (
      select each.gifts, each.minor from campaigns cross join lateral (
        select count(*) as gifts, sum(amount_minor) as minor from donations
        where campaign_id = campaigns.id and settled_at >= :since and refunded_at is null
      ) each where currency = :currency
    ), gone as (
      select amount_minor from donations
      where refunded_at is not null and currency = :currency and settled_at >= :since
    ), returned as (
      select count(*) as refunds, coalesce(sum(amount_minor), 0) as minor from refunds
      where completed_at >= :since and returned_at is null and surplus_id is null and currency = :currency
    ), disputed as (
      select count(*) as disputes, coalesce(sum(withdrawn_minor), 0) as minor from disputes
      where opened_at >= :since and surplus_id is null and currency = :currency
    ), declined as (
      select count(*) as payments from checkouts where declined_at >= :since
    ), came as (
      select gifts, coalesce(minor, 0) as minor from kept
      union all select 1, amount_minor from gone
    )
    select (select coalesce(sum(gifts), 0) from came) as gifts_count,
           (select coalesce(sum(minor), 0) from came) as gifts_minor,
           (select refunds from returned) as refunds_count,
           (select minor from returned) as refunds_minor,
           (select disputes from disputed) as disputes_count,
           (select minor from disputed) as disputes_minor,
           (select payments from declined) as declined_count
    """
)
"""By ix_donations_wall for each campaign, ix_donations_refunded, ix_refunds_completed, ix_disputes_opened and
ix_checkouts_declined."""


def happened(session: Session, *, since: datetime) -> dict[str, Any]:
    """Gifts, refunds and refusals since a moment."""
    counted = session.execute(HAPPENED, {"since": since, "currency": CURRENCY}).one()
    return {"currency": CURRENCY} | {name: int(value) for name, value in counted._mapping.items()}


def month_of(session: Session, day: date) -> dict[str, Any]:
    """The month that `day` belongs to, up to that day."""
    first = day.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    same_day = min(before + (day - first), first - timedelta(days=1))
    curve = curves.of_all(session, CURRENCY, first, day)
    return {
        "currency": CURRENCY,
        "first": first,
        "last": (first + timedelta(days=31)).replace(day=1) - timedelta(days=1),
        "raised_minor": curves.raised(curve),
        "previous_minor": curves.raised(curves.of_all(session, CURRENCY, before, same_day)),
        "curve": curve,
    }
