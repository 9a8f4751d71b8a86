"""An account: how a person signs in, and the rights it was granted."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.directory.models.base import Base
from services.directory.models.people import Person
from shared.db import Id, Instant


class Account(Base):
    """One person's door. Any staff right makes TOTP compulsory; a link never opens such an account.

    `totp_sealed` is the authenticator's secret, encrypted, and waits for its first code from
    `totp_begun_at`; `totp_step` is the last 30 s step a code was accepted for, so that a code seen over a
    shoulder opens nothing.
    """

    __tablename__ = "accounts"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"), unique=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    totp_sealed: Mapped[str | None]
    totp_begun_at: Mapped[datetime | None]
    totp_confirmed_at: Mapped[datetime | None]
    totp_step: Mapped[int | None]
    opened_at: Mapped[Instant] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(lazy="raise_on_sql")
    grants: Mapped[list["Grant"]] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", order_by="Grant.right"
    )

    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email"),
        CheckConstraint("totp_confirmed_at is null or totp_sealed is not null", name="totp"),
    )

    @property
    def rights(self) -> list[str]:
        """What it was granted, in order."""
        return [grant.right for grant in self.grants]

    @property
    def is_staff(self) -> bool:
        """True when it holds any staff right."""
        return bool(self.grants)


class Grant(Base):
    """One right of one account, and who granted it (null: the installation itself)."""

    __tablename__ = "grants"

    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    right: Mapped[str] = mapped_column(primary_key=True)
    granted_by: Mapped[uuid.UUID | None]
    granted_at: Mapped[Instant]


class RecoveryCode(Base):
    """A code that stands in for the authenticator once, kept as its hash."""

    __tablename__ = "recovery_codes"

    id: Mapped[Id]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_recovery_codes_code", "account_id", "code_hash", unique=True),
        CheckConstraint("length(code_hash) = 32", name="hashed"),
    )
