"""Names as a registrar's file wrote them: how they are read, compared, and found damaged."""

import re
import unicodedata

_WORD = re.compile(r"[^\s'’-]+")


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
