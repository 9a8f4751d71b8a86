"""Who is at the browser: one opaque cookie, exchanged for a token of the directory.

The cookie is the directory's session secret. Its token is kept at most 30 s, so that disabling an account
or signing out elsewhere bites within that time. With the directory down nobody can be recognised, but
guests still give.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from flask import abort, current_app, g, redirect, request

from shared.telemetry import log
from web import clients

COOKIE = "__Host-session"
KEPT_S = 30.0
MOST_KEPT = 20_000


@dataclass(frozen=True)
class Visitor:
    """The person at the browser, or nobody. `unsure`: they hold a session we could not check."""

    person: dict[str, Any] | None = None
    rights: frozenset[str] = frozenset()
    token: str | None = field(default=None, repr=False)
    unsure: bool = False

    @property
    def name(self) -> str:
        """As the person is called on our pages."""
        return f"{self.person['given_name']} {self.person['family_name']}" if self.person else ""

    @property
    def initials(self) -> str:
        """Two letters for the badge in the head."""
        names = (self.person["given_name"], self.person["family_name"]) if self.person else ()
        return "".join(name[0] for name in names if name).upper()

    @property
    def is_staff(self) -> bool:
        """Whether the console has anything for them."""
        return bool(self.rights)

    def may(self, right: str) -> bool:
        """Whether they hold a right of shared/rights.py; the service has the last word."""
        return right in self.rights


NOBODY = Visitor()


class Tokens:
    """Tokens by the hash of the session's secret, for half a minute."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[float, Visitor]] = {}
        self.lock = Lock()

    def of(self, secret: str, exchange: Callable[[str], Visitor]) -> Visitor:
        """The visitor who holds `secret`."""
        place, now = hashlib.sha256(secret.encode()).hexdigest(), time.monotonic()
        until, visitor = self.kept.get(place, (0.0, NOBODY))
        if now < until:
            return visitor
        visitor = exchange(secret)
        if not visitor.unsure:
            with self.lock:
                if len(self.kept) >= MOST_KEPT:
                    self.kept = {k: v for k, v in self.kept.items() if v[0] > now}
                self.kept[place] = (now + KEPT_S, visitor)
        return visitor

    def forget(self, secret: str) -> None:
        """Sign-out bites at once here."""
        with self.lock:
            self.kept.pop(hashlib.sha256(secret.encode()).hexdigest(), None)


def keep_sessions(app) -> None:
    """Give the application its tokens, and templates the visitor."""
    app.extensions["tokens"] = Tokens()
    app.jinja_env.globals.update(visitor=visitor)


def visitor() -> Visitor:
    """The visitor of this request; the directory is asked only when a session is held."""
    if not hasattr(g, "visitor"):
        secret = request.cookies.get(COOKIE)
        g.visitor = current_app.extensions["tokens"].of(secret, exchange) if secret else NOBODY
    return g.visitor


def exchange(secret: str) -> Visitor:
    """Ask the directory whose session this is."""
    if not secret.isascii() or not secret.isprintable() or len(secret) > 200:
        return NOBODY
    try:
        told = clients.directory().post("/tokens", token=None, headers={"Authorization": f"Session {secret}"})
    except clients.ServiceDown:
        return Visitor(unsure=True)
    except clients.Problem as problem:
        return Visitor(unsure=problem.status == 429 or problem.status >= 500)
    return Visitor(told["person"], frozenset(told["rights"]), told["token"])


def begin(answer, opened: dict[str, Any]):
    """Put the new session in the browser; a fresh secret every sign-in."""
    ends = datetime.fromisoformat(opened["expires_at"])
    answer.set_cookie(
        COOKIE,
        opened["secret"],
        max_age=max(0, int((ends - datetime.now(UTC)).total_seconds())),
        secure=True,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def end(answer):
    """Close the session at the directory and in the browser; the browser's part never fails."""
    if secret := request.cookies.get(COOKIE):
        try:
            clients.directory().delete("/sessions/current")
        except (clients.ServiceDown, clients.Problem):
            log.warning("sign-out was not confirmed by the directory")
        current_app.extensions["tokens"].forget(secret)
    for cookie in (COOKIE, "__Host-gifts"):
        answer.delete_cookie(cookie, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


def forget() -> None:
    """Exchange this browser's session anew: what it opens has just changed."""
    if secret := request.cookies.get(COOKIE):
        current_app.extensions["tokens"].forget(secret)


def signed_in(view):
    """Only for someone signed in; others are led to sign in and back here."""

    @wraps(view)
    def guarded(*args, **kwargs):
        require_answer()
        return redirect_to_sign_in() if visitor().person is None else view(*args, **kwargs)

    return guarded


def redirect_to_sign_in():
    """To the sign-in page, and back here afterwards."""
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"/sign-in?{urlencode({'next': here})}", code=303)


def require_answer() -> None:
    """ServiceDown when a session is held that the directory could not be asked about."""
    if visitor().unsure:
        raise clients.ServiceDown("directory")


def require_right(*rights: str) -> None:
    """403 for those who hold none of `rights`; called after it was seen that somebody is signed in."""
    require_answer()
    if not any(visitor().may(right) for right in rights):
        abort(403)
