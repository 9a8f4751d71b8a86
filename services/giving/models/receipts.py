"""Tax receipts: numbered without gaps, frozen, chained; and what became of each gift on the way to one.

What is written of a receipt is never updated or deleted: a void is a row of its own.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor
from shared.errors import Conflict
from shared.once import ONCE_KEY, Once

APPEND_ONLY = {"info": {"append_only": True}}

INCOME_TAX, COMPANIES, WEALTH_TAX = "200", "238bis", "978"
ARTICLES = (INCOME_TAX, COMPANIES, WEALTH_TAX)
"""The articles of the tax code that a receipt opens the reduction of."""
VOID_REASONS = ("refund", "dispute", "counterpart", "error")


class ReceiptAlreadyVoided(Conflict):
    """This receipt was voided already."""


class ReceiptNotPossible(Conflict):
    """No receipt can be issued for this gift now; `reasons` says why."""


class ReceiptDetailsFixed(Conflict):
    """The receipt of this gift was issued: the office corrects it."""


class Receipt(Base):
    """One tax receipt, as it was issued. `frozen` holds all that it says but whom it is made out to."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("entity_id", "series", "year", "number"),
        CheckConstraint("number > 0 and amount_minor > 0", name="positive"),
        CheckConstraint("article in ('200', '238bis', '978')", name="article"),
        CheckConstraint("first_on <= last_on", name="period"),
        Index("ix_receipts_newest", "issued_at", "id"),
        APPEND_ONLY,
    )

    id: Mapped[Id]
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    series: Mapped[str]
    year: Mapped[int]
    """The year of issue: the first receipt of a year is number 1."""
    number: Mapped[int]
    article: Mapped[str]
    party_id: Mapped[UUID]
    """Whom the donor counted as when it was issued."""
    amount_minor: Mapped[Minor]
    currency: Mapped[str]
    first_on: Mapped[date]
    last_on: Mapped[date]
    """The days of the first and the last payment it covers; one gift has one day."""
    issued_at: Mapped[Instant]
    issued_by: Mapped[UUID | None]
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipts.id"))
    frozen: Mapped[dict[str, Any]] = mapped_column(JSONB)

    @property
    def order_number(self) -> str:
        """What is printed: `FUV-2026-000042`."""
        return f"{self.series}-{self.year}-{self.number:06d}"


class ReceiptAddressee(Base):
    """Whom a receipt is made out to, beside it: the chain holds its hash, not the name.

    So a name can be taken away after the years it must be kept, and the chain stays whole.
    """

    __tablename__ = "receipt_addressees"
    __table_args__ = (APPEND_ONLY,)

    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("receipts.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ReceiptLine(Base):
    """One gift on a receipt. `turn` counts the receipts that it was on before, all voided.

    The key on gift and turn, and the trigger `receipt_line_free`, keep a gift on one valid receipt at most.
    """

    __tablename__ = "receipt_lines"
    __table_args__ = (
        UniqueConstraint("donation_id", "turn"),
        CheckConstraint("amount_minor > 0 and turn >= 0", name="positive"),
        APPEND_ONLY,
    )

    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("receipts.id"), primary_key=True)
    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"), primary_key=True)
    turn: Mapped[int]
    amount_minor: Mapped[Minor]
    paid_on: Mapped[date]
    means: Mapped[str]


class ReceiptVoid(Base):
    """A receipt that counts no more; it is kept, and shown as voided."""

    __tablename__ = "receipt_voids"
    __table_args__ = (
        CheckConstraint("reason in ('refund', 'dispute', 'counterpart', 'error')", name="reason"),
        APPEND_ONLY,
    )

    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("receipts.id"), primary_key=True)
    reason: Mapped[str]
    note: Mapped[str]
    voided_at: Mapped[Instant]
    voided_by: Mapped[UUID | None]


class ReceiptChainLink(Base):
    """One fact of an entity's chain: a receipt issued, or one voided (services/giving/receipt_chain.py)."""

    __tablename__ = "receipt_chain"
    __table_args__ = (
        UniqueConstraint("receipt_id", "fact"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("fact in ('issued', 'voided')", name="fact"),
        APPEND_ONLY,
    )

    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("receipts.id"))
    fact: Mapped[str]
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class ReceiptSeries(Base):
    """The counter row of a series and year: a number is taken in the transaction that issues the receipt."""

    __tablename__ = "receipt_series"
    __table_args__ = (CheckConstraint("last_number > 0", name="positive"),)

    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"), primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]


class ReceiptCase(Base):
    """A settled gift on its way to a receipt: on which one it is, or why it is on none.

    `look_at` is when to look again; null when only a change can help, which then says so (receipt_cases.py).
    """

    __tablename__ = "receipt_cases"
    __table_args__ = (
        CheckConstraint("receipt_id is null or (look_at is null and reasons = '{}')", name="issued"),
        Index("ix_receipt_cases_look_at", "look_at", postgresql_where=text("look_at is not null")),
        Index(
            "ix_receipt_cases_open",
            "entity_id",
            "donation_id",
            postgresql_where=text("receipt_id is null"),
        ),
        Index("ix_receipt_cases_receipt_id", "receipt_id", postgresql_where=text("receipt_id is not null")),
    )

    donation_id: Mapped[UUID] = mapped_column(ForeignKey("donations.id"), primary_key=True)
    entity_id: Mapped[UUID]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    receipt_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipts.id"))
    look_at: Mapped[datetime | None]


class ReceiptBatch(Once, Base):
    """The yearly receipts of one entity, issued in the background, a few donors at a time."""

    __tablename__ = "receipt_batches"
    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("done >= 0 and issued >= 0", name="counts"),
        Index("ix_receipt_batches_open", "asked_at", postgresql_where=text("finished_at is null")),
    )

    id: Mapped[Id]
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    year: Mapped[int]
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[Instant]
    expected: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    issued: Mapped[int] = mapped_column(default=0)
    after: Mapped[UUID | None]
    """The last donor that was looked at; the batch goes on behind them."""
    finished_at: Mapped[datetime | None]
