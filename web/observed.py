"""What web says of itself: one log line a request, its trace, and numbers for those inside."""

import time
import traceback

import structlog
from flask import Flask, Response, abort, g, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from shared import telemetry
from shared.telemetry import log

METHODS = frozenset({"GET", "HEAD", "POST"})
QUIET = ("/healthz", "/readyz", "/metrics", "/assets/")
REQUESTS = Counter("amicale_web_requests_total", "Pages answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "amicale_web_seconds",
    "Time to answer a page, by route template.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def observe(app: Flask, settings) -> None:
    """Log, trace and count every request; never a query string, a name or a link."""
    telemetry.setup(settings)
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _: telemetry.end())
    app.add_url_rule("/metrics", "metrics", metrics)
    telemetry.instrument(app)


def metrics() -> Response:
    """The numbers, for a collector inside: whoever came through the gateway finds nothing here."""
    if request.environ.get("HTTP_X_FORWARDED_FOR"):
        abort(404)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def failed(error: BaseException) -> None:
    """Note an error by its class and place: its words may hold what a person typed."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    log.error("page failed", error=type(error).__name__, code=getattr(error, "code", None), place=place)


def _begin() -> None:
    g.began_at = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service="web", request_id=g.get("reference", ""))
    telemetry.begin(request.headers.get("traceparent"))


def _end(answer: Response) -> Response:
    took_s = time.perf_counter() - g.get("began_at", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "(none)"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(method, route, str(answer.status_code)).inc()
    SECONDS.labels(route).observe(took_s)
    if not route.startswith(QUIET):
        told = {"method": method, "route": route, "status": answer.status_code}
        log.info("request", **told, took_ms=round(took_s * 1000, 1))
    return answer
