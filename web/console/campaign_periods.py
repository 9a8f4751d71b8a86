"""When a campaign takes gifts, as a form holds it: two days, and their hours where they are not whole."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from web.console import schedules
from web.ui import periods
from web.ui.forms import Filled

FIELDS = ("starts_on", "opens_hour", "ends_on", "closes_hour", "time_zone")
ENDS = (("starts_on", "opens_hour", "opens_at"), ("ends_on", "closes_hour", "closes_at"))
"""The day and the hour of the form, and the service's name of the moment."""


def read(form: Filled) -> dict[str, Any]:
    """The period that was typed, in the service's words; what is wrong is written into the form."""
    zone = form.value("time_zone", schedules.SCHOOLS)
    if not schedules.is_zone(zone):
        form.refuse("time_zone", sentences()["time_zone"])
        zone = schedules.SCHOOLS
    told: dict[str, Any] = {"time_zone": zone}
    for day, hour, moment in ENDS:
        told |= _end(form, day, hour, moment, zone)
    return told


def _end(form: Filled, day: str, hour: str, moment: str, zone: str) -> dict[str, str]:
    """A whole day, or the moment of an hour of it."""
    try:
        date.fromisoformat(form.value(day))
    except ValueError:
        form.refuse(day, sentences()[day])
        return {}
    if not form.value(hour):
        return {day: form.value(day)}
    typed = Filled({hour: f"{form.value(day)}T{form.value(hour)}"})
    told = schedules.moment(typed, hour, zone)
    if told is None:
        form.refuse(hour, typed.error(hour))
        return {}
    return {moment: told}


def as_typed(campaign: dict[str, Any]) -> dict[str, str]:
    """The period of a campaign as the fields hold it."""
    zone = campaign["time_zone"]
    opens, closes = (_hour(campaign[name], zone) for name in ("opens_at", "closes_at"))
    return {
        "starts_on": campaign["starts_on"],
        "opens_hour": opens,
        "ends_on": f"{periods.local_end(campaign):%Y-%m-%d}",
        "closes_hour": closes,
        "time_zone": zone,
    }


def _hour(when: str, zone: str) -> str:
    there = datetime.fromisoformat(when).astimezone(ZoneInfo(zone))
    return "" if there.time() == datetime.min.time() else f"{there:%H:%M}"


def sentences() -> dict[str, str]:
    """What is wrong with each field of the period."""
    return {
        "starts_on": _("Choose a first day."),
        "opens_hour": _("Choose an hour of that day, or leave it empty for the whole day."),
        "ends_on": _("Choose a last day, not before the first."),
        "closes_hour": _("It ends before it starts: choose a later end."),
        "time_zone": _("Choose a time zone."),
    }
