"""Names as people write them: what a field may hold, and what a registrar's file made of it."""

import re
import unicodedata

from marshmallow import ValidationError, fields, validate

LENGTH_MAX = 100
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffd\ufffe\uffff]")
_WORD = re.compile(r"[^\s'’-]+")


class Name(fields.String):
    """A line of text about a person: composed letters (NFC), single spaces, no control characters."""

    def __init__(self, *, most: int = LENGTH_MAX, **options: object) -> None:
        super().__init__(validate=validate.Length(min=1, max=most), **options)  # type: ignore[arg-type]

    def _deserialize(self, value, attr, data, **rest):
        text = super()._deserialize(value, attr, data, **rest)
        if _FORBIDDEN.search(text):
            raise ValidationError("Control characters are not part of a name.")
        return tidy(text)


def tidy(text: str) -> str:
    """Letters composed (NFC), every run of white space one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def in_letters(name: str, *, like: str = "") -> str:
    """A name that the file wrote in capitals, in small letters: as in `like` when it is the same name.

    >>> in_letters("D'AUBIGNÉ"), in_letters("LE GOFF"), in_letters("DE LA TOUR", like="de La Tour")
    ("D'Aubigné", 'Le Goff', 'de La Tour')
    """
    if not name.isupper() or len(name) < 2:
        return name
    if like and like.casefold() == name.casefold():
        return like
    return _WORD.sub(lambda word: word[0][:1] + word[0][1:].lower(), name)


def unaccented(text: str) -> str:
    """Small letters without accents, punctuation as spaces: how headers of files are compared."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(each if each.isalnum() else " " for each in letters if not unicodedata.combining(each))
    return " ".join(kept.split())


def is_garbled(text: str) -> bool:
    """True when UTF-8 was once read as Windows-1252 (`ZoÃ©`), or when letters were lost to `?`."""
    if "?" in text or "\ufffd" in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode("cp1252").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return False
    return True
