"""Resends: an email sent once more because staff asked for it."""

from datetime import datetime, timedelta
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.notify import addresses, emails
from services.notify.addresses import Destination
from services.notify.models import Email, EmailCannotBeResent, Resend, Transaction
from services.notify.models.email import SignInLinkNotResent
from services.notify.settings import NotifySettings, current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.db import lock, uuid7
from shared.errors import DomainError
from shared.http import Blueprint, IdempotencyKey
from shared.limits import TooMany, limit
from shared.once import once

A_DAY = timedelta(hours=24)
RESENDS_A_DAY = 3
"""Of one email, whoever asks: more would be a nuisance to who reads them."""
RESENDS_AN_HOUR = 60
"""By one of the staff: enough for a morning after an outage, too few to flood anybody."""

OF_ITS_OWN = {
    *("id", "copy", "resend_of", "to_address", "header_id", "status", "created_at", "next_attempt_at"),
    *("attempts", "answer_code", "reason", "trouble", "sent_at", "given_up_at", "asked_by"),
}
"""What a repeat says of its own way; everything else it has from the first, whatever that may be one day."""
SAME = tuple(column.key for column in Email.__table__.c if column.key not in OF_ITS_OWN)

routes = Blueprint("resends", __name__, url_prefix="/api/v1/notify/emails")


class ResentOften(DomainError):
    """This email was sent again three times in the last 24 hours; wait until it may be once more."""

    status = 429

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after_s = max(1, round(retry_after.total_seconds()))


class ResendShown(Schema):
    """The email that repeats another: to read its subject, what it says, and to whom, is another right."""

    id = fields.UUID()
    status = fields.String(validate=validate.OneOf(emails.STATUSES))
    resend_of = fields.UUID(allow_none=True)


@routes.post(
    "/<uuid:email_id>/resends",
    allow="mailings.send",
    refuses=(EmailCannotBeResent, SignInLinkNotResent, ResentOften, TooMany),
)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, ResendShown)
def create(header, email_id):
    """Send it once more; while a repeat is on its way, that one is answered."""
    by, at = caller().person_id, now()
    with Transaction() as session:
        asked = once(session, Resend, header["key"], values={"asked_at": at}, claim_s=0)
        if not asked.repeated:
            asked.email_id = resend(session, email_id, by=by, at=at, settings=current()).id
            about = ("email", email_id)
            audit.record(session, by=by, action="email.resent", subject=about, at=at, right="mailings.send")
        return session.get_one(Email, asked.email_id)


def resend(session: Session, email_id: UUID, *, by: UUID, at: datetime, settings: NotifySettings) -> Email:
    """A new email with the same words, to the address known today; EmailCannotBeResent says why not.

    ResentOften and TooMany when it, or its sender, had enough; what is on its way already counts no more.
    """
    first = lock(session, Email, email_id)
    if first.resend_of is not None:
        first = lock(session, Email, first.resend_of)
    waiting = select(Email).where(Email.resend_of == first.id, Email.status.in_(("queued", "sending")))
    if (on_its_way := session.execute(waiting).scalars().first()) is not None:
        return on_its_way
    first.refuse_copy(at=at)
    _slow_down(session, first, by=by, at=at)
    to = _today(session, first)
    if to.withheld is not None:
        raise EmailCannotBeResent(f"There is no address to send it to: {to.reason}.")
    copies = select(func.max(Email.copy)).where(
        Email.message_id == first.message_id,
        Email.template == first.template,
        Email.party_id == first.party_id,
    )
    number = session.execute(copies).scalar_one() + 1
    email = Email(
        **{name: getattr(first, name) for name in SAME},
        id=uuid7(),
        copy=number,
        resend_of=first.id,
        to_address=to.address,
        status="queued",
        header_id=emails.header_id(
            first.message_id, first.template, first.party_id, copy=number, settings=settings
        ),
        created_at=at,
        next_attempt_at=at,
        asked_by=by,
    )
    session.add(email)
    session.flush()
    return email


def _slow_down(session: Session, first: Email, *, by: UUID, at: datetime) -> None:
    """`first` is locked, so that two who ask at once are counted one after the other."""
    lately = select(Email.created_at).where(Email.resend_of == first.id, Email.created_at > at - A_DAY)
    copies = session.execute(lately.order_by(Email.created_at.desc()).limit(RESENDS_A_DAY)).scalars().all()
    if len(copies) == RESENDS_A_DAY:
        raise ResentOften(copies[-1] + A_DAY - at)
    limit(session, "notify.resends", str(by), most=RESENDS_AN_HOUR, per_s=3600)


def _today(session: Session, email: Email) -> Destination:
    """Where a repeat goes: the typed address again, else the one known today, else the one used then."""
    today = addresses.choose(session, contact=None, person_id=email.party_id)
    if today.withheld == "suppressed":
        return today
    if email.to_address and (email.typed or today.withheld):
        return Destination(email.to_address)
    return today
