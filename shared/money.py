"""Money: integers of minor units with a currency, never floats."""

from typing import Any

from marshmallow import ValidationError, fields

CURRENCIES = {"EUR": 2, "CHF": 2, "GBP": 2, "USD": 2, "CAD": 2, "XPF": 0, "JPY": 0}
"""ISO 4217 codes that are taken, with their number of decimals."""

BIGINT_MAX = 2**63 - 1


class Minor(fields.Integer):
    """An amount in minor units: a JSON integer that fits a bigint; "10", 1.5, 1e2 and true are refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise ValidationError("Not a whole number of minor units.")
        if not -BIGINT_MAX <= value <= BIGINT_MAX:
            raise ValidationError("Too large.")
        return value


def format_money(amount_minor: int, currency: str, locale: str) -> str:
    """The amount as people of `locale` write it: `1 234,50 €`, without decimals when they are zero."""
    from decimal import Decimal

    from babel.numbers import format_currency

    decimals = CURRENCIES[currency]
    amount = Decimal(amount_minor).scaleb(-decimals)
    if amount == amount.to_integral_value():
        return format_currency(
            amount.to_integral_value(),
            currency,
            "¤#,##0" if locale == "en" else "#,##0\xa0¤",
            locale=locale,
            currency_digits=False,
        )
    return format_currency(amount, currency, locale=locale)


def decimal_text(amount_minor: int, currency: str) -> str:
    """The amount as other systems read it: `1234.50`, with the currency's decimals."""
    decimals = CURRENCIES[currency]
    whole, part = divmod(amount_minor, 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)
