"""The tables of events and their rules: no Flask, no I/O, one file per noun."""

from services.events.models.attendees import Attendee
from services.events.models.base import Base, Transaction, database
from services.events.models.events import Event
from services.events.models.registrants import Registrant
from services.events.models.registrations import Registration
from services.events.models.seats import EventSeats

__all__ = [
    "Attendee",
    "Base",
    "Event",
    "EventSeats",
    "Registrant",
    "Registration",
    "Transaction",
    "database",
]
