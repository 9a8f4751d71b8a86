"""Accounts: the link somebody asked for to sign in, and the news that a person has an account."""

from datetime import datetime

from sqlalchemy.orm import Session

from services.notify import addresses, changes, emails, parties, timelines
from services.notify.settings import NotifySettings
from shared.i18n import format_moment
from shared.messages import AccountOpened, SignInLinkIssued

FIRST = 0
"""Somebody is waiting in front of the screen: before any other email."""


def link_issued(
    session: Session, message: SignInLinkIssued, *, settings: NotifySettings, at: datetime
) -> None:
    """Send the link, sealed until it leaves and gone once it has run out."""
    contact = message.contact
    if contact is None:
        return
    to = addresses.choose(session, contact=contact, person_id=contact["person_id"])
    emails.queue(
        session,
        message=message,
        template="sign_in_link",
        to=to,
        party_id=contact["party_id"],
        facts={"until": format_moment(message.expires_at, to.locale)},
        secrets={"link": contact["link"]},
        secrets_until=message.expires_at,
        useful_until=message.expires_at,
        occurred_at=message.occurred_at or at,
        at=at,
        settings=settings,
        priority=FIRST,
    )


def opened(session: Session, message: AccountOpened, *, at: datetime) -> None:
    """A line in the person's story; the CRM hears of it when it knows the person."""
    timelines.add(
        session,
        message_id=message.message_id,
        party_id=message.person_id,
        kind="account_opened",
        source="directory",
        at=message.opened_at,
        words={"fr": "A ouvert un compte", "en": "Opened an account"},
        correlation_id=message.correlation_id,
        ref=str(message.account_id),
    )
    if parties.is_known(session, message.person_id):
        changes.record(
            session,
            party_id=parties.resolve(session, message.person_id),
            message_id=message.message_id,
            cause=message.type,
            occurred_at=message.opened_at,
            at=at,
            correlation_id=message.correlation_id,
        )
