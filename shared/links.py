"""Signed links: `<id>.<mac>`, good for one purpose, revoked by raising the version kept in the row.

The key is in the settings and never in the database, so that who reads the database cannot make links.
"""

import base64
import hmac
from hashlib import sha256
from uuid import UUID

from shared import current
from shared.errors import NotFound


class LinkNotFound(NotFound):
    """This link is not valid, or no longer."""


def sign(purpose: str, subject: UUID, version: int = 0, *, key: str | None = None) -> str:
    """The link token of `subject` for `purpose`. `key` is the settings' link_key outside a request."""
    return f"{subject}.{_mac(purpose, str(subject), version, key)}"


def subject(token: str) -> UUID:
    """The id that a token speaks of, not verified yet: only to find the row that keeps its version."""
    text, dot, _ = token.partition(".")
    try:
        found = UUID(text)
    except ValueError:
        raise LinkNotFound from None
    if not dot or str(found) != text:
        raise LinkNotFound
    return found


def verify(purpose: str, token: str, version: int = 0, *, key: str | None = None) -> UUID:
    """The id that `token` was signed for; LinkNotFound when forged, of another purpose or revoked."""
    found = subject(token)
    expected = sign(purpose, found, version, key=key)
    if not hmac.compare_digest(expected.encode(), token.encode("utf-8", "replace")):
        raise LinkNotFound
    return found


def sign_content(purpose: str, content: bytes, *, key: str | None = None) -> str:
    """Text that carries `content`, for all to read and none to change: `<content>.<mac>` in base64url."""
    body = _text(content)
    return f"{body}.{_mac(purpose, body, 0, key)}"


def verify_content(purpose: str, text: str, *, key: str | None = None) -> bytes | None:
    """What was signed, or None when the text was not made by `sign_content` for this purpose."""
    body, _, mac = text.partition(".")
    expected = _mac(purpose, body, 0, key)
    if not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "replace")):
        return None
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def _mac(purpose: str, content: str, version: int, key: str | None) -> str:
    secret = current.settings().link_key if key is None else key
    if not secret:
        raise RuntimeError("links cannot be signed without a key")
    message = f"{purpose}\n{version}\n{content}".encode("utf-8", "replace")
    return _text(hmac.digest(secret.encode(), message, sha256)[:16])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
