"""When and where, as a form holds it: the clock on the wall of the place, and the zone that it shows."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from flask_babel import gettext as _

from web.languages import language
from web.ui.forms import Filled

FIELDS = ("starts_at", "ends_at", "time_zone", "place", "online_url")
SCHOOLS = "Europe/Paris"
ZONES = (
    SCHOOLS,
    *("Europe/London", "Europe/Brussels", "Europe/Zurich", "Europe/Berlin", "Europe/Madrid", "Europe/Rome"),
    *("Europe/Lisbon", "Europe/Athens", "Europe/Istanbul", "Africa/Casablanca", "Africa/Tunis"),
    *("Africa/Dakar", "Africa/Abidjan", "Africa/Cairo", "America/Montreal", "America/New_York"),
    *("America/Chicago", "America/Los_Angeles", "America/Mexico_City", "America/Sao_Paulo"),
    *("America/Martinique", "America/Guadeloupe", "America/Cayenne", "Indian/Reunion", "Indian/Mayotte"),
    *("Pacific/Noumea", "Pacific/Tahiti", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai"),
    *("Asia/Hong_Kong", "Asia/Tokyo", "Asia/Seoul", "Australia/Sydney"),
)
"""Where a school's alumni meet; an event that has another zone keeps it."""


def zones(also: str = "") -> list[tuple[str, str]]:
    """The zones to choose from, each with its city; the school's own first."""
    names = [*ZONES, *([also] if also not in ZONES and is_zone(also) else [])]
    return [(name, _city(name)) for name in names]


def read(form: Filled) -> dict[str, Any]:
    """The schedule that was typed, in the service's words; what is wrong is written into the form."""
    zone = form.value("time_zone", SCHOOLS)
    if not is_zone(zone):
        form.refuse("time_zone", _("Choose a time zone."))
        zone = SCHOOLS
    starts, ends = (moment(form, name, zone) for name in FIELDS[:2])
    if not starts:
        form.refuse("starts_at", _("Choose the day and the hour at which it starts."))
    if not ends:
        form.refuse("ends_at", _("Choose when it ends."))
    if starts and ends and datetime.fromisoformat(ends) <= datetime.fromisoformat(starts):
        form.refuse("ends_at", sentence("ends_at"))
    online = form.value("online_url")
    if online and not online.startswith(("https://", "http://")):
        form.refuse("online_url", sentence("online_url"))
    where = {"place": form.value("place"), "online_url": online or None}
    return {"starts_at": starts, "ends_at": ends, "time_zone": zone} | where


def moment(form: Filled, name: str, zone: str) -> str | None:
    """A moment typed by the clock of `zone`, as everyone's; None when nothing usable was typed."""
    if not (typed := form.value(name)):
        return None
    try:
        local = datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(zone), second=0, microsecond=0)
        everyones = local.astimezone(UTC)
        again = everyones.astimezone(local.tzinfo)
    except (ValueError, OverflowError):
        form.refuse(name, _("Choose a day and an hour."))
        return None
    if again.replace(tzinfo=None) != local.replace(tzinfo=None):
        form.refuse(name, _("The clocks go forward that night, and this hour is left out: choose another."))
        return None
    return everyones.isoformat()


def as_typed(event: dict[str, Any]) -> dict[str, str]:
    """The schedule of an event as the fields hold it."""
    zone = event["time_zone"]
    typed = {name: on_the_clock(event[name], zone) for name in FIELDS[:2]}
    return typed | {"time_zone": zone, "place": event["place"], "online_url": event.get("online_url") or ""}


def on_the_clock(when: str, zone: str) -> str:
    """A moment as a field of a day and an hour holds it."""
    return f"{datetime.fromisoformat(when).astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def sentence(field: str) -> str:
    """What is wrong with a field of the schedule, when the service says so."""
    return {
        "starts_at": _("Choose a start that is still to come."),
        "ends_at": _("It ends before it starts: choose a later end."),
        "time_zone": _("Choose a time zone."),
        "place": _("The place stands on one line, of 300 characters at most."),
        "online_url": _("Write the whole address to join, from https:// on."),
    }.get(field, "")


def is_zone(name: str) -> bool:
    """Whether a zone of this name is known."""
    try:
        return bool(name) and ZoneInfo(name) is not None
    except (KeyError, ValueError, OSError):
        return False


def _city(name: str) -> str:
    locale = {"fr": "fr_FR", "en": "en_GB"}[language()]
    return get_timezone_location(ZoneInfo(name), locale=locale, return_city=True)
