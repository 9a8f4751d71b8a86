"""Secrets of one's own stack: generated at the first start, readable by their owner alone."""

import base64
import os
import secrets
from pathlib import Path

from deploy.local.problem import CannotGoOn

# DER of an Ed25519 private key without its 32 bytes (RFC 8410): the rest of the key is chance.
ED25519_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


class Keys:
    """The files of `$DATA/secrets`; each is made when it is first asked for, and kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the secret stands; its value is made now if this is the first time, or CannotGoOn."""
        path = self.folder / name
        if not path.exists():
            self._write(path, _generated(name))
        return path

    def value(self, name: str) -> str:
        """The secret itself."""
        return self.path(name).read_text(encoding="utf-8").strip()

    def keep(self, name: str, text: str) -> Path:
        """Keep something that contains secrets (an address with a password), unless it stands there already.

        So a full disk does not hinder what was told before; CannotGoOn for what it does hinder.
        """
        path = self.folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != f"{text}\n":
            self._write(path, text)
        return path

    def _write(self, path: Path, text: str) -> None:
        fresh = path.with_name(f".{path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{text}\n")
            fresh.replace(path)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise CannotGoOn(f"{path} cannot be written ({why})") from None


def _generated(name: str) -> str:
    if name == "token_private_key":
        body = base64.b64encode(ED25519_PKCS8 + secrets.token_bytes(32)).decode()
        return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    if name.endswith("_totp"):
        return base64.b32encode(secrets.token_bytes(20)).decode()
    if name.startswith("demo_"):
        return "-".join(secrets.token_hex(2) for _ in range(4))
    return secrets.token_urlsafe(32)
