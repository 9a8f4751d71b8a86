"""Emails: the mailbox that staff read, and the queue."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from marshmallow import Schema, fields, validate
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased, undefer

from services.notify import parties, templates
from services.notify.addresses import Destination
from services.notify.models import Email, Transaction
from services.notify.models.email import STALE_AFTER
from services.notify.settings import NotifySettings
from shared.db import uuid7
from shared.errors import NotFound
from shared.http import Blueprint
from shared.messages import MASK, Message
from shared.names import is_name
from shared.pages import PageQuery, page, paged

STATUSES = ("queued", "sending", "sent", "failed", "stale", "held", "unsure", "suppressed")

routes = Blueprint("emails", __name__, url_prefix="/api/v1/notify/emails")


class EmailQuery(PageQuery):
    """Which emails: words of the address, name or subject; the other fields match exactly.

    `resent=false` leaves out those that were sent again since: what became of them is told by the repeat.
    """

    q = fields.String(validate=validate.Length(1, 200))
    status = fields.String(validate=validate.OneOf(STATUSES))
    party_id = fields.UUID()
    correlation_id = fields.UUID()
    resent = fields.Boolean(truthy={"true"}, falsy={"false"})


class EmailListed(Schema):
    """An email in a list: everything but its body."""

    id = fields.UUID()
    template = fields.String()
    party_id = fields.UUID()
    correlation_id = fields.UUID(allow_none=True)
    locale = fields.String()
    to_address = fields.String(allow_none=True)
    to_name = fields.String()
    subject = fields.String()
    status = fields.String(validate=validate.OneOf(STATUSES))
    reason = fields.String(allow_none=True, metadata={"description": "why it was not sent, or not yet"})
    attempts = fields.Integer()
    answer_code = fields.Integer(allow_none=True, metadata={"description": "the mail server's last answer"})
    created_at = fields.AwareDateTime()
    next_attempt_at = fields.AwareDateTime()
    sent_at = fields.AwareDateTime(allow_none=True)
    resend_of = fields.UUID(allow_none=True)
    outdated = fields.Boolean(
        metadata={
            "description": "a gift that went back since, a registration cancelled since: not sent again"
        }
    )


class EmailShown(EmailListed):
    """An email as it was sent; where a secret stood, the body shows •••."""

    html = fields.String()
    text = fields.String()
    message_id = fields.UUID(metadata={"description": "the message that led to it"})
    header_id = fields.String(metadata={"description": "its Message-ID"})
    occurred_at = fields.AwareDateTime(metadata={"description": "the time of the fact it tells"})
    has_calendar = fields.Boolean(metadata={"description": "a calendar file goes with it"})


@routes.get("", allow="mailings.read")
@routes.arguments(EmailQuery, location="query")
@routes.response(200, paged(EmailListed))
def index(query):
    """Emails, the newest first."""
    with Transaction() as session:
        return page(
            session,
            _found(session, query),
            after=query["after"],
            limit=query["limit"],
            keys=[Email.id.desc()],
        )


@routes.get("/<uuid:email_id>", allow="mailings.read")
@routes.response(200, EmailShown)
def show(email_id):
    """One email, with its body."""
    with Transaction() as session:
        email = session.get(Email, email_id, options=[undefer(Email.outdated)])
        if email is None:
            raise NotFound
        return email


_again = aliased(Email)
_LATER = select(_again.id).where(
    _again.message_id == Email.message_id,
    _again.template == Email.template,
    _again.party_id == Email.party_id,
    _again.copy > Email.copy,
)


def _found(session: Session, query: Mapping[str, Any]) -> Any:
    found = select(Email).options(undefer(Email.outdated))
    for name in ("status", "correlation_id"):
        if name in query:
            found = found.where(getattr(Email, name) == query[name])
    if "party_id" in query:
        found = found.where(Email.party_id.in_(parties.ids(session, query["party_id"])))
    if "resent" in query:
        found = found.where(_LATER.exists() if query["resent"] else ~_LATER.exists())
    if "q" in query:
        words = (Email.to_address, Email.to_name, Email.subject)
        found = found.where(or_(*(column.icontains(query["q"], autoescape=True) for column in words)))
    return found


QUEUE = (
    insert(Email.__table__)
    .on_conflict_do_nothing(index_elements=["message_id", "template", "party_id", "copy"])
    .returning(Email.__table__.c.id)
)


def queue(
    session: Session,
    *,
    message: Message,
    template: str,
    to: Destination,
    party_id: UUID,
    facts: Mapping[str, Any],
    occurred_at: datetime,
    at: datetime,
    settings: NotifySettings,
    secrets: Mapping[str, str] | None = None,
    secrets_until: datetime | None = None,
    calendar: Mapping[str, Any] | None = None,
    useful_until: datetime | None = None,
    priority: int = 1,
) -> UUID | None:
    """Queue one email, or store why it is withheld; None when this message had already queued it.

    `secrets` are sealed values by the name that the letter knows them under; `calendar` is what the calendar
    file that goes with it says (services/notify/attachments.py). Who is kept under what is no
    name, from before names were held to a rule, is written to without it.
    """
    greeted = to.given_name if is_name(to.given_name) else ""
    told = {"school": settings.school_name, "given_name": greeted, **facts}
    shown = templates.render(template, to.locale, told | dict.fromkeys(secrets or {}, MASK))
    status, reason = _standing(to, occurred_at=occurred_at, at=at, not_before=settings.not_before)
    values = {
        "id": uuid7(),
        "message_id": message.message_id,
        "template": template,
        "party_id": party_id,
        "correlation_id": message.correlation_id,
        "locale": to.locale,
        "to_address": to.address,
        "to_name": to.name,
        "typed": to.typed,
        "subject": shown.subject,
        "html": shown.html,
        "text": shown.text,
        "facts": told if secrets else None,
        "secrets": dict(secrets) if secrets else None,
        "secrets_until": secrets_until if secrets else None,
        "calendar": dict(calendar) if calendar else None,
        "useful_until": useful_until,
        "header_id": header_id(message.message_id, template, party_id, settings=settings),
        "status": status,
        "reason": reason,
        "priority": priority,
        "occurred_at": occurred_at,
        "created_at": at,
        "next_attempt_at": at,
    }
    return session.execute(QUEUE, values).scalar_one_or_none()


def _standing(
    to: Destination, *, occurred_at: datetime, at: datetime, not_before: datetime | None
) -> tuple[str, str | None]:
    if to.withheld is not None:
        return to.withheld, to.reason
    if at - occurred_at > STALE_AFTER:
        return "stale", "the fact was more than three days old when it was heard"
    if not_before is not None and occurred_at < not_before:
        return "held", "perhaps sent before the database was restored from a backup"
    return "queued", None


def header_id(
    message_id: UUID, template: str, party_id: UUID, *, copy: int = 0, settings: NotifySettings
) -> str:
    """The Message-ID: the same at every attempt, and when a lost email is made anew from the same message.

    So a mailbox can drop a repeat, even one that this database no longer knows of.
    """
    name = uuid5(message_id, f"{template}/{party_id}/{copy}")
    return f"<{name}@{settings.email_from.rpartition('@')[2].rstrip('>')}>"
