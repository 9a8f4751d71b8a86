"""Secrets inside messages: encrypted by the speaker, decrypted only while an email is rendered and sent.

JWE, `dir` + A256GCM (RFC 7516, RFC 7518 §4.5), with a 256-bit key that speaker and notify share.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from marshmallow import ValidationError, fields

MASK = "•••"


class SecretUnreadable(ValueError):
    """The secret was encrypted under another key, or was changed."""


class Secret(fields.String):
    """A field whose value leaves the service encrypted only: a value that is not sealed is refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=is_sealed, **options)


def seal(value: str, key: str) -> str:
    """The value encrypted for notify, as a compact JWE."""
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, value.encode(), _key(key))


def reveal(sealed: str, key: str) -> str:
    """The value again; SecretUnreadable when the key is another or the text was changed."""
    try:
        plain = jwe.decrypt_compact(sealed, _key(key)).plaintext
    except (JoseError, ValueError) as error:
        raise SecretUnreadable(type(error).__name__) from None
    return (plain or b"").decode()


def is_sealed(value: Any) -> bool:
    """Whether this is a compact JWE; ValidationError when it is, by mistake, a plain secret."""
    if not (isinstance(value, str) and value.count(".") == 4 and value.startswith("eyJ")):
        raise ValidationError("a secret travels sealed")
    return True


@lru_cache(maxsize=8)
def _key(text: str) -> OctKey:
    if len(text) < 32:
        raise ValueError("MESSAGE_KEY needs at least 32 characters")
    return OctKey.import_key({"kty": "oct", "k": _base64url(hashlib.sha256(text.encode()).digest())})


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
