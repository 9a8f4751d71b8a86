"""Sendings: an email on its way out: claimed, opened, handed to the mail server, and what came of it."""

from datetime import datetime
from uuid import UUID

from jinja2 import TemplateError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.notify import addresses, attachments, registrations, templates, timelines
from services.notify.answers import LATER, LETTER, NEVER, Outcome
from services.notify.mailer import Mailer, Outgoing
from services.notify.models import SERVER, Email
from services.notify.settings import NotifySettings
from shared.db import lock
from shared.messages import SecretUnreadable, reveal
from shared.names import is_name

QUIET = frozenset({"sign_in_link"})
"""Letters that leave no line in a story."""


DUE = text("""
select id from emails where status in ('queued', 'sending') and next_attempt_at <= :at
order by priority, next_attempt_at limit 1 for update skip locked
""")
"""By ix_emails_due."""


def claim(session: Session, *, at: datetime) -> Email | None:
    """The next email that is due, marked as being sent; the caller commits before the first byte leaves.

    An email whose claim lapsed belonged to a process that died: it is due again, under the same Message-ID.
    """
    while (due := session.execute(DUE, {"at": at}).scalar_one_or_none()) is not None:
        email = session.get_one(Email, due)
        if _may_leave(session, email, at=at):
            email.claim(at=at)
            return email
        session.flush()
    return None


def _may_leave(session: Session, email: Email, *, at: datetime) -> bool:
    if email.outlived(at=at):
        email.withhold("stale", reason="it ran out before it could be sent", at=at)
    elif (why := registrations.overtaken(session, email)) is not None:
        email.withhold("stale", reason=why, at=at)
    elif (why := addresses.forbidden(session, email)) is not None:
        email.withhold("suppressed", reason=why, at=at)
    return email.status in ("queued", "sending")


def attempt(email: Email, by: Mailer, settings: NotifySettings) -> Outcome:
    """Try once to hand an email over, with no transaction open; never raises."""
    try:
        opened = outgoing(email, settings)
    except (SecretUnreadable, TemplateError, LookupError) as error:
        return Outcome(NEVER, None, f"cannot be written: {type(error).__name__}", LETTER)
    return by.send(opened)


def outgoing(email: Email, settings: NotifySettings) -> Outgoing:
    """What leaves: the stored body, or the same with its secrets in place, which exist only here."""
    subject, html, text = email.subject, email.html, email.text
    opened: dict[str, str] = {}
    if email.secrets:
        opened = {name: reveal(sealed, settings.message_key) for name, sealed in email.secrets.items()}
        whole = templates.render(email.template, email.locale, {**(email.facts or {}), **opened})
        html, text = whole.html, whole.text
    assert email.to_address is not None
    return Outgoing(
        sender=settings.email_from,
        to_address=email.to_address,
        to_name=email.to_name if is_name(email.to_name) else "",
        subject=subject,
        html=html,
        text=text,
        message_id=email.header_id,
        date=email.created_at,
        locale=email.locale,
        calendar=_calendar(email, settings, online_url=opened.get("online_url", "")),
    )


def _calendar(email: Email, settings: NotifySettings, *, online_url: str) -> attachments.Attachment | None:
    if email.calendar is None:
        return None
    return attachments.calendar(email.calendar, email.locale, site=settings.public_url, online_url=online_url)


def conclude(
    session: Session, email_id: UUID, *, attempt: int, outcome: Outcome, at: datetime
) -> Email | None:
    """Write down how attempt number `attempt` ended; None when another process has taken over since."""
    email = lock(session, Email, email_id)
    if email.status != "sending" or email.attempts != attempt:
        return None
    if outcome.kind == LATER:
        email.put_off(trouble=outcome.trouble or SERVER, code=outcome.code, reason=outcome.reason, at=at)
    elif outcome.kind == NEVER:
        email.refused(code=outcome.code, reason=outcome.reason, at=at)
    else:
        email.left(code=outcome.code or 250, at=at)
        _tell(session, email, at=at)
    return email


def _tell(session: Session, email: Email, *, at: datetime) -> None:
    if email.template in QUIET:
        return
    timelines.add(
        session,
        message_id=email.id,
        party_id=email.party_id,
        kind="email_sent",
        source="notify",
        at=at,
        words=_words(email),
        correlation_id=email.correlation_id,
        ref=str(email.id),
    )


def _words(email: Email) -> dict[str, str]:
    if email.resend_of is None:
        return {"fr": f"Courriel envoyé\u00a0: {email.subject}", "en": f"Email sent: {email.subject}"}
    return {
        "fr": f"Courriel renvoyé par l’équipe\u00a0: {email.subject}",
        "en": f"Email sent again by the office: {email.subject}",
    }


def forget_secrets(session: Session, *, at: datetime) -> int:
    """Drop sealed secrets once their time has passed; how many emails.

    What they were rendered with stays: facts without secrets say that the link in an email is gone.
    """
    spent = (
        select(Email)
        .where(Email.secrets.is_not(None), Email.secrets_until <= at)
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    count = 0
    for count, email in enumerate(session.execute(spent).scalars(), 1):  # noqa: B007
        email.secrets = None
    return count
