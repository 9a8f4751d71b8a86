"""Periods: from when to when a campaign takes gifts, as moments and as days of its time zone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.giving.models import Campaign
from services.giving.models.campaigns import day_begins, day_ends
from shared.bodies import FieldsRefused
from shared.clock import ZONE, is_zone

FIELDS = ("starts_on", "opens_at", "ends_on", "closes_at", "time_zone")
DAY = validate.Range(date(2000, 1, 1), date(2200, 1, 1))
MOMENT = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
TICK = timedelta(microseconds=1)


def time_zone(name: str) -> None:
    """Refuse what is no IANA time zone."""
    if not is_zone(name):
        raise ValidationError("Not a time zone.")


class PeriodWish(Schema):
    """A first and a last day, both whole; or, for either, the moment itself."""

    starts_on = fields.Date(validate=DAY, metadata={"description": "from 00:00 in `time_zone`"})
    opens_at = fields.AwareDateTime(validate=MOMENT, metadata={"description": "instead of `starts_on`"})
    ends_on = fields.Date(validate=DAY, metadata={"description": "until 24:00 in `time_zone`"})
    closes_at = fields.AwareDateTime(validate=MOMENT, metadata={"description": "instead of `ends_on`"})
    time_zone = fields.String(load_default=ZONE.key, validate=time_zone)

    @validates_schema
    def _one_of_each(self, data: dict[str, Any], **_: Any) -> None:
        for day, moment in (("starts_on", "opens_at"), ("ends_on", "closes_at")):
            if day in data and moment in data:
                raise ValidationError("The day or the moment, not both.", moment)


def of(wish: dict[str, Any], standing: Campaign | None = None) -> dict[str, Any]:
    """The columns of the period that was asked for; what is not named stays as it is in `standing`.

    With another zone alone the moments stay, and their days become those of that zone.
    """
    zone = wish.get("time_zone") or (standing.time_zone if standing else ZONE.key)
    opens_at = _moment(wish, "opens_at", "starts_on", day_begins, zone, standing)
    closes_at = _moment(wish, "closes_at", "ends_on", day_ends, zone, standing)
    if closes_at <= opens_at:
        named = "closes_at" if "closes_at" in wish else "ends_on"
        raise FieldsRefused({named: ["Ends before it starts."]})
    there = ZoneInfo(zone)
    return {
        "opens_at": opens_at,
        "closes_at": closes_at,
        "time_zone": zone,
        "starts_on": opens_at.astimezone(there).date(),
        "ends_on": (closes_at - TICK).astimezone(there).date(),
    }


def _moment(
    wish: dict[str, Any], name: str, day: str, of_day: Any, zone: str, standing: Campaign | None
) -> datetime:
    if name in wish:
        moment: datetime = wish[name].astimezone(UTC)
        return moment
    if day in wish:
        begun: datetime = of_day(wish[day], zone)
        return begun
    if standing is None:
        raise FieldsRefused({day: ["Missing data for required field."]})
    kept: datetime = getattr(standing, name)
    return kept
