"""An email to one party: one for each (message, template, recipient), whatever is delivered twice."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Index, SmallInteger, Text, UniqueConstraint, and_, exists, or_, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from services.notify.models.base import Base
from services.notify.models.gift import Gift
from services.notify.models.registration import Registration
from shared.db import Id, Instant
from shared.errors import Conflict

STALE_AFTER = timedelta(days=3)
GIVE_UP = timedelta(hours=24)
CLAIM = timedelta(seconds=90)
"""Longer than the mailer's limit on one conversation: a claim that lapses belongs to a dead process."""

UNREACHED, REFUSING, SERVER, MAILBOX = "unreached", "refusing", "server", "mailbox"
BACK_OFF_S = {
    UNREACHED: (2, 5, 10, 30),
    REFUSING: (2, 5, 10, 30),
    SERVER: (2, 5, 15, 60, 300, 900, 1800, 3600),
    MAILBOX: (60, 300, 900, 1800, 3600, 7200),
}
"""By class of trouble. unreached: no connection, nothing was learned about this email. refusing: the server
answers and takes nothing from us, whatever the email. server: cut off on the way, or an answer about the
server and not about the email. mailbox: grey listing, quota, load of one mailbox, which ask for minutes."""


OUTDATED = {
    "gift_received": "The gift that this email thanks for went back to its donor.",
    "registration_confirmed": "The registration that this email speaks of was cancelled, or its event moved.",
}


class EmailCannotBeResent(Conflict):
    """This email can no longer be sent again."""


class SignInLinkNotResent(EmailCannotBeResent):
    """A link to sign in is sent to nobody but who asks for one themselves."""


class Email(Base):
    """Queued, committed as `sending` before the first byte leaves, then sent or failed.

    stale: the fact was old when it was heard. held: it was perhaps sent before a restore, staff decide.
    unsure: no address is known for certain, staff decide. suppressed: the person died or was erased.
    The stored body shows ••• where a secret stands; the secrets themselves are kept sealed, and only until
    `secrets_until`.
    """

    __tablename__ = "emails"
    __table_args__ = (
        UniqueConstraint("message_id", "template", "party_id", "copy"),
        CheckConstraint(
            "status in ('queued','sending','sent','failed','stale','held','unsure','suppressed')",
            name="status",
        ),
        CheckConstraint("(status = 'sent') = (sent_at is not null)", name="sent"),
        CheckConstraint("status <> 'failed' or given_up_at is not null", name="given_up"),
        CheckConstraint("status not in ('queued','sending') or to_address is not null", name="addressed"),
        CheckConstraint("(copy = 0) = (resend_of is null)", name="resent"),
        CheckConstraint("trouble in ('unreached','refusing','server','mailbox')", name="trouble"),
        Index(
            "ix_emails_due",
            "priority",
            "next_attempt_at",
            postgresql_where=text("status in ('queued','sending')"),
        ),
        Index("ix_emails_party", "party_id", "id"),
        Index("ix_emails_refused", "given_up_at", postgresql_where=text("status = 'failed'")),
        Index("ix_emails_secrets", "secrets_until", postgresql_where=text("secrets is not null")),
    )

    id: Mapped[Id]
    message_id: Mapped[uuid.UUID]
    template: Mapped[str] = mapped_column(Text)
    party_id: Mapped[uuid.UUID]
    copy: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    resend_of: Mapped[uuid.UUID | None]
    correlation_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    locale: Mapped[str] = mapped_column(Text)
    to_address: Mapped[str | None] = mapped_column(Text)
    to_name: Mapped[str] = mapped_column(Text, server_default="")
    typed: Mapped[bool]
    subject: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    secrets: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    secrets_until: Mapped[Instant | None]
    calendar: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the calendar file that goes with it says."""
    useful_until: Mapped[Instant | None]
    header_id: Mapped[str] = mapped_column(Text, unique=True)
    status: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    occurred_at: Mapped[Instant]
    created_at: Mapped[Instant]
    next_attempt_at: Mapped[Instant]
    attempts: Mapped[int] = mapped_column(server_default="0")
    answer_code: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(Text)
    trouble: Mapped[str | None] = mapped_column(Text)
    """Why it was put off, by class; None when it was not."""
    sent_at: Mapped[Instant | None]
    given_up_at: Mapped[Instant | None]
    asked_by: Mapped[uuid.UUID | None]
    outdated: Mapped[bool] = column_property(
        or_(
            and_(
                template == "gift_received",
                exists().where(
                    Gift.donation_id == correlation_id,
                    Gift.refunded_minor + Gift.disputed_minor >= Gift.amount_minor,
                ),
            ),
            and_(
                template.in_(("registration_confirmed", "registration_rescheduled")),
                exists().where(
                    Registration.registration_id == correlation_id,
                    or_(
                        Registration.cancelled_at.is_not(None),
                        Registration.revision > calendar["revision"].as_integer(),
                    ),
                ),
            ),
        ),
        deferred=True,
    )
    """Untrue by now: the gift went back, the seats were given back, or the event moved."""

    @property
    def has_calendar(self) -> bool:
        """Whether a calendar file goes with it."""
        return self.calendar is not None

    def claim(self, *, at: datetime) -> None:
        """Ours until the claim lapses, whatever becomes of this process."""
        self.status = "sending"
        self.attempts += 1
        self.next_attempt_at = at + CLAIM

    def left(self, *, code: int, at: datetime) -> None:
        """The server took it."""
        self.status, self.sent_at, self.answer_code, self.reason = "sent", at, code, None
        self.trouble = None

    def refused(self, *, code: int | None, reason: str, at: datetime) -> None:
        """Refused for good: trying again would only annoy."""
        self.status, self.given_up_at = "failed", at
        self.answer_code, self.reason, self.trouble = code, reason, None

    def put_off(self, *, trouble: str, code: int | None, reason: str, at: datetime) -> None:
        """Not now: again after a pause that grows by the class of trouble, for a day at most."""
        self.answer_code, self.reason, self.trouble = code, reason, trouble
        steps = BACK_OFF_S[trouble]
        due = at + timedelta(seconds=steps[min(self.attempts, len(steps)) - 1])
        if due - self.created_at < GIVE_UP:
            self.status, self.next_attempt_at = "queued", due
        else:
            self.status, self.given_up_at = "failed", at

    def withhold(self, status: str, *, reason: str, at: datetime) -> None:
        """Not to be sent after all: stale or suppressed, and why."""
        self.status, self.reason, self.given_up_at = status, reason, at

    def outlived(self, *, at: datetime) -> bool:
        """Whether it would say something that no longer holds, such as a link that ran out."""
        return self.useful_until is not None and self.useful_until <= at

    def refuse_copy(self, *, at: datetime) -> None:
        """EmailCannotBeResent for what was erased, no longer holds or signs in, or whose secret is gone."""
        if self.template == "sign_in_link":
            raise SignInLinkNotResent
        if not self.text or self.outlived(at=at):
            raise EmailCannotBeResent
        if self.outdated:
            raise EmailCannotBeResent(OUTDATED.get(self.template, OUTDATED["registration_confirmed"]))
        if self.facts is not None and self.secrets is None:
            raise EmailCannotBeResent("The link in this email is gone; a new one must be asked for.")
