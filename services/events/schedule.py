"""What events does by the clock."""

from datetime import datetime

from services.events import announcements, registration_records
from services.events.models import Transaction
from shared.jobs import every


@every(1)
def announce(at: datetime) -> int:
    """Registrations of events that were rescheduled or cancelled."""
    with Transaction() as session:
        return announcements.announce(session, at=at)


@every(60)
def fold_names(at: datetime) -> int:
    """Names in registrations older than the search by folded names."""
    with Transaction() as session:
        return registration_records.fold_older(session)
