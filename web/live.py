"""The process that streams: `gunicorn --threads 64 'web.live:create_app()'`.

Staff who look at a campaign hold one stream each. Whatever their number, giving is asked once per 250 ms
and campaign; a stream says that the total moved, and the page then asks for what it shows. A stream ends
after five minutes, or with its session: the browser opens another if it may.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, Flask, Response, abort, current_app, request, stream_with_context
from werkzeug.middleware.proxy_fix import ProxyFix

from web import clients, guard, observed, session
from web.clients import Service, ServiceDown
from web.settings import WebSettings, load

ASKED_EVERY_S = 0.25
BEAT_S = 3.0
SESSION_CHECKED_EVERY_S = 15.0
STREAM_ENDS_AFTER_S = 300.0
STREAMS_OF_A_SESSION = 2
STREAMS_AT_MOST = 56

routes = Blueprint("live", __name__)


@dataclass
class Watch:
    """One campaign under watch: what giving says of it, and who waits for news."""

    service: Service
    campaign_id: UUID
    version: int = 0
    told: dict = field(default_factory=dict)
    watchers: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def keep_asking(self) -> None:
        """Ask until nobody watches any more."""
        etag = ""
        while self.watchers:
            began = time.monotonic()
            etag = self._ask(etag)
            time.sleep(max(0.0, ASKED_EVERY_S - (time.monotonic() - began)))

    def news_since(self, version: int, patience_s: float) -> tuple[int, dict] | None:
        """The next version after `version`, or None when nothing moved within `patience_s`."""
        with self.changed:
            if self.changed.wait_for(lambda: self.version > version, timeout=patience_s):
                return self.version, self.told
        return None

    def _ask(self, etag: str) -> str:
        try:
            path = f"/campaigns/{self.campaign_id}/total"
            known = {"If-None-Match": etag} if etag else {}
            answer = self.service.raw("GET", path, token=None, headers=known)
        except ServiceDown:
            self._tell({"lost": True})
            return ""
        if answer.status_code == 200:
            self._tell(answer.json())
            return answer.headers.get("etag", "")
        if answer.status_code >= 500:
            self._tell({"lost": True})
        return etag if answer.status_code == 304 else ""

    def _tell(self, told: dict) -> None:
        with self.changed:
            if told != self.told:
                self.version, self.told = self.version + 1, told
                self.changed.notify_all()


class Hub:
    """Every watch, and how many streams each session holds."""

    def __init__(self, service: Service):
        self.service = service
        self.watches: dict[UUID, Watch] = {}
        self.streams: Counter[str] = Counter()
        self.lock = threading.Lock()

    def enter(self, holder: str) -> bool:
        """Count one more stream of this session; False past the cap, and the page asks by itself."""
        with self.lock:
            full = self.streams.total() >= STREAMS_AT_MOST
            if full or self.streams[holder] >= STREAMS_OF_A_SESSION:
                return False
            self.streams[holder] += 1
            return True

    def leave(self, holder: str) -> None:
        """One stream less."""
        with self.lock:
            self.streams[holder] -= 1
            if not self.streams[holder]:
                del self.streams[holder]

    @contextmanager
    def watching(self, campaign_id: UUID) -> Iterator[Watch]:
        """The campaign's watch, with its one asking thread while anybody holds it."""
        with self.lock:
            watch = self.watches.get(campaign_id) or Watch(self.service, campaign_id)
            self.watches[campaign_id] = watch
            watch.watchers += 1
            if watch.watchers == 1:
                threading.Thread(target=watch.keep_asking, name=f"watch {campaign_id}", daemon=True).start()
        try:
            yield watch
        finally:
            with self.lock:
                watch.watchers -= 1
                if not watch.watchers:
                    self.watches.pop(campaign_id, None)


def create_app(settings: WebSettings | None = None) -> Flask:
    """Streams and /healthz, nothing else."""
    app = Flask("web.live", static_folder=None)
    app.extensions["settings"] = settings or load()
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=0)
    clients.connect(app, app.extensions["settings"])
    session.keep_sessions(app)
    app.before_request(guard.name_the_request)
    observed.observe(app, app.extensions["settings"])
    app.extensions["hub"] = Hub(app.extensions["services"]["giving"])
    app.register_blueprint(routes)
    return app


@routes.get("/healthz")
def alive():
    """This process answers."""
    return "alive", 200, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}


@routes.get("/live/campaigns/<uuid:campaign_id>")
def campaign(campaign_id):
    """`event: total` whenever the campaign's total moved; `event: lost` while giving does not answer."""
    holder = _holder()
    hub = current_app.extensions["hub"]
    if not hub.enter(holder):
        return Response("too many streams", 429, {"Retry-After": "30", "Cache-Control": "no-store"})
    answer = Response(stream_with_context(_stream(hub, campaign_id)), mimetype="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    answer.call_on_close(lambda: hub.leave(holder))
    return answer


def _holder() -> str:
    """The session that asks, by its hash; only staff who may read gifts go on."""
    visitor = session.visitor()
    if visitor.unsure:
        abort(503)
    if visitor.person is None:
        abort(401)
    if not visitor.may("giving.read"):
        abort(403)
    return hashlib.sha256(request.cookies[session.COOKIE].encode()).hexdigest()


def _stream(hub: Hub, campaign_id: UUID) -> Iterator[str]:
    ends, checked, version = time.monotonic() + STREAM_ENDS_AFTER_S, time.monotonic(), 0
    with hub.watching(campaign_id) as watch:
        yield "retry: 2000\n\n"
        while (now := time.monotonic()) < ends:
            if now - checked > SESSION_CHECKED_EVERY_S:
                checked = now
                if not _still_in():
                    return
            news = watch.news_since(version, min(BEAT_S, SESSION_CHECKED_EVERY_S, ends - now))
            if news is None:
                yield ": here\n\n"
                continue
            version, told = news
            yield _event("lost" if told.get("lost") else "total", version, told)


def _still_in() -> bool:
    """Whether the session still holds its right; tokens are kept half a minute."""
    tokens, secret = current_app.extensions["tokens"], request.cookies[session.COOKIE]
    found = tokens.of(secret, session.exchange)
    return found.unsure or found.may("giving.read")


def _event(name: str, version: int, told: dict) -> str:
    return f"event: {name}\nid: {version}\ndata: {json.dumps(told)}\n\n"
