"""Somebody signed in through the public address: staff with their one-time code, or an alumna."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp

from tests.support.donor import Found, eventually
from tests.support.stack import RunningStack

STAFF_EMAIL, ALUMNI_EMAIL = "staff@valmont.example", "alumni@valmont.example"


@dataclass
class Signed:
    """A session, and the token that it is exchanged for."""

    stack: RunningStack
    secret: str
    token: str
    person: dict[str, Any]

    def ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Call the public API as this person."""
        headers = {"Authorization": f"Bearer {self.token}", **content.pop("headers", {})}
        return httpx.request(method, f"{self.stack.url}/api/v1{path}", headers=headers, timeout=30, **content)

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at a path."""
        return self.ask("GET", path, params=params).raise_for_status().json()


def sign_in_staff(stack: RunningStack) -> Signed:
    """The officer of the demo."""

    def signed(code: str) -> Signed | None:
        wish = {"email": STAFF_EMAIL, "password": stack.secret("demo_staff_password"), "totp": code}
        return _signed(stack, wish)

    return by_code(stack, signed)


def by_code(stack: RunningStack, attempt: Callable[[str], Found | None]) -> Found:
    """What `attempt` gives for the code of the demo's officer.

    A code that another test has used is refused: the next one is waited for, half a minute. Each is tried
    once, for ten tries in a quarter of an hour are refused whatever they say.
    """
    authenticator, tried = pyotp.TOTP(stack.secret("demo_staff_totp")), set[str]()

    def once() -> Found | None:
        code = authenticator.now()
        if code in tried:
            return None
        tried.add(code)
        return attempt(code)

    return eventually(once, within_s=95, every_s=0.5)


def sign_in_alumna(stack: RunningStack) -> Signed:
    """The alumna of the demo."""
    signed = _signed(stack, {"email": ALUMNI_EMAIL, "password": stack.secret("demo_alumni_password")})
    assert signed is not None
    return signed


def _signed(stack: RunningStack, wish: dict[str, str]) -> Signed | None:
    directory = f"{stack.url}/api/v1/directory"
    opened = httpx.post(f"{directory}/sessions", json=wish, timeout=30)
    if opened.status_code != 201:
        return None
    secret = opened.json()["secret"]
    exchanged = httpx.post(f"{directory}/tokens", headers={"Authorization": f"Session {secret}"}, timeout=30)
    told = exchanged.raise_for_status().json()
    return Signed(stack, secret, told["token"], told["person"])
