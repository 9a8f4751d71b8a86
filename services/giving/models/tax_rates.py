"""What the law lets a donor deduct: dated parameters with their source, never constants in code."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base


class TaxRate(Base):
    """The reduction of one regime from a day on: `rate_percent` of the gift, up to a share of income."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        CheckConstraint(
            "rate_percent between 0 and 100 and ceiling_percent between 0 and 100", name="percentages"
        ),
    )

    regime: Mapped[str] = mapped_column(primary_key=True)
    from_on: Mapped[date] = mapped_column(primary_key=True)
    rate_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    ceiling_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    source: Mapped[str]
    review_on: Mapped[date]
