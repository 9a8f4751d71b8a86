"""Legal entities: who receives the money, and whether they may issue tax receipts."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant, Minor

REFUND_ALONE_MINOR = 50_000

CATEGORIES = (
    *("university", "partnership_foundation", "university_foundation", "public_utility"),
    *("endowment_fund", "general_interest", "association"),
)


MISSING = (
    *("register_number", "address", "purpose", "category", "receipt_series"),
    *("entitlement", "signatory", "date_rules"),
)


class Entity(Base):
    """A body with its own books and its own account at the payment provider."""

    __tablename__ = "entities"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug"),
        CheckConstraint("creditor_id ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}$'", name="creditor_id"),
        CheckConstraint("refund_alone_minor >= 0", name="refund_alone"),
        CheckConstraint("siren ~ '^[0-9]{9}$'", name="siren"),
        CheckConstraint("fiscal_year_start_month between 1 and 12", name="fiscal_year_start_month"),
        CheckConstraint("rna ~ '^W[0-9]{9}$'", name="rna"),
        CheckConstraint("receipt_series ~ '^[A-Z0-9]{1,12}$'", name="receipt_series"),
    )

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    """What PROVIDER_ACCOUNTS_FILE calls it."""
    name: Mapped[str]
    can_issue_receipts: Mapped[bool]
    """Whether it is entitled under article 200 (see `entitlements`): what donors are told beforehand."""
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
    rna: Mapped[str | None]
    """Number in the national register of associations, for a body without SIREN."""
    address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    purpose: Mapped[str | None]
    """What the body is for, in French, as the receipt says it."""
    category: Mapped[str | None]
    receipt_series: Mapped[str | None]
    """What the numbers of its receipts begin with."""
    entitlements: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    """By article (200, 238bis, 978): kind, reference and date of the document that entitles it."""
    signatories: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]", default=list)
    """Who may sign, in which capacity, from when until when; the first that is in office signs."""
    date_rules: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}", default=dict)
    """By means of payment: which date is the gift's (captured, available, arrived). No rule, no receipt."""

    def missing(self, day: date) -> list[str]:
        """What it has not said yet: while anything is missing it issues no receipt."""
        there = {
            "register_number": self.siren or self.rna,
            "address": self.address,
            "purpose": self.purpose,
            "category": self.category,
            "receipt_series": self.receipt_series,
            "entitlement": self.entitlements,
            "signatory": self.signatory(day),
            "date_rules": self.date_rules,
        }
        return [name for name in MISSING if not there[name]]

    def signatory(self, day: date) -> dict[str, Any] | None:
        """Who signs on a day."""
        for each in self.signatories:
            if each["from_on"] <= day.isoformat() <= (each.get("until_on") or "9999"):
                return each
        return None
