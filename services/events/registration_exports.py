"""Registration exports: who comes to an event, as a file for a spreadsheet; each leaves a trace."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from services.events.agenda import LocaleQuery
from services.events.models import Registration, Transaction
from services.events.registration_records import RecordFilter, record, search
from services.events.settings import current
from shared import audit
from shared.auth import RightMissing, caller
from shared.clock import now
from shared.http import Blueprint
from shared.spreadsheets import csv_file, moment

routes = Blueprint("registration_exports", __name__, url_prefix="/api/v1/events/events")

BATCH = 1_000
"""So many registrations are held at once, whatever their number; of the others there is the text alone."""

HEADS = {
    "fr": (
        "Prénom",
        "Nom",
        "Place",
        "Inscrit par",
        "Courriel",
        "Inscrit le",
        "État",
        "Annulé le",
        "Référence",
    ),
    "en": (
        *("Given name", "Family name", "Seat", "Registered by", "Email", "Registered on", "Status"),
        *("Cancelled on", "Reference"),
    ),
}
STATUS = {
    "fr": {"confirmed": "confirmé", "cancelled": "annulé"},
    "en": {"confirmed": "confirmed", "cancelled": "cancelled"},
}


class ExportQuery(RecordFilter, LocaleQuery):
    """Which registrations, and in which language."""


@routes.get("/<uuid:event_id>/registration-exports", allow="people.export")
@routes.arguments(ExportQuery, location="query")
@routes.response(
    200, {"type": "string"}, content_type="text/csv", description="A CSV file, for a spreadsheet."
)
def show(query: dict[str, str], event_id: UUID) -> Response:
    """Who comes, as the list is filtered, a line a seat; without a filter those who gave theirs back too.

    `events.read` is needed as well.
    """
    if not caller().has("events.read"):
        raise RightMissing
    with Transaction() as session:
        text = export(session, event_id, **query, by=caller().person_id, at=now())
    name = {"Content-Disposition": "attachment; filename=amicale-inscriptions.csv"}
    return Response(text, content_type="text/csv; charset=utf-8", headers=name)


def export(
    session: Session,
    event_id: UUID,
    *,
    locale: str,
    by: UUID | None,
    at: datetime,
    q: str | None = None,
    status: str | None = None,
) -> str:
    """The file, and its row in the audit trail: who took names of which event."""
    found = search(session, event_id=event_id, q=q, status=status).order_by(Registration.id)
    each = session.execute(found.execution_options(yield_per=BATCH))
    text = csv_file(HEADS[locale], (row for one in each for row in _rows(record(*one), locale)))
    audit.record(
        session,
        by=by,
        action="registrations.exported",
        subject=("event", event_id),
        fields=[],
        right="people.export",
        at=at,
        key=current().link_key,
    )
    return text


def _rows(told: dict[str, Any], locale: str) -> list[list[str]]:
    """One line for each seat, all with the registrant's address."""
    registrant = told["attendees"][0]
    return [
        [
            each.given_name,
            each.family_name,
            str(each.position),
            f"{registrant.given_name} {registrant.family_name}".strip(),
            told["email"] or "",
            moment(told["confirmed_at"], locale),
            STATUS[locale][told["status"]],
            moment(told["cancelled_at"], locale),
            str(told["id"]),
        ]
        for each in told["attendees"]
    ]
