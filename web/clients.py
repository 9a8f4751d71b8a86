"""The services, as web asks them: with the person's token, their one address, and a limit of time.

An answer that is an error raises `Problem`, with the service's stable code and the fields it names; no
answer at all, or that the service is not able to give one, raises `ServiceDown`. Pages decide which of the
two they can live with.
"""

import ssl
import time
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import quote

import httpx
from flask import Flask, abort, current_app, g, has_request_context, request

from shared import telemetry
from shared.auth import VISITOR_HEADER
from web import guard, session

CONNECT_S, ANSWER_S = 0.5, 4.0
REST_AFTER_SILENCE_S = 1.0
AWAY = frozenset({502, 503, 504})
"""A service that says this of itself, or for which a proxy does, is as good as silent."""


class ServiceDown(Exception):
    """A service gave no answer, or only that it cannot answer now."""

    def __init__(self, service: str, retry_after_s: int = 0):
        super().__init__(service)
        self.service, self.retry_after_s = service, retry_after_s or 5


class Problem(Exception):
    """A service answered with an error (RFC 9457)."""

    def __init__(self, service: str, status: int, body: Mapping[str, Any], retry_after_s: int = 0):
        super().__init__(f"{service} {status} {body.get('code')}")
        self.service, self.status = service, status
        self.code = str(body.get("code", ""))
        self.detail = str(body.get("detail", ""))
        self.fields = _fields(body.get("errors"))
        self.body = body
        self.retry_after_s = retry_after_s


