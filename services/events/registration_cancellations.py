"""Registration cancellations: seats taken back by staff."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from services.events import bookings
from services.events.models import Registration, Transaction
from services.events.models.registrations import STATUSES
from services.events.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.errors import NotFound
from shared.http import Blueprint

routes = Blueprint("registration_cancellations", __name__, url_prefix="/api/v1/events/registrations")


class RegistrationEnded(Schema):
    """What who takes seats back is answered: whose they were is another right."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))


@routes.post("/<uuid:registration_id>/cancellations", allow="events.manage")
@routes.response(201, RegistrationEnded)
def create(registration_id: UUID) -> Any:
    """Take the seats back; the registrant is told. A second time changes nothing."""
    with Transaction() as session:
        return cancel(session, registration_id, by=caller().person_id, at=now())


def cancel(session: Session, registration_id: UUID, *, by: UUID | None, at: datetime) -> Registration:
    """Take a registration's seats back, for staff."""
    wanted = select(Registration).where(Registration.id == registration_id)
    locked = wanted.options(joinedload(Registration.event)).with_for_update(of=Registration)
    registration: Registration | None = session.execute(locked).scalar_one_or_none()
    if registration is None:
        raise NotFound
    if registration.cancelled_at is None:
        bookings.end(session, registration.event, [registration.id], reason="by_staff", at=at)
        audit.record(
            session,
            by=by,
            action="registration.cancelled",
            subject=("registration", registration_id),
            fields=[],
            right="events.manage",
            at=at,
            key=current().link_key,
        )
    return registration
