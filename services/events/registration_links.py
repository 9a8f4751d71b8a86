"""Registration links: the registrant's own page of their seats, opened by a signed link and nothing else."""

from datetime import datetime
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from services.events import bookings
from services.events.agenda import EventShown, LocaleQuery, calendar, shown
from services.events.models import Event, Registration, Transaction
from services.events.models.events import WithdrawalClosed
from services.events.models.registrations import STATUSES
from services.events.settings import current
from shared import links, telemetry
from shared.clock import now
from shared.http import Blueprint
from shared.links import LinkNotFound

routes = Blueprint("registration_links", __name__, url_prefix="/api/v1/events/registration-links")


class AttendeeShown(Schema):
    """Who takes a seat."""

    given_name = fields.String(required=True)
    family_name = fields.String(required=True)


class RegistrationShown(Schema):
    """The seats as their registrant sees them; the event tells where to join while they are theirs."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    seats = fields.Integer(required=True)
    attendees = fields.List(fields.Nested(AttendeeShown), required=True)
    confirmed_at = fields.AwareDateTime(required=True)
    cancelled_at = fields.AwareDateTime(allow_none=True)
    cancel_reason = fields.String(allow_none=True)
    can_withdraw = fields.Boolean(required=True)
    event = fields.Nested(EventShown, required=True)


@routes.get("/<token>", allow="link", refuses=(LinkNotFound,))
@routes.response(200, RegistrationShown)
def show(token: str) -> Any:
    """The registration behind a link."""
    with Transaction() as session:
        return seen(find(session, token), at=now())


@routes.post("/<token>/withdrawals", allow="link", refuses=(LinkNotFound, WithdrawalClosed))
@routes.response(201, RegistrationShown)
def withdraw(token: str) -> Any:
    """Give the seats back, until the deadline; a second time changes nothing."""
    with Transaction() as session:
        return seen(give_back(session, find(session, token, locked=True), at=now()), at=now())


@routes.get("/<token>/calendar", allow="link", refuses=(LinkNotFound,))
@routes.arguments(LocaleQuery, location="query")
@routes.response(200, {"type": "string"}, content_type="text/calendar", description="RFC 5545.")
def show_calendar(query: dict[str, str], token: str) -> Response:
    """The event as any calendar takes it over, with where to join; once the seats are gone, its removal."""
    with Transaction() as session:
        registration = find(session, token)
        event, gone = registration.event, registration.cancelled_at is not None
        where = None if gone else event.online_url
        is_cancelled = gone or event.cancelled_at is not None
        return calendar(
            event,
            subject=registration.id,
            locale=query["locale"],
            is_cancelled=is_cancelled,
            online_url=where,
        )


def give_back(session: Session, registration: Registration, *, at: datetime) -> Registration:
    """The registrant wants them no more; WithdrawalClosed after the deadline."""
    if registration.cancelled_at is None:
        registration.event.check_withdrawable(at)
        bookings.end(session, registration.event, [registration.id], reason="withdrawn", at=at)
        again = whole().where(Registration.id == registration.id).execution_options(populate_existing=True)
        registration = session.execute(again).scalar_one()
    return registration


def whole() -> Any:
    """Registrations with their event, its seats, and who comes."""
    return select(Registration).options(
        joinedload(Registration.event).joinedload(Event.seats), selectinload(Registration.attendees)
    )


def find(session: Session, token: str, *, locked: bool = False) -> Registration:
    """The registration that `token` was signed for; LinkNotFound for anything else."""
    wanted = whole().where(Registration.id == links.subject(token))
    if locked:
        wanted = wanted.with_for_update(of=Registration)
    registration: Registration | None = session.execute(wanted).scalar_one_or_none()
    if registration is None:
        raise LinkNotFound
    links.verify(bookings.PURPOSE, token, registration.link_version, key=current().link_key)
    telemetry.concerns(registration.id)
    return registration


def seen(registration: Registration, *, at: datetime) -> dict[str, Any]:
    """What the registrant may know of their seats."""
    event, live = registration.event, registration.cancelled_at is None
    names = ("id", "status", "seats", "attendees", "confirmed_at", "cancelled_at", "cancel_reason")
    return {name: getattr(registration, name) for name in names} | {
        "can_withdraw": live and event.cancelled_at is None and at < event.withdrawable_until,
        "event": shown(event, to=None, at=at) | ({"online_url": event.online_url} if live else {}),
    }
