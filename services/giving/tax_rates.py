"""Tax rates: what a donor may deduct on a day, read from dated parameters."""

from datetime import date

from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving.models import TaxRate


class TaxShown(Schema):
    """The reduction: a percentage of the gift, within a percentage of taxable income."""

    rate_percent = fields.Float(required=True)
    ceiling_percent = fields.Float(required=True)


def on_day(session: Session, regime: str, *, on: date) -> TaxRate | None:
    """The rate of `regime` on a day; None when the law had none, or nobody entered it."""
    rates = select(TaxRate).where(TaxRate.regime == regime, TaxRate.from_on <= on)
    return session.execute(rates.order_by(TaxRate.from_on.desc()).limit(1)).scalar_one_or_none()
