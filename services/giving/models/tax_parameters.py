"""What the law sets and may change: dated values with their source, never constants in code."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Minor


class TaxParameter(Base):
    """One value from a day on: minor units, days, or hundredths of a percent, as its name ends."""

    __tablename__ = "tax_parameters"
    __table_args__ = (CheckConstraint("value >= 0", name="positive"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    from_on: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[Minor]
    source: Mapped[str]
    review_on: Mapped[date]
    """From this day on the receipts desk warns, until somebody confirms the value or enters the next."""
    reviewed_by: Mapped[UUID | None]
    reviewed_at: Mapped[datetime | None]
