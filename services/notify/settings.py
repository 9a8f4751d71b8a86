"""What notify is told at its start."""

from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import urlsplit

from shared.settings import Held, Settings, SettingsMissing


@dataclass(frozen=True, kw_only=True)
class NotifySettings(Settings):
    """The kit's settings, the mail server, and the key of the secrets that other services send."""

    message_key: str = field(repr=False)
    smtp_url: str = field(repr=False)
    email_from: str

    def __post_init__(self) -> None:
        """What is wrong here would fail every email for good: better not to start."""
        if not is_sender(self.email_from):
            raise SettingsMissing("notify cannot start: EMAIL_FROM is no address.")
        if urlsplit(self.smtp_url).scheme not in ("smtp", "smtps") or not urlsplit(self.smtp_url).hostname:
            raise SettingsMissing("notify cannot start: SMTP_URL is not smtp://… or smtps://….")
        if len(self.message_key) < 32:
            raise SettingsMissing("notify cannot start: MESSAGE_KEY needs at least 32 characters.")


def is_sender(text: str) -> bool:
    """Whether this is one address, with or without a name, on one line."""
    name, address = parseaddr(text)
    try:
        Address(name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError):
        return False
    return text.isprintable() and address.isascii() and "@" in address


load, use, current = Held(NotifySettings, "notify").doors()
