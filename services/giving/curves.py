"""Curves: what came on each day, for one campaign or for all in a currency, and the sum up to it."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.clock import ZONE
from shared.money import Minor


class Day(Schema):
    """A day with gifts: what came, and the sum since the beginning."""

    on = fields.Date(required=True)
    day_minor = Minor(required=True)
    raised_minor = Minor(required=True)


BY_DAY = """
    select day, cast(sum(minor) as bigint) as minor from campaigns cross join lateral (
      select cast(settled_at at time zone :zone as date) as day, sum(amount_minor) as minor {there}
      group by 1
      union all
      select cast(settled_at at time zone :zone as date), -sum(refunded_minor + disputed_minor) {there}
        and (refunded_minor > 0 or disputed_minor > 0) group by 1
    ) each where {of} = :of group by day order by day
    """
THERE = """
    from donations where campaign_id = campaigns.id and refunded_at is null
      and settled_at >= coalesce(cast(:first as timestamptz), '-infinity')
      and settled_at < coalesce(cast(:end as timestamptz), 'infinity')
"""
"""All by ix_donations_wall alone, then the few of which a part went back by ix_donations_returned."""

OF_CAMPAIGN, OF_CURRENCY = (
    text(BY_DAY.format(of=name, there=THERE)) for name in ("campaigns.id", "currency")
)


def of_campaign(session: Session, campaign_id: UUID) -> list[dict[str, Any]]:
    """Each day with gifts to a campaign."""
    return _curve(session, OF_CAMPAIGN, {"of": campaign_id, "first": None, "end": None})


def of_all(session: Session, currency: str, first: date, last: date) -> list[dict[str, Any]]:
    """Each day with gifts from `first` to `last` included, to all campaigns in a currency."""
    told = {"first": _midnight(first), "end": _midnight(last + timedelta(days=1))}
    return _curve(session, OF_CURRENCY, told | {"of": currency})


def _curve(session: Session, statement: Any, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Days are those of the school; what was given back, or a bank holds, is in none."""
    raised, days = 0, []
    for day, minor in session.execute(statement, told | {"zone": ZONE.key}):
        raised += minor
        days.append({"on": day, "day_minor": minor, "raised_minor": raised})
    return days


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)


def raised(curve: list[dict[str, Any]]) -> int:
    """The sum at the end of a curve."""
    return int(curve[-1]["raised_minor"]) if curve else 0
