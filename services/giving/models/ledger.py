"""The ledger: double entry, append-only, balanced by the database itself (trigger in migration 0001)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "XID8"


BANK, PROVIDER, SUSPENSE, FEES = "bank", "provider", "suspense", "fees"
GIFTS, REFUNDS, DISPUTES = "gifts", "refunds", "disputes"
ACCOUNTS = (BANK, PROVIDER, SUSPENSE, GIFTS, REFUNDS, DISPUTES, FEES)
BY_CAMPAIGN = (GIFTS, REFUNDS, DISPUTES)
"""What a campaign raised is the sum of these: each of their entries names its fund and campaign."""

GIFT, FEE, REFUND, REFUND_RETURNED = "gift", "fee", "refund", "refund_returned"
DISPUTE, DISPUTE_WON = "dispute", "dispute_won"
SURPLUS, SURPLUS_REFUND = "surplus", "surplus_refund"
PAYOUT, PAYOUT_RETURNED, UNEXPLAINED, CORRECTION = "payout", "payout_returned", "unexplained", "correction"
KINDS = (
    GIFT, FEE, REFUND, REFUND_RETURNED, DISPUTE, DISPUTE_WON, SURPLUS, SURPLUS_REFUND,
    PAYOUT, PAYOUT_RETURNED, UNEXPLAINED, CORRECTION,
)  # fmt: skip


def _one_of(column: str, names: tuple[str, ...]) -> str:
    return f"{column} in ({', '.join(map(repr, names))})"


class LedgerTransaction(Base):
    """One fact in the books, at most once: what a gift, its fee or its refund did, a payout to the bank."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        CheckConstraint(_one_of("kind", KINDS), name="kind"),
        CheckConstraint("value_at < at", name="value_before_booking"),
        UniqueConstraint("entity_id", "kind", "reference"),
        Index("ix_ledger_transactions_donation_id", "donation_id"),
        Index("ix_ledger_transactions_journal", "entity_id", "at", "id"),
        {"info": {"append_only": True}},
    )

    id: Mapped[Id]
    kind: Mapped[str]
    entity_id: Mapped[UUID]
    donation_id: Mapped[UUID | None] = mapped_column(ForeignKey("donations.id"))
    """The gift that it is about; a payout is about none."""
    reference: Mapped[str]
    """The provider's id of the payment, balance transaction or refund behind it."""
    at: Mapped[Instant]
    """The day that counts in the books: when the money moved at the provider."""
    value_at: Mapped[datetime | None]
    """When it really moved, where that day was closed already and `at` is the first open one."""
    posted_at: Mapped[Instant]
    written_by: Mapped[str] = mapped_column(XID8, server_default=text("pg_current_xact_id()"))
    """The database transaction that wrote it: no entry is added in any other."""


class LedgerEntry(Base):
    """One side of a transaction. Corrections are reversing entries; nobody updates or deletes one.

    `bank` is what reached the entity's bank, `provider` what the payment provider holds for it, `fees` what
    that kept, `gifts` what was given to a fund by a campaign, `refunds` and `disputes` what of that went
    back, `suspense` what is held and not (yet) explained: a gift paid twice, say. Campaign and fund have no
    foreign key: both come from the locked donation, and two more checks a line would lock the campaign's row
    on the hottest path.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint(_one_of("account", ACCOUNTS), name="account"),
        CheckConstraint(
            "debit_minor >= 0 and credit_minor >= 0 and (debit_minor = 0) <> (credit_minor = 0)",
            name="one_side",
        ),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint(
            f"({_one_of('account', BY_CAMPAIGN)}) = (fund_id is not null)"
            " and (fund_id is null) = (campaign_id is null)",
            name="purpose",
        ),
        Index(
            "ix_ledger_entries_campaign_id", "campaign_id", postgresql_where=text("campaign_id is not null")
        ),
        {"info": {"append_only": True}},
    )

    transaction_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_transactions.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account: Mapped[str]
    fund_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    currency: Mapped[str]
    debit_minor: Mapped[Minor]
    credit_minor: Mapped[Minor]


class LedgerNumber(Base):
    """The number of a transaction in its entity's books of one fiscal year: without gaps, given once."""

    __tablename__ = "ledger_numbers"
    __table_args__ = (CheckConstraint("number > 0", name="number"), {"info": {"append_only": True}})

    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"), primary_key=True)
    year: Mapped[date] = mapped_column(primary_key=True)
    """First day of the fiscal year."""
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    transaction_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_transactions.id"), unique=True)
    numbered_at: Mapped[Instant]
    """From this moment on the transaction is final, as an accountant says it."""
