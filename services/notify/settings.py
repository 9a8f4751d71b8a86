"""What notify is told at its start."""

from dataclasses import dataclass, field
from datetime import datetime
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
    emails_not_before: str = ""
    """The moment of the last restore from a backup, in ISO 8601 with its zone; empty when there was none."""

    @property
    def not_before(self) -> datetime | None:
        """Emails about what happened before this may have been sent by the database that was lost."""
        return datetime.fromisoformat(self.emails_not_before) if self.emails_not_before else None

    def __post_init__(self) -> None:
        """What is wrong here would fail every email for good: better not to start."""
        if not is_sender(self.email_from):
            raise SettingsMissing("notify cannot start: EMAIL_FROM is no address.")
        if urlsplit(self.smtp_url).scheme not in ("smtp", "smtps") or not urlsplit(self.smtp_url).hostname:
            raise SettingsMissing("notify cannot start: SMTP_URL is not smtp://… or smtps://….")
        if not is_moment(self.emails_not_before):
            raise SettingsMissing("notify cannot start: EMAILS_NOT_BEFORE is no moment with its zone.")
        if len(self.message_key) < 32:
            raise SettingsMissing("notify cannot start: MESSAGE_KEY needs at least 32 characters.")


def is_moment(text: str) -> bool:
    """Whether this is empty, or one moment that everybody understands alike."""
    try:
        return text == "" or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def is_sender(text: str) -> bool:
    """Whether this is one address, with or without a name, on one line."""
    name, address = parseaddr(text)
    try:
        Address(name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError):
        return False
    return text.isprintable() and address.isascii() and "@" in address


load, use, current = Held(NotifySettings, "notify").doors()
