"""Paths: the steps of one registration that events knows of, each with its time."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, joinedload

from services.events.models import Registration
from shared.paths import Step
from shared.system import May

CANCELLED = {
    "withdrawn": ("par la personne inscrite", "by the registrant"),
    "by_staff": ("par l’équipe", "by staff"),
    "event_cancelled": ("l’événement n’aura pas lieu", "the event will not take place"),
}


def steps(session: Session, correlation_id: UUID, may: May) -> list[Step]:
    """What happened to the registration of this id; nothing for an id that is no registration's."""
    registration = session.get(Registration, correlation_id, options=[joinedload(Registration.event)])
    if registration is None:
        return []
    how = ("avec un compte", "signed in") if registration.signed_in else ("sans compte", "without an account")
    facts = {"registration_id": str(registration.id), "event": registration.event.slug}
    seats = facts | {"seats": registration.seats}
    found = [
        _step(registration.created_at, "registered", ("Formulaire rempli", "Form filled in"), how, facts),
        _step(registration.confirmed_at, "confirmed", ("Places réservées", "Seats taken"), None, seats),
    ]
    if registration.cancelled_at is not None:
        why = CANCELLED[registration.cancel_reason or ""]
        title = ("Places libérées", "Seats given back")
        found.append(_step(registration.cancelled_at, "cancelled", title, why, seats))
    return found


def _step(
    at: Any, kind: str, title: tuple[str, str], detail: tuple[str, str] | None, facts: dict[str, Any]
) -> Step:
    shown = {"fr": detail[0], "en": detail[1]} if detail else None
    return Step(at, kind, {"fr": title[0], "en": title[1]}, shown, dict(facts))
