"""What a browser or a phone holds after signing in, and the links that sign in by email."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.directory.models.accounts import Account
from services.directory.models.base import Base
from shared.db import Id, Instant

STRONG = ("totp", "recovery_code")
LINK_LIVES = timedelta(minutes=15)
ALUMNI_IDLE, ALUMNI_ABSOLUTE = timedelta(days=14), timedelta(days=90)
STAFF_IDLE, STAFF_ABSOLUTE = timedelta(hours=2), timedelta(hours=12)


class SignInSession(Base):
    """A signed-in device. Its 128-bit secret is kept as a hash; the id (`sid` of tokens) is no secret."""

    __tablename__ = "sessions"

    id: Mapped[Id]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    method: Mapped[str]
    opened_at: Mapped[Instant]
    seen_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[datetime | None]
    address: Mapped[str | None]
    device: Mapped[str | None]

    account: Mapped[Account] = relationship(lazy="raise_on_sql")

    __table_args__ = (
        CheckConstraint("method in ('password', 'link', 'totp', 'recovery_code')", name="method"),
        CheckConstraint("length(secret_hash) = 32", name="hashed"),
        Index("ix_sessions_account_id", "account_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_sessions_expires_at", "expires_at"),
    )

    @property
    def is_strong(self) -> bool:
        """Signed in with a second factor: the only kind of session that carries staff rights."""
        return self.method in STRONG

    def is_live(self, at: datetime) -> bool:
        """Neither ended, nor past its absolute limit, nor idle for too long.

        The limits are those of the account as it is now: one that became staff has those of staff. The
        account and its grants are loaded.
        """
        staff = self.account.is_staff
        idle, absolute = (STAFF_IDLE, STAFF_ABSOLUTE) if staff else (ALUMNI_IDLE, ALUMNI_ABSOLUTE)
        ends_at = min(self.expires_at, self.opened_at + absolute, self.seen_at + idle)
        return self.ended_at is None and at < ends_at


class SignInRequest(Base):
    """Somebody typed an address to get a link. Known and unknown addresses leave the same row here;
    the worker issues links from it, so that the answer at the door tells nothing, not even by its time.
    """

    __tablename__ = "sign_in_requests"

    id: Mapped[Id]
    email: Mapped[str]
    locale: Mapped[str]
    next: Mapped[str | None]
    asked_at: Mapped[Instant]


class SignInLink(Base):
    """A link that signs a person in: 128 bits kept as a hash, 15 minutes, once."""

    __tablename__ = "sign_in_links"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    email: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    next: Mapped[str | None]
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("length(secret_hash) = 32", name="hashed"),
        CheckConstraint("expires_at <= issued_at + interval '15 minutes'", name="short"),
        Index("ix_sign_in_links_expires_at", "expires_at"),
    )
