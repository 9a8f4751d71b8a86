"""Postal addresses: as French tax receipts need them, in France and abroad."""

import re
import unicodedata
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shared.names import Name

LINE_MOST = 120
PRINTED_RULE = "Write it in Latin letters, figures and common signs, as official papers do."
_SIGNS = frozenset(" '’-–.,;:()/&°№+\"«»!")
_FRENCH = re.compile(r"(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3}")
_FOREIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{0,11}")


def is_printed(text: str) -> bool:
    """Whether an official paper can bear it: Latin letters with their marks, figures, few signs."""
    return all(
        each in _SIGNS or (each.isdecimal() and each.isascii()) or _is_latin(each)
        for each in unicodedata.normalize("NFC", text)
    )


def _is_latin(letter: str) -> bool:
    """Up to Latin Extended Additional: what the letters of a receipt's typeface cover."""
    return letter.isalpha() and unicodedata.name(letter, "").startswith("LATIN") and letter < "\u1f00"


class Printed(Name):
    """A line that is printed on a tax receipt: see `is_printed`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if not is_printed(text):
            raise ValidationError(PRINTED_RULE)
        return text


def is_postal_code(text: str, country: str) -> bool:
    """Whether letters find their way by it: five figures in France; abroad any, or none."""
    if country == "FR":
        return _FRENCH.fullmatch(text) is not None
    return text == "" or _FOREIGN.fullmatch(text) is not None


@cache
def countries(locale: str) -> dict[str, str]:
    """Names of the countries by their ISO code, in the order of the language; France first."""
    from babel import Locale

    named = Locale.parse("en_GB" if locale == "en" else locale).territories
    real = {code: name for code, name in named.items() if re.fullmatch("[A-Z]{2}", code)}
    for code in ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"):
        real.pop(code, None)
    return {"FR": real["FR"]} | dict(sorted(real.items(), key=lambda each: _order(each[1])))


def _order(name: str) -> str:
    from shared.names import fold

    return fold(name)


def _known(code: str) -> None:
    if code not in countries("fr"):
        raise ValidationError("Not a country's ISO code.")


class Address(Schema):
    """A postal address, as it stands on an envelope."""

    street = Printed(required=True, most=LINE_MOST)
    extra = Printed(most=LINE_MOST, metadata={"description": "building, floor, place"})
    postal_code = fields.String(load_default="", validate=validate.Length(max=12))
    city = Printed(required=True, most=LINE_MOST)
    country = fields.String(
        load_default="FR",
        validate=_known,
        metadata={"description": "ISO 3166-1 alpha-2", "pattern": "^[A-Z]{2}$"},
    )

    @validates_schema
    def _postal_code(self, data: dict[str, Any], **_: Any) -> None:
        if not is_postal_code(data.get("postal_code", ""), data.get("country", "FR")):
            raise ValidationError("Not a postal code of this country.", "postal_code")
