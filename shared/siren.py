"""SIREN and RNA: the numbers by which French bodies are known."""

import re
from typing import Any

from marshmallow import ValidationError, fields

from shared.bodies import luhn


def is_siren(text: str) -> bool:
    """Nine figures whose last one checks the others (Luhn): INSEE, SIRENE."""
    return re.fullmatch(r"[0-9]{9}", text) is not None and luhn(text)


def is_rna(text: str) -> bool:
    """W and nine figures: répertoire national des associations."""
    return re.fullmatch(r"W[0-9]{9}", text) is not None


class Siren(fields.String):
    """A SIREN, with or without the spaces that people write in it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        plain = re.sub(r"[ \u00a0\u202f]", "", text[:30])
        if not is_siren(plain):
            raise ValidationError("Not a SIREN: nine figures, of which the last checks the others.")
        return plain


class Rna(fields.String):
    """A number of the national register of associations."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if not is_rna(text):
            raise ValidationError("Not a number of the register of associations: W and nine figures.")
        return text
