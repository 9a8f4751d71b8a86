"""Drafts: an event is written, and its words, seats and limits changed."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.events import seats
from services.events.models import Event, EventSeats, Transaction
from services.events.models.events import (
    FIXED,
    PER_REGISTRATION_MOST,
    VISIBILITIES,
    EventAlreadyCancelled,
    PublishedEventFixed,
)
from services.events.settings import current
from shared import audit
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import is_zone, now
from shared.errors import Conflict, NotFound
from shared.http import Blueprint, IdempotencyKey
from shared.i18n import bilingual
from shared.names import fold, is_line
from shared.once import once, or_the_same

routes = Blueprint("drafts", __name__, url_prefix="/api/v1/events/events")

SEATS_MOST = 1_000_000
MOMENT = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
ADDRESS = validate.Regexp(r"(?![0-9a-f-]{32,36}\Z)[a-z0-9][a-z0-9-]{0,98}\Z")
"""Small letters, figures and hyphens; nothing that reads like an id."""
ONLINE = validate.URL(schemes={"https", "http"}, require_tld=False)


class EventTaken(Conflict):
    """Another event has this address."""


def time_zone(name: str) -> None:
    """Refuse what is no IANA time zone."""
    if not is_zone(name):
        raise ValidationError("Not a time zone.")


def nobodys(url: str) -> None:
    """Refuse an address with a name or a password in it."""
    if re.match(r"[^/]*//[^/?#]*@", url):
        raise ValidationError("A name or a password is not part of it.")


def line(text: str) -> None:
    """Refuse what would not stand on one line, as in the subject of an email."""
    if text and not is_line(text):
        raise ValidationError("Control characters and invisible signs are not part of it.")


def at_most(most: int, *checks: Callable[[str], None]) -> Callable[[dict[str, str]], None]:
    """Refuse a text that is longer in one of its languages, or that a check refuses."""

    def check(texts: dict[str, str]) -> None:
        if any(len(text) > most for text in texts.values()):
            raise ValidationError(f"Longer than {most} characters.")
        for text in texts.values():
            for each in checks:
                each(text)

    return check


class EventWritten(Schema):
    """What who writes an event is answered: to read a draft is another right."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(seats.STATUSES))


class Schedule(Schema):
    """When and where."""

    starts_at = fields.AwareDateTime(required=True, validate=MOMENT)
    ends_at = fields.AwareDateTime(required=True, validate=MOMENT)
    time_zone = fields.String(load_default="Europe/Paris", validate=time_zone)
    place = fields.String(load_default="", validate=[validate.Length(max=300), line])
    online_url = fields.String(
        load_default=None, allow_none=True, validate=[validate.Length(max=500), line, ONLINE, nobodys]
    )

    @validates_schema
    def _dates(self, data: dict[str, Any], **_: Any) -> None:
        if "starts_at" in data and "ends_at" in data and data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Ends before it starts.", "ends_at")

    @post_load
    def _in_utc(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """As they are told: the answer and the message are made before the row is read again."""
        return {
            name: value.astimezone(UTC) if isinstance(value, datetime) else value
            for name, value in data.items()
        }


class EventWish(Schedule):
    """A new event; it is a draft until its publication."""

    slug = fields.String(required=True, validate=ADDRESS)
    title = bilingual(required=True, validate=at_most(150, line))
    summary = bilingual(required=True, validate=at_most(500))
    description = bilingual(required=True, validate=at_most(10_000))
    organiser = fields.String(load_default="", validate=[validate.Length(max=150), line])
    visibility = fields.String(load_default="public", validate=validate.OneOf(VISIBILITIES))
    picture = fields.String(load_default="", validate=validate.Length(max=200))
    seats_max = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(0, SEATS_MOST)
    )
    per_registration_max = fields.Integer(
        load_default=4, strict=True, validate=validate.Range(1, PER_REGISTRATION_MOST)
    )
    registration_closes_at = fields.AwareDateTime(load_default=None, allow_none=True, validate=MOMENT)
    withdraw_until = fields.AwareDateTime(load_default=None, allow_none=True, validate=MOMENT)


class EventChange(EventWish):
    """What may change; when and where only before the publication."""

    class Meta:
        """The address stands for good."""

        exclude = ("slug",)


