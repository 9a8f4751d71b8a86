"""What web is told from outside."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.settings import Process, SettingsMissing


@dataclass(frozen=True, kw_only=True)
class WebSettings(Process):
    """Where the services are, the address that browsers know us by, and whom people can write to.

    `contact_email` is the alumni office's; `dpo_email` the data protection officer's, else the office's.
    """

    directory_url: str
    events_url: str
    giving_url: str
    notify_url: str
    contact_email: str
    dpo_email: str = ""
    live_url: str = ""
    checkout_origins: str = "https://checkout.stripe.com"

    def __post_init__(self) -> None:
        """Refuse an address on which browsers would drop the session cookie, and a demo that is public."""
        if self.demo and not is_loopback(self.public_url):
            raise SettingsMissing(
                f"web cannot start: AMICALE_DEMO is 1 and PUBLIC_URL is {self.public_url}: no demo is public."
            )
        if not (self.public_url.startswith("https://") or is_loopback(self.public_url)):
            raise SettingsMissing(
                f"web cannot start: PUBLIC_URL is {self.public_url!r}, but browsers keep a session only over"
                " https, or on the machine itself (http://127.0.0.1:8080)."
            )
        for name, address in (("CONTACT_EMAIL", self.contact_email), ("DPO_EMAIL", self.dpo_email or "-@-")):
            if "@" not in address:
                raise SettingsMissing(f"web cannot start: {name} is {address!r}, which is no email address.")


def is_loopback(url: str) -> bool:
    """Whether the address names the machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load() -> WebSettings:
    """Read the environment once; end the process with the names of what is missing."""
    return WebSettings.from_env(service="web")
