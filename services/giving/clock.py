"""Days, as the school counts them."""

from datetime import date, datetime

from services.giving.settings import current


def today(at: datetime) -> date:
    """The day that `at` belongs to where the school is."""
    return at.astimezone(current().zone).date()
