"""Waits: since when the oldest email and the oldest delivery wait that should have left."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

OLDEST = text("""
select
  (select min(created_at) from emails
   where status in ('queued', 'sending') and trouble is distinct from 'mailbox') as emails,
  (select min(d.created_at) from deliveries d join subscriptions s on s.id = d.subscription_id
   where d.status in ('queued', 'sending') and s.active and s.deleted_at is null) as deliveries
""")
"""By ix_emails_due. An email that one mailbox puts off says nothing of the mail server; answers.py tells
them apart."""


def oldest(session: Session) -> dict[str, datetime | None]:
    """By what waits, since when; None when nothing does."""
    return session.execute(OLDEST).one()._asdict()