@routes.post("", allow="events.manage", refuses=(EventTaken,))
@routes.arguments(EventWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, EventWritten)
def create(wish: dict[str, Any], header: dict[str, str]) -> Any:
    """Write a draft, which everyone may know of from its publication on."""
    at = now()

    def write() -> Event:
        with Transaction() as session, _address_free():
            event = once(session, Event, header["key"], values={"created_at": at}, claim_s=0, **wish)
            if not event.repeated:
                begin(session, event, by=caller().person_id, at=at, **wish)
            return event

    return or_the_same(EventTaken, write)


@routes.patch("/<uuid:event_id>", allow="events.manage", refuses=(PublishedEventFixed, EventAlreadyCancelled))
@routes.arguments(EventChange(partial=True))
@routes.response(200, EventWritten)
def change(wish: dict[str, Any], event_id: UUID) -> Any:
    """Change words, seats or limits; of a draft also when and where."""
    with Transaction() as session:
        return revise(session, event_id, by=caller().person_id, at=now(), **wish)


def draft(
    session: Session, *, by: UUID | None, at: datetime, seats_max: int | None = None, **words: Any
) -> Event:
    """A new event; EventTaken when another has its address."""
    event = Event(created_at=at, **words)
    session.add(event)
    with _address_free():
        session.flush()
    return begin(session, event, by=by, at=at, seats_max=seats_max, **words)


def begin(
    session: Session,
    event: Event,
    *,
    by: UUID | None,
    at: datetime,
    seats_max: int | None = None,
    **words: Any,
) -> Event:
    """Give an event just written down its seats, all free, and what it is found by."""
    check_limits(event)
    event.search = searchable(event)
    session.add(EventSeats(event_id=event.id, seats_max=seats_max))
    note(session, "event.drafted", event.id, by=by, at=at, fields=sorted(words))
    session.flush()
    return event


@contextmanager
def _address_free() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "uq_events_slug" in str(error.orig):
            raise EventTaken from None
        raise


def revise(session: Session, event_id: UUID, *, by: UUID | None, at: datetime, **words: Any) -> Event:
    """Change an event. When and where stand for good once it is published, but for rescheduling."""
    event = lock(session, event_id)
    if event.cancelled_at is not None:
        raise EventAlreadyCancelled
    if event.published_at is not None and any(
        words.get(name, getattr(event, name)) != getattr(event, name) for name in FIXED
    ):
        raise PublishedEventFixed
    changed = sorted(words)
    if "seats_max" in words:
        seats.limit(session, event_id, words.pop("seats_max"))
    for name, value in words.items():
        setattr(event, name, value)
    check_limits(event)
    if event.published_at is not None:
        check_titles(event)
    event.search = searchable(event)
    note(session, "event.changed", event_id, by=by, at=at, fields=changed)
    session.flush()
    return event


def lock(session: Session, event_id: UUID) -> Event:
    """The event, locked until the transaction ends; registrations, which refer to it, go on meanwhile."""
    event = session.get(Event, event_id, with_for_update={"key_share": True}, populate_existing=True)
    if event is None:
        raise NotFound
    return event


def check_limits(event: Event) -> None:
    """Refuse an event that ends before it starts, or whose limits come after its end."""
    wrong = {}
    if event.ends_at <= event.starts_at:
        wrong["ends_at"] = ["Ends before it starts."]
    for name in ("registration_closes_at", "withdraw_until"):
        if (limit := getattr(event, name)) is not None and limit > event.ends_at:
            wrong[name] = ["After the end of the event."]
    if wrong:
        raise FieldsRefused(wrong)


def check_titles(event: Event) -> None:
    """Refuse an event without a title in one of its languages: it cannot be told of."""
    if missing := [f"title.{locale}" for locale, text in event.title.items() if not text.strip()]:
        raise FieldsRefused({name: ["Missing data for required field."] for name in missing})


def searchable(event: Event) -> str:
    """What the search of the agenda finds an event by."""
    return fold(" ".join([*event.title.values(), event.place, event.organiser]))


def note(
    session: Session,
    action: str,
    event_id: UUID,
    *,
    by: UUID | None,
    at: datetime,
    fields: list[str] | None = None,
) -> None:
    """Who changed what of an event, for the audit trail."""
    audit.record(
        session,
        by=by,
        action=action,
        subject=("event", event_id),
        fields=fields or [],
        right="events.manage",
        at=at,
        key=current().link_key,
    )
