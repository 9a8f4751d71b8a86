"""Money: whole minor units, written as people write it."""

import pytest
from marshmallow import ValidationError

from shared.money import Minor, format_money


@pytest.mark.parametrize("value", ["10", 1.5, 1e2, True, None, 2**63, -(2**63), [], {}])
def test_an_amount_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValidationError):
        Minor(required=True).deserialize(value)


def test_a_bigint_is_taken() -> None:
    assert Minor().deserialize(2**63 - 1) == 2**63 - 1


@pytest.mark.parametrize(
    ("amount_minor", "currency", "locale", "written"),
    [
        (123_450, "EUR", "fr", "1\u202f234,50\u00a0€"),
        (5_000, "EUR", "fr", "50\u00a0€"),
        (123_450, "EUR", "en", "€1,234.50"),
        (5_000, "EUR", "en", "€50"),
        (-5_000, "EUR", "en", "-€50"),
        (1_000, "JPY", "en", "¥1,000"),
        (1_234_567, "CHF", "fr", "12\u202f345,67\u00a0CHF"),
    ],
)
def test_amounts_are_written_as_people_write_them(
    amount_minor: int, currency: str, locale: str, written: str
) -> None:
    assert format_money(amount_minor, currency, locale) == written
