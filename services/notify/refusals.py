"""Refusals: how many emails were refused for good in the last hours, for those who run the system."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

LATELY = timedelta(hours=6)
REFUSED = text("select count(*) from emails where status = 'failed' and given_up_at > :since")
"""By ix_emails_refused."""


def lately(session: Session, at: datetime) -> dict[str, int]:
    """By what was to leave, how many of it never will: refused at once, or given up after a day."""
    return {"emails": session.execute(REFUSED, {"since": at - LATELY}).scalar_one()}
