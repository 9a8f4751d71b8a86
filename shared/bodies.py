"""What may arrive in a request: strict JSON, sound text, no card numbers.

JSON as Python reads it accepts duplicate keys, NaN, and nesting until the interpreter gives up; text that
PostgreSQL cannot store (NUL, lone surrogates) would fail only at the INSERT. All is refused here instead.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from shared.errors import DomainError, Refused

DEPTH_MAX = 32


class BadJson(DomainError):
    """The body is not JSON as this interface takes it."""

    status = 400


class NotJson(DomainError):
    """The body must be JSON, sent as application/json."""

    status = 415


class FieldsRefused(Refused):
    """Some fields cannot be accepted; see `errors`."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors=errors)


class CardNumberRefused(FieldsRefused):
    """A text holds what looks like a payment card number; card data must never be sent here."""


def parse_json(raw: bytes) -> Any:
    """The JSON value in `raw`; BadJson, or FieldsRefused for text that cannot be stored."""
    try:
        value = strict_json(raw.decode("utf-8"))
    except ValueError:
        raise BadJson from None
    check_texts(value)
    return value


def strict_json(text: str) -> Any:
    """The JSON value in `text`; ValueError for doubled keys, numbers that are none (NaN, 1e999), and nesting
    that the interpreter cannot follow. Texts inside are not looked at: see `can_be_stored`.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deep") from None


def can_be_stored(value: Any) -> bool:
    """Whether PostgreSQL can store every text and key inside `value`, nested at most DEPTH_MAX deep."""
    try:
        return all(is_sound(text) for _, text in _texts(value))
    except DomainError:
        return False


def check_texts(value: Any) -> None:
    """Refuse any text inside `value` that cannot be stored or that holds a card number."""
    unsound, cards = [], []
    for path, text in _texts(value):
        if not is_sound(text):
            unsound.append(path)
        elif holds_card_number(text):
            cards.append(path)
    if unsound:
        raise FieldsRefused({path: ["Holds characters that cannot be stored."] for path in unsound})
    if cards:
        raise CardNumberRefused({path: ["Holds a card number."] for path in cards})


def is_sound(text: str) -> bool:
    """Whether PostgreSQL can store `text`: no NUL, no lone surrogate."""
    if "\x00" in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


_RUN = re.compile(r"[A-Za-z+]?[0-9](?:[ .\u00a0\u202f-]?[0-9]){12,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def holds_card_number(text: str) -> bool:
    """Whether `text` holds 13 to 19 digits that pass Luhn's check, alone or at the start of a longer run.

    Runs that start with a letter (IBAN) or + (telephone) and UUIDs are not cards.
    """
    if len(text) < 13 or _UUID.fullmatch(text):
        return False
    return any(_is_card(run.group()) for run in _RUN.finditer(text))


def _is_card(run: str) -> bool:
    if not run[0].isdigit():
        return False
    digits = re.sub(r"[^0-9]", "", run)
    if len(digits) <= 19:
        return luhn(digits) or _grouped_card(run)
    return _grouped_card(run)


def _grouped_card(run: str) -> bool:
    """A card written in its usual groups, followed or preceded by other digits (a date, a code)."""
    groups = re.split(r"[^0-9]", run)
    for start in range(len(groups)):
        sizes = tuple(map(len, groups[start : start + 4]))
        if sizes == (4, 4, 4, 4) or sizes[:3] in {(4, 6, 5), (4, 6, 4)}:
            digits = "".join(groups[start : start + (4 if len(sizes) == 4 and sizes[1] == 4 else 3)])
            if digits[0] in "23456" and luhn(digits):
                return True
    return False


def luhn(digits: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1); a number of zeros only does not count."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total > 0 and total % 10 == 0


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with its dotted path, keys too; without recursion, DEPTH_MAX deep."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        path, each, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise BadJson
        if isinstance(each, str):
            yield path or "_body", each
        elif isinstance(each, dict):
            for key, inner in each.items():
                if not is_sound(key):
                    raise FieldsRefused({path or "_body": ["Holds a key that cannot be stored."]})
                waiting.append((f"{path}.{key}" if path else key, inner, depth + 1))
        elif isinstance(each, list):
            waiting.extend(
                (f"{path}.{at}" if path else str(at), inner, depth + 1) for at, inner in enumerate(each)
            )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("NaN, Infinity and what is as large are no numbers")
    return number
