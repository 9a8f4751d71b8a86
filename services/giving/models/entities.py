"""Legal entities: who receives the money, and whether they may issue tax receipts."""

from sqlalchemy import CheckConstraint, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor

REFUND_ALONE_MINOR = 50_000


class Entity(Base):
    """A body with its own books and its own account at the payment provider."""

    __tablename__ = "entities"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug"),
        CheckConstraint("creditor_id ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}$'", name="creditor_id"),
        CheckConstraint("refund_alone_minor >= 0", name="refund_alone"),
        CheckConstraint("siren ~ '^[0-9]{9}$'", name="siren"),
        CheckConstraint("fiscal_year_start_month between 1 and 12", name="fiscal_year_start_month"),
    )

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    """What PROVIDER_ACCOUNTS_FILE calls it."""
    name: Mapped[str]
    can_issue_receipts: Mapped[bool]
    creditor_id: Mapped[str | None] = mapped_column(Text)
    """SEPA creditor identifier: without one, no debit is offered."""
    refund_alone_minor: Mapped[Minor | None] = mapped_column(
        default=REFUND_ALONE_MINOR, server_default=str(REFUND_ALONE_MINOR)
    )
    """Up to this, in euro cents, one person may give money of a gift back; null: whatever the sum."""
    siren: Mapped[str | None]
    """Its number in the register of bodies (nine digits, the last one a check), which names its files."""
    fiscal_year_start_month: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    created_at: Mapped[Instant]