class Service:
    """One service: `get`, `post`, `put`, `patch`, `delete` below /api/v1/<name>.

    A service that let us wait in vain is left alone for a second, so that one silent part does not hold
    every thread of web.
    """

    def __init__(self, name: str, base_url: str, http: httpx.Client):
        self.name, self.base_url, self.http = name, base_url.rstrip("/"), http
        self.silent_until = 0.0

    def get(self, path: str, *, token: str | None = "", **params: Any) -> Any:
        """The JSON at `path`; parameters that are None are left out."""
        wanted = {name: value for name, value in params.items() if value is not None}
        return self.call("GET", path, params=wanted, token=token)

    def post(self, path: str, body: Any = None, **how: Any) -> Any:
        """Create something; `key` is the Idempotency-Key."""
        return self.call("POST", path, json=body, **how)

    def put(self, path: str, body: Any) -> Any:
        """Replace what is at `path`."""
        return self.call("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """Change some fields of what is at `path`."""
        return self.call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        """Remove what is at `path`."""
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = "",
        key: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = ANSWER_S,
        **content: Any,
    ) -> Any:
        """Ask, and return the parsed answer; `token=None` asks as nobody, "" as the request's person."""
        answer = self.raw(method, path, token=token, key=key, headers=headers, timeout_s=timeout_s, **content)
        self.check(answer)
        return _json(answer) if answer.content else None

    def check(self, answer: httpx.Response) -> None:
        """Raise what an answer of this service means when it is an error."""
        status = answer.status_code
        if status in AWAY or (status >= 500 and not _is_problem(answer)):
            raise ServiceDown(self.name, _retry_after(answer))
        if status >= 400:
            raise Problem(self.name, status, _json(answer), _retry_after(answer))

    def raw(
        self,
        method: str,
        path: str,
        *,
        token: str | None = "",
        key: str = "",
        headers=None,
        timeout_s=ANSWER_S,
        **content,
    ) -> httpx.Response:
        """Ask, and return the answer whatever it says (files, pictures of emails)."""
        if time.monotonic() < self.silent_until:
            raise ServiceDown(self.name)
        if content.get("json", ...) is None:
            content.pop("json")
        try:
            return self.http.request(
                method,
                f"{self.base_url}/api/v1/{self.name}{path}",
                headers={**_handed_on(token), **({"Idempotency-Key": key} if key else {}), **(headers or {})},
                timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
                **content,
            )
        except httpx.ConnectError as error:
            raise ServiceDown(self.name) from error
        except httpx.HTTPError as error:
            self.silent_until = time.monotonic() + REST_AFTER_SILENCE_S
            raise ServiceDown(self.name) from error

    def stream(self, path: str, body: Any, *, timeout_s: float) -> httpx.Response:
        """The answer to a POST, which is not read yet: a file of any size. Whoever asks for it closes it."""
        url = f"{self.base_url}/api/v1/{self.name}{path}"
        patience = httpx.Timeout(timeout_s, connect=CONNECT_S)
        asked = self.http.build_request("POST", url, json=body, headers=_handed_on(""), timeout=patience)
        try:
            answer = self.http.send(asked, stream=True)
            if answer.status_code >= 400:
                answer.read()
        except httpx.HTTPError as error:
            raise ServiceDown(self.name) from error
        self.check(answer)
        return answer

    def is_ready(self) -> bool:
        """Whether the service says so on its internal address."""
        try:
            return self.http.get(f"{self.base_url}/readyz", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False


class Shared:
    """Answers that are the same for everyone, kept for a moment, longer while the service is down."""

    def __init__(self, *, fresh_s: float = 1.0, stale_s: float = 300.0, most: int = 500):
        self.fresh_s, self.stale_s, self.most = fresh_s, stale_s, most
        self.kept: dict[tuple, tuple[float, Any]] = {}
        self.lock = Lock()

    def get(self, service: Service, path: str, **params: Any) -> Any:
        """The answer to an anonymous GET, at most `fresh_s` old, or `stale_s` when there is no other."""
        place = (service.name, path, tuple(sorted(params.items())))
        now = time.monotonic()
        at, answer = self.kept.get(place, (-self.stale_s, None))
        if now - at < self.fresh_s:
            return answer
        try:
            answer = service.get(path, token=None, **params)
        except ServiceDown:
            if now - at < self.stale_s:
                return answer
            raise
        with self.lock:
            self._make_room(now)
            self.kept[place] = (now, answer)
        return answer

    def _make_room(self, now: float) -> None:
        if len(self.kept) >= self.most:
            self.kept = {place: kept for place, kept in self.kept.items() if now - kept[0] < self.fresh_s}


def connect(app: Flask, settings) -> None:
    """Give the application its services."""
    http = httpx.Client(
        timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S), verify=_trusted(), trust_env=False
    )
    app.extensions["services"] = {
        "directory": Service("directory", settings.directory_url, http),
        "events": Service("events", settings.events_url, http),
        "giving": Service("giving", settings.giving_url, http),
        "notify": Service("notify", settings.notify_url, http),
    }
    app.extensions["shared_answers"] = Shared()


def services() -> dict[str, Service]:
    """Every service, by name."""
    return current_app.extensions["services"]


def directory() -> Service:
    """People, accounts, sessions."""
    return services()["directory"]


def events() -> Service:
    """The agenda, and registrations."""
    return services()["events"]


def giving() -> Service:
    """Campaigns and gifts."""
    return services()["giving"]


def notify() -> Service:
    """Emails, subscriptions, timelines."""
    return services()["notify"]


def for_everyone(service: Service, path: str, **params: Any) -> Any:
    """A public answer, cached a second for everyone."""
    return current_app.extensions["shared_answers"].get(service, path, **params)


def segment(value: Any) -> str:
    """A value as one segment of a path: nothing typed by a person walks to another route."""
    if str(value) in {"", ".", ".."}:
        abort(404)
    return quote(str(value), safe="")


@cache
def _trusted() -> ssl.SSLContext:
    """Who is trusted for https: read once, for it is slow and large."""
    return ssl.create_default_context()


def _handed_on(token: str | None) -> dict[str, str]:
    if not has_request_context():
        return {}
    headers = {"X-Request-Id": g.reference}
    if name := guard.visitor_name():
        headers[VISITOR_HEADER] = name
    if request.remote_addr:
        headers["X-Forwarded-For"] = request.remote_addr
    if trace := telemetry.traceparent():
        headers["traceparent"] = trace
    if token == "":
        token = session.visitor().token
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _is_problem(answer: httpx.Response) -> bool:
    return answer.headers.get("content-type", "").startswith("application/problem+json")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}


def _retry_after(answer: httpx.Response) -> int:
    told = answer.headers.get("retry-after", "")
    return int(told) if told.isdigit() else 0


def _fields(errors: Any) -> dict[str, str]:
    """Flatten `{"json": {"email": ["…"]}}` to `{"email": "…"}`."""
    found: dict[str, str] = {}
    if isinstance(errors, dict):
        for name, what in errors.items():
            if isinstance(what, dict):
                found |= _fields(what)
            else:
                found[str(name)] = str(what[0]) if isinstance(what, list) and what else str(what)
    return found
