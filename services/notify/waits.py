"""Waits: since when the oldest email and the oldest delivery wait that should have left."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

OLDEST = text("""
select
  (select min(created_at) from emails
   where status in ('queued', 'sending') and (answer_code is null or answer_code in (-1, 421))) as emails,
  (select min(d.created_at) from deliveries d join subscriptions s on s.id = d.subscription_id
   where d.status in ('queued', 'sending') and s.active and s.deleted_at is null) as deliveries
""")
"""An email that one mailbox puts off (450, 451, 452) says nothing of the mail server."""


def oldest(session: Session) -> dict[str, datetime | None]:
    """By what waits, since when; None when nothing does."""
    return session.execute(OLDEST).one()._asdict()
