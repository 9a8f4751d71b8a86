"""Passwords: argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet, 2024)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import Refused

LENGTH_MIN, LENGTH_MAX = 12, 128
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _hasher.hash("an account that is not there")


class PasswordTooWeak(Refused):
    """A password has at least twelve characters, of five different ones, and is not the address."""


def hashed(password: str, *, email: str) -> str:
    """What is kept of a new password; PasswordTooWeak when it is easily guessed."""
    guessable = password.casefold() in email or email.partition("@")[0] == password.casefold()
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX or len(set(password)) < 5 or guessable:
        raise PasswordTooWeak
    return _hasher.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password; takes the same time when there is no account, or none is set."""
    try:
        return _hasher.verify(kept or _NOBODY, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
