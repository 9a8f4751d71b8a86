"""The agenda: events as everyone sees them, with their seats and their calendar file."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload

from services.events import seats
from services.events.models import Event, Transaction
from services.events.models.events import VISIBILITIES, closes_at
from services.events.settings import current
from shared.auth import Caller, caller
from shared.calendars import calendar_file, method
from shared.clock import now
from shared.errors import NotFound
from shared.http import Blueprint
from shared.i18n import LOCALES, bilingual
from shared.names import sought
from shared.pages import PageQuery, page, paged
from shared.promises import SOMETIMES

routes = Blueprint("agenda", __name__, url_prefix="/api/v1/events/events")


class EventQuery(PageQuery):
    """Which events: those not over yet, the next first; or those over, the latest first."""

    when = fields.String(load_default="upcoming", validate=validate.OneOf(["upcoming", "past"]))
    status = fields.String(validate=validate.OneOf(seats.STATUSES))
    q = fields.String(validate=validate.Length(1, 100))


class LocaleQuery(Schema):
    """In which language."""

    locale = fields.String(load_default="fr", validate=validate.OneOf(LOCALES))


class EventShown(seats.SeatsShown):
    """An event with its seats. `online_url` is there for staff and on a registration's own page only."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    is_over = fields.Boolean(required=True)
    title = bilingual(required=True)
    summary = bilingual(required=True)
    description = bilingual(required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    time_zone = fields.String(required=True)
    place = fields.String(required=True)
    is_online = fields.Boolean(required=True)
    online_url = fields.String(allow_none=True, metadata=SOMETIMES)
    organiser = fields.String(required=True)
    visibility = fields.String(required=True, validate=validate.OneOf(VISIBILITIES))
    overbooked_by = fields.Integer(metadata=SOMETIMES)
    registration_closes_at = fields.AwareDateTime(required=True)
    withdraw_until = fields.AwareDateTime(required=True)
    per_registration_max = fields.Integer(required=True)
    picture = fields.String(required=True)
    published_at = fields.AwareDateTime(allow_none=True)
    rescheduled_at = fields.AwareDateTime(allow_none=True)
    cancelled_at = fields.AwareDateTime(allow_none=True)
    cancel_reason = bilingual(allow_none=True)
    revision = fields.Integer(required=True)


@routes.get("", allow="anyone")
@routes.arguments(EventQuery, location="query")
@routes.response(200, paged(EventShown))
def index(query: dict[str, Any]) -> Any:
    """The agenda: drafts only for who may read events, events of alumni only for who is signed in."""
    when, status, q = query.pop("when"), query.pop("status", None), query.pop("q", None)
    at, who = now(), caller()
    with Transaction() as session:
        over = Event.ends_at < at
        asked = whole().where(
            visible(Event, to=who), *_matching(status, q), over if when == "past" else ~over
        )
        keys: list[Any] = [Event.starts_at, Event.id]
        if when == "past":
            keys = [each.desc() for each in keys]
        found = page(session, asked, keys=keys, **query)
        return found | {"items": [shown(each, to=who, at=at) for each in found["items"]]}


@routes.get("/<id_or_slug>", allow="anyone")
@routes.response(200, EventShown)
def show(id_or_slug: str) -> Any:
    """One event, by its id or its address."""
    with Transaction() as session:
        return shown(find(session, id_or_slug, by=caller()), to=caller(), at=now())


@routes.get("/<id_or_slug>/seats", allow="anyone")
@routes.response(200, seats.SeatsShown)
def show_seats(id_or_slug: str) -> Any:
    """The seats of an event, to be asked again with its ETag."""
    with Transaction() as session:
        return seats.counted(find(session, id_or_slug, by=caller()), at=now())


@routes.get("/<id_or_slug>/calendar", allow="anyone")
@routes.arguments(LocaleQuery, location="query")
@routes.response(200, {"type": "string"}, content_type="text/calendar", description="RFC 5545.")
def show_calendar(query: dict[str, str], id_or_slug: str) -> Response:
    """The event as any calendar takes it over; where to join online is not in it."""
    with Transaction() as session:
        event = find(session, id_or_slug, by=caller())
        gone = event.cancelled_at is not None
        return calendar(event, subject=event.id, locale=query["locale"], is_cancelled=gone)


def whole() -> Select[Any]:
    """Events with their seats."""
    return select(Event).options(joinedload(Event.seats))


def find(session: Session, id_or_slug: str, *, by: Caller) -> Event:
    """The event, or NotFound for what the caller may not see: a draft, an event of alumni."""
    matches = Event.slug == id_or_slug
    with suppress(ValueError):
        matches = Event.id == UUID(id_or_slug)
    one = whole().where(matches, visible(Event, to=by)).execution_options(populate_existing=True)
    event: Event | None = session.execute(one).scalar_one_or_none()
    if event is None:
        raise NotFound
    return event


def visible(event: Any, *, to: Caller) -> Any:
    """Whether the caller may know of this event, or row of its columns; of `Event`, as a condition in SQL."""
    published = event.published_at != None  # noqa: E711 (in SQL: is not null)
    shared = (event.visibility == "public") | (to.person_id is not None)
    return (published & shared) | to.has("events.read")


def _matching(status: str | None, q: str | None) -> list[ColumnElement[bool]]:
    published, cancelled = Event.published_at.is_not(None), Event.cancelled_at.is_not(None)
    states: dict[str | None, list[ColumnElement[bool]]] = {
        None: [],
        "draft": [~published, ~cancelled],
        "published": [published, ~cancelled],
        "cancelled": [cancelled],
    }
    words = [Event.search.contains(word, autoescape=True) for word in sought(q)]
    return [*states[status], *words]


def shown(event: Event, *, to: Caller | None, at: datetime) -> dict[str, Any]:
    """The event as the caller may see it; `to` is None for who holds seats of it."""
    names = set(EventShown().fields) - {
        "online_url",
        "overbooked_by",
        "seats_max",
        "seats_taken",
        "seats_left",
    }
    told = {name: getattr(event, name) for name in names if hasattr(event, name)}
    told |= seats.counted(event, at=at) | {
        "is_over": event.ends_at < at,
        "is_online": event.online_url is not None,
        "registration_closes_at": closes_at(event),
        "withdraw_until": event.withdrawable_until,
    }
    if to is not None and to.has("events.read"):
        told |= {"online_url": event.online_url, "overbooked_by": event.seats.overbooked_by}
    return told


def calendar(
    event: Event, *, subject: UUID, locale: str, is_cancelled: bool, online_url: str | None = None
) -> Response:
    """The event as a calendar file; who holds seats of it also finds where to join."""
    parts = [event.summary[locale], online_url]
    content = calendar_file(
        subject=subject,
        revision=event.revision,
        site=current().public_url,
        title=event.title[locale],
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        time_zone=event.time_zone,
        place=event.place,
        description="\n\n".join(part for part in parts if part),
        url=f"{current().public_url.rstrip('/')}/events/{event.slug}",
        changed_at=event.cancelled_at or event.rescheduled_at or event.published_at or event.created_at,
        is_cancelled=is_cancelled,
    )
    kind = f"text/calendar; charset=utf-8; method={method(is_cancelled)}"
    name = {"Content-Disposition": f"attachment; filename={event.slug}.ics"}
    return Response(content, content_type=kind, headers=name)


def occasion(event: Any) -> dict[str, Any]:
    """What every message says of the event that it is about."""
    return {
        "event_id": event.id,
        "event_slug": event.slug,
        "event_title": event.title,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "time_zone": event.time_zone,
        "place": event.place,
        "revision": event.revision,
    }
