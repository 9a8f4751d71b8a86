"""What the directory's processes are told at their start."""

import json
from dataclasses import dataclass, field
from functools import cached_property

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared import settings as shared_settings

KEY_LENGTH = 32


@dataclass(frozen=True, kw_only=True)
class DirectorySettings(shared_settings.Settings):
    """The private key signs tokens; the others are shared with the services that read what they protect."""

    token_private_key: str = field(repr=False)
    message_key: str = field(repr=False)
    email_key: str = field(repr=False)

    def __post_init__(self) -> None:
        short = [
            name.upper()
            for name in ("link_key", "message_key", "email_key")
            if len(getattr(self, name)) < KEY_LENGTH
        ]
        if short:
            raise shared_settings.SettingsMissing(
                f"directory cannot start: {', '.join(short)} needs at least {KEY_LENGTH} characters."
            )
        try:
            self.signing_key  # noqa: B018
        except (JoseError, ValueError, TypeError):
            raise shared_settings.SettingsMissing(
                "directory cannot start: TOKEN_PRIVATE_KEY is not an Ed25519 key (JWK or PEM)."
            ) from None

    @cached_property
    def signing_key(self) -> OKPKey:
        """The Ed25519 key that tokens are signed with."""
        key = OKPKey.import_key(self._key_material())
        if key.curve_name != "Ed25519" or not key.is_private:
            raise ValueError("not an Ed25519 private key")
        return key

    @property
    def authenticator_key(self) -> str:
        """What authenticators' secrets are sealed with in the database."""
        return f"authenticators of {self.link_key}"

    def _key_material(self) -> str | dict[str, str]:
        text = self.token_private_key.strip()
        return json.loads(text) if text.startswith("{") else text


load, use, current = shared_settings.Held(DirectorySettings, "directory").doors()
