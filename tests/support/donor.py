"""A donor's hands: gives through the public address, pays on the provider's page, reads what came of it."""

import random
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import httpx

from tests.support.stack import RunningStack

Found = TypeVar("Found")


def somewhere() -> str:
    """An address on this machine that hardly anybody else has; where there is but one, that one."""
    chosen = f"127.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(2, 250)}"
    return chosen if sys.platform == "linux" else "127.0.0.1"


@dataclass
class Donor:
    """Somebody with a browser, who is not signed in."""

    stack: RunningStack
    email: str = field(default_factory=lambda: f"donor-{uuid.uuid4().hex[:12]}@example.org")
    given_name: str = "Zoë"
    family_name: str = "Nguyễn"
    locale: str = "fr"
    address: str = field(default_factory=somewhere)
    """Where they come from: an address of their own, as donors have, for gifts are counted by it."""

    @cached_property
    def http(self) -> httpx.Client:
        """Their browser; it keeps no connection open."""
        keeps_none = httpx.Limits(max_keepalive_connections=0)
        way = httpx.HTTPTransport(local_address=self.address, limits=keeps_none, verify=False)
        return httpx.Client(transport=way, timeout=30)

    @property
    def api(self) -> str:
        """Where the services are for everyone."""
        return f"{self.stack.url}/api/v1"

    def campaign(self, slug: str = "") -> dict[str, Any]:
        """A live campaign, the first one when no slug is told."""
        found = self.http.get(f"{self.api}/giving/campaigns", params={"status": "live"}).json()["items"]
        return next(each for each in found if slug in ("", each["slug"]))

    def total(self, campaign_id: str) -> dict[str, Any]:
        """The running total of a campaign."""
        return self.http.get(f"{self.api}/giving/campaigns/{campaign_id}/total").json()

    def wish(self, amount_minor: int = 5_000, campaign_id: str = "") -> dict[str, Any]:
        """What the giving form sends."""
        return {
            "campaign_id": campaign_id or self.campaign()["id"],
            "amount_minor": amount_minor,
            "currency": "EUR",
            "given_name": self.given_name,
            "family_name": self.family_name,
            "email": self.email,
            "locale": self.locale,
        }

    def begin(self, wish: dict[str, Any], key: str = "", **how: Any) -> httpx.Response:
        """Begin a gift; the same key begins it once."""
        return self.http.post(
            f"{self.api}/giving/donations",
            json=wish,
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
            timeout=how.get("timeout", 30),
        )

    def begin_at_last(self, wish: dict[str, Any], *, within_s: float = 60) -> dict[str, Any]:
        """Begin a gift as a patient client does: the same key again until an answer sticks."""
        key = str(uuid.uuid4())

        def asked() -> dict[str, Any] | None:
            try:
                answer = self.begin(wish, key, timeout=10)
            except httpx.HTTPError:
                return None
            return answer.json() if answer.status_code == 201 and answer.json()["checkout_url"] else None

        return eventually(asked, within_s=within_s, every_s=0.3)

    def press(self, checkout_url: str, card: str = "visa") -> httpx.Response:
        """Press a button of the provider's page; the answer redirects to where the donor goes."""
        return self.http.post(f"{checkout_url}/payments", data={"card": card})

    def press_at_last(self, checkout_url: str, *, within_s: float = 60) -> None:
        """Pay as a patient person does: again when the page did not answer."""

        def pressed() -> bool:
            try:
                told = self.press(checkout_url)
            except httpx.HTTPError:
                return False
            return told.is_redirect and "/sandbox/pay/" not in told.headers["Location"]

        eventually(pressed, within_s=within_s, every_s=0.3)

    def give(self, amount_minor: int = 5_000, campaign_id: str = "") -> dict[str, Any]:
        """A whole gift, paid by card."""
        begun = self.begin(self.wish(amount_minor, campaign_id)).raise_for_status().json()
        self.press(begun["checkout_url"])
        return begun

    def gift(self, begun: dict[str, Any]) -> dict[str, Any]:
        """The donor's own page of the gift, as data."""
        return self.http.get(f"{self.api}/giving/gift-links/{begun['link']}").json()

    def until(self, begun: dict[str, Any], status: str, *, within_s: float = 15) -> dict[str, Any]:
        """The gift, once it is in a state."""

        def reached() -> dict[str, Any] | None:
            found = self.gift(begun)
            return found if found["status"] == status else None

        return eventually(reached, within_s=within_s)

    def emails(self, subject: str = "") -> list[dict[str, Any]]:
        """What arrived in the donor's mailbox, newest first."""
        return [each for each in mailbox(self.stack, self.email) if subject in each["subject"]]


def mailbox(stack: RunningStack, words: str = "") -> list[dict[str, Any]]:
    """Everything that left by SMTP to an address, newest first."""
    where = f"{stack.inside('sandbox')}/sandbox/mailbox/emails.json"
    items = httpx.get(where, params={"q": words, "limit": 10_000}, timeout=30).json()["items"]
    return [each for each in items if not words or any(words in to for to in each["recipients"])]


def received(stack: RunningStack, name: str = "crm") -> dict[str, Any]:
    """What the partner's receiver got: every delivery, and the contacts made of them."""
    return httpx.get(f"{stack.inside('sandbox')}/sandbox/receiver/{name}/receptions.json", timeout=30).json()


def eventually(ask: Callable[[], Found | None], *, within_s: float = 15, every_s: float = 0.05) -> Found:
    """The first answer that is something; fails when there is none in time."""
    until = time.monotonic() + within_s
    while True:
        if answer := ask():
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"nothing came within {within_s} s: {ask.__qualname__}")
        time.sleep(every_s)
