"""The chart of accounts: under which number and name an accountant knows each account of the books."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from services.giving.models.ledger import ACCOUNTS, BY_CAMPAIGN, FEES
from shared.db import Id

CARRIED = "carried"
"""What former years left: where each year's income goes when the next one begins. Nothing is posted to it."""
CHARTED = (*ACCOUNTS, CARRIED)
OF_A_YEAR = (*BY_CAMPAIGN, FEES)
"""Income and expense: these begin each fiscal year at zero."""
NUMBER = r"[1-8][0-9]{2}[0-9A-Z]{0,12}"
"""Three digits of the plan comptable général, then the body's own."""


class LedgerAccount(Base):
    """One account of one entity; those of gifts, refunds and disputes are one a fund.

    The database makes them with each entity and fund (trigger in migration 0012). Entries name the kind and
    the fund, never the number: a renumbered account keeps its entries.
    """

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        ForeignKeyConstraint(["fund_id", "entity_id"], ["funds.id", "funds.entity_id"]),
        UniqueConstraint("entity_id", "kind", "fund_id", postgresql_nulls_not_distinct=True),
        CheckConstraint(f"kind in ({', '.join(map(repr, CHARTED))})", name="kind"),
        CheckConstraint(
            f"(kind in ({', '.join(map(repr, BY_CAMPAIGN))})) = (fund_id is not null)", name="by_fund"
        ),
        CheckConstraint(f"number ~ '^{NUMBER}$'", name="number"),
        CheckConstraint("length(label) between 1 and 100", name="label"),
    )

    id: Mapped[Id]
    entity_id: Mapped[UUID] = mapped_column(ForeignKey("entities.id"))
    kind: Mapped[str]
    fund_id: Mapped[UUID | None]
    number: Mapped[str]
    label: Mapped[str]
