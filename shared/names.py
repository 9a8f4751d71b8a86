"""Names of people: letters of any script, and the few signs that names are written with.

They stand in emails that we send. An address of the web would make these carry somebody's spam; a control
character or a change of the direction of writing would make them show what is not there.
"""

import re
import unicodedata
from typing import Any

from marshmallow import ValidationError, fields, validate

LENGTH_MAX = 100
_APART = 4
"""A letter may arrive in so many parts (a Vietnamese vowel, its two marks) that are one once composed."""

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Kinds of characters that move, hide or turn what stands beside them, and are not seen themselves."""
_BROKEN = frozenset("\ufffd\ufffe\uffff")
"""What is left of a character that could not be read."""
_SHOWS_NOTHING = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers that Unicode counts among letters or signs."""

_JOINS_LETTERS = frozenset("\u200c\u200d")
"""The joiners that Persian and many scripts of India write with."""
_BETWEEN = dict.fromkeys("-\u2010\u2011\u2013\u058a\u05be", "-") | dict.fromkeys(
    "'`\u00b4\u2018\u2019\u05f3\u05f4\u00b7\u30fb\u0f0b", "'"
)
"""Hyphens (Latin, Armenian, Hebrew) and the dash typed for one; then apostrophes and the accents typed for
them, the Hebrew geresh, and middle dots (Catalan, Japanese, Tibetan). The apostrophes of Hawaii and Ukraine
(U+02BB, U+02BC) are letters already."""
_LOOKS_LIKE_STOPS = frozenset(map(chr, range(0xA4F8, 0xA4FE)))
"""Letters of Lisu that look like full stops and commas."""
_MARKS_MOST = 8

_NAME = re.compile(
    rf"""(?:
        [Ul][mz]{{0,{_MARKS_MOST}}}                                # a letter with its marks
      | (?<=[Ulmz])\.(?=[ ,-]|\Z|U[mz]{{0,{_MARKS_MOST}}}\.)       # Jr. J.-P. J.R.R.
      | (?<=[Ulmz.]),(?=\ )                                     # Smith, Jr.
      | (?<=\ )&(?=\ )                                          # Anne & Paul
      | [ '-]
    )+""",
    re.VERBOSE,
)
"""A name, each of its characters said by its kind: see `_kind`."""
NAME_RULE = (
    "Write letters, with spaces, hyphens or apostrophes; a full stop only after an initial or an abbreviation"
    " and before a space."
)


class Name(fields.String):
    """A line of text about a person: composed letters (NFC), single spaces, no control characters.

    What is far too long is refused before anything else looks at it.
    """

    def __init__(self, *, most: int = LENGTH_MAX, **options: Any) -> None:
        super().__init__(validate=validate.Length(min=1, max=most), **options)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if is_too_long(text, most=self.most):
            raise ValidationError(f"Length must be between 1 and {self.most}.")
        if not is_line(text):
            raise ValidationError(
                "Control characters and invisible signs are not part of a name, nor is nothing but spaces."
            )
        return tidy(text)


class PersonName(Name):
    """A name that somebody is called by in emails: see `is_name`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if not is_name(text):
            raise ValidationError(NAME_RULE)
        return text


def is_too_long(text: str, *, most: int = LENGTH_MAX) -> bool:
    """Whether `text`, however its letters are written, has more than `most` once it is tidy.

    To be asked before `tidy`: composing a run of marks takes the square of its length, and lets no other
    thread work meanwhile.
    """
    return len(text) > _APART * most


def tidy(text: str) -> str:
    """Letters composed (NFC), every run of white space one space; see `is_too_long`."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def folded(text: str) -> str:
    """One form of what somebody typed, whatever its capitals and spaces."""
    return tidy(text).casefold()


def fold(name: str) -> str:
    """One form of a name for comparing and searching: no accents, no capitals, single spaces."""
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each)
    )
    return " ".join("".join(each if each.isalnum() or each in "@._" else " " for each in plain).split())


def sought(q: str | None) -> list[str]:
    """The folded words of a search; of signs alone, the signs themselves, which nothing folded contains."""
    return (fold(q).split() or [q]) if q else []


def same_wish(wish: dict[str, Any]) -> dict[str, Any]:
    """What makes two wishes for a gift or for seats the same, in the portal's key and in the service's
    comparison: all but the language of the page, the appeal that led there, and the capitals and spaces of
    who asks. What was typed first is kept.
    """
    who = {name: folded(wish[name]) for name in ("given_name", "family_name", "email") if name in wish}
    return {name: value for name, value in wish.items() if name not in ("locale", "appeal")} | who


def is_line(text: str) -> bool:
    """Whether `text` shows something and nothing in it moves, hides or turns the rest."""
    return not any(map(_hides, text)) and any(map(_shows, text))


def _hides(letter: str) -> bool:
    """The joiners are taken: without them, words of Persian and of many scripts of India read otherwise."""
    if letter in _JOINS_LETTERS:
        return False
    return letter in _BROKEN or unicodedata.category(letter) in _UNSEEN


def _shows(letter: str) -> bool:
    return unicodedata.category(letter)[0] not in "CZM" and letter not in _SHOWS_NOTHING


def is_name(text: str) -> bool:
    """Whether somebody can be called so, in any script; `text` is tidy.

    Letters, and the few signs that names are written with. No figure, no sign of an address, and no full
    stop before a letter, but between initials: so no mail program finds a link or a telephone number in it,
    whatever endings and schemes there will be.
    """
    kinds = "".join(map(_kind, text))
    return _NAME.fullmatch(kinds) is not None and ("U" in kinds or "l" in kinds)


def _kind(letter: str) -> str:
    """U for a capital, l for another letter, m for a mark, z for a joiner, a sign for itself; else x.

    A capital that a program may read as two letters (Ǆ) is no initial, so it counts as another letter.
    """
    if letter in _JOINS_LETTERS:
        return "z"
    category = unicodedata.category(letter)
    if category[0] == "L" and letter not in _SHOWS_NOTHING | _LOOKS_LIKE_STOPS:
        return "U" if category in ("Lu", "Lt") and len(unicodedata.normalize("NFKC", letter)) == 1 else "l"
    if category[0] == "M":
        return "m"
    return letter if letter in " .,&" else _BETWEEN.get(letter, "x")
