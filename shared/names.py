"""Names of people are free, but for what harms who reads them: they stand in emails that we send.

An address of the web would make our emails carry somebody's spam; a control character or a change of the
direction of writing would make them show what is not there.
"""

import re
import unicodedata
from typing import Any

from marshmallow import ValidationError, fields, validate

LENGTH_MAX = 100

_FORBIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd\ufffe\uffff]"
)
_SHOWS_NOTHING = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers that Unicode counts among letters or signs."""

ADDRESS = re.compile(
    r"""
    :\s*//                                # https://…
    | \b(https?|ftp|mailto|tel|javascript)\s*:
    | \bwww\s*\.                          # www.…
    | (?<=[^\W_]{2})\s?\.(com|net|org|info|biz|xyz|top|online|site|shop|store|club|link|click|live|vip|icu
        |app|dev|page|web|cloud|fun|win|bet|casino|support|help|email|mail|world|group|agency|today|io|me|ly
        |gg|gl|tk|cc|eu|fr|be|ch|de|uk|ru|su|cn|us|in|co
      )(?![^\W_.])
    | (?<=[^\W_]{2})\.(?!(?<=\b[^\W_]{2}\.)(?-i:[A-Z])|(?<=\b[^\W_]{3}\.)(?-i:[A-Z]))[a-z]{2}
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A scheme, `www.`, a word with a common ending of a domain, or any word, dot and letters without a space,
but for what is written so in names: initials (`J.R.R.`) and short words before a capital (`St.Clair`).
What stands before the dot is looked back at, so that a long name costs no more than its length."""


class Name(fields.String):
    """A line of text about a person: composed letters (NFC), single spaces, no control characters."""

    def __init__(self, *, most: int = LENGTH_MAX, **options: Any) -> None:
        super().__init__(validate=validate.Length(min=1, max=most), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if not is_line(text):
            raise ValidationError("Control characters are not part of a name, nor is nothing but spaces.")
        return tidy(text)


class PersonName(Name):
    """A name that somebody is called by in emails: it holds no address of the web either."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if holds_address(text):
            raise ValidationError("Holds a web address; write the name alone.")
        return text


def tidy(text: str) -> str:
    """Letters composed (NFC), every run of white space one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def folded(text: str) -> str:
    """One form of what somebody typed, whatever its capitals and spaces."""
    return tidy(text).casefold()


def is_line(text: str) -> bool:
    """Whether `text` shows something and nothing in it moves, hides or turns the rest."""
    return not _FORBIDDEN.search(text) and any(map(_shows, text))


def _shows(letter: str) -> bool:
    return unicodedata.category(letter)[0] not in "CZM" and letter not in _SHOWS_NOTHING


def holds_address(name: str) -> bool:
    """Whether a mail program would make a link of some part of `name`; wide letters and invisible signs
    do not hide one.
    """
    plain = unicodedata.normalize("NFKC", name).replace("\u3002", ".").replace("\u2024", ".")
    return ADDRESS.search("".join(each for each in plain if unicodedata.category(each) != "Cf")) is not None
