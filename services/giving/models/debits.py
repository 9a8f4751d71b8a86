"""Debits: a gift promised by SEPA direct debit. It is given when its bank has paid, days later."""

from datetime import date, datetime, timedelta
from uuid import UUID

from dateutil.easter import easter
from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Instant

NOTICE = timedelta(days=2)
"""What the mandate signed at the provider agrees to, in place of the fourteen days of the scheme."""


class Debit(Base):
    """What was signed on one payment page. Mandate and day come with the provider's own record."""

    __tablename__ = "debits"
    __table_args__ = (
        CheckConstraint(
            "(announced_at is null) = (debit_on is null)"
            " and (announced_at is null) = (mandate_reference is null)",
            name="announced",
        ),
        Index("ix_debits_donation_id", "donation_id"),
        Index("ix_debits_unannounced", "retry_at", postgresql_where=text("announced_at is null")),
    )

    checkout_id: Mapped[UUID] = mapped_column(ForeignKey("checkouts.id"), primary_key=True)
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"))
    account: Mapped[str]
    payment_id: Mapped[str]
    creditor_id: Mapped[str]
    """SEPA creditor identifier of the entity, as it was when the donor signed."""
    promised_at: Mapped[Instant]
    retry_at: Mapped[Instant]
    """When to ask the provider (again) for the mandate."""
    mandate_reference: Mapped[str | None]
    country: Mapped[str | None]
    last4: Mapped[str | None]
    debit_on: Mapped[date | None]
    """The day from which the bank may be debited, as the donor was told."""
    announced_at: Mapped[datetime | None]

    def announce(self, *, reference: str, country: str | None, last4: str | None, at: datetime) -> None:
        """The donor is told when, by whom and under which mandate."""
        self.mandate_reference, self.country, self.last4 = reference, country, last4
        self.debit_on, self.announced_at = first_day(at.date()), at


def first_day(told_on: date) -> date:
    """The first day on which a debit told of on `told_on` may come: after the notice, when banks work."""
    day = told_on + NOTICE
    while not banks_work(day):
        day += timedelta(days=1)
    return day


def banks_work(day: date) -> bool:
    """Whether euro payments are settled on a day: TARGET closes on weekends and six days a year."""
    sunday = easter(day.year)
    closed = {(1, 1), (5, 1), (12, 25), (12, 26)}
    moving = {sunday - timedelta(days=2), sunday + timedelta(days=1)}
    return day.weekday() < 5 and (day.month, day.day) not in closed and day not in moving


def is_creditor_id(text: str) -> bool:
    """Whether the check digits of a SEPA creditor identifier are right (ISO 7064, business code left out)."""
    if len(text) < 8 or not text.isalnum() or not text.isascii() or text != text.upper():
        return False
    rearranged = text[7:] + text[:4]
    return int("".join(str(int(each, 36)) for each in rearranged)) % 97 == 1
