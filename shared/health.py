"""`/healthz` this process lives, `/readyz` it can serve, `/metrics` for Prometheus: for callers inside."""

from flask import Flask, Response, jsonify
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shared import current, heartbeats
from shared.clock import now
from shared.http import policy

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
REQUESTS = Counter("amicale_requests_total", "Requests answered.", ["service", "method", "route", "status"])
SECONDS = Histogram(
    "amicale_request_seconds",
    "Time to answer, by route template.",
    ["service", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def add(app: Flask) -> None:
    """Add the three routes."""
    for rule, view in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)):
        app.add_url_rule(rule, rule.strip("/"), view)


def count_request(method: str, route: str, status: int, took_s: float) -> None:
    """Count one answered request."""
    service = current.service().name
    REQUESTS.labels(service, method if method in METHODS else "other", route, str(status)).inc()
    SECONDS.labels(service, route).observe(took_s)


@policy("internal")
def healthz() -> Response:
    return jsonify(status="alive")


@policy("internal")
def readyz() -> tuple[Response, int]:
    reasons = not_ready()
    return jsonify(status="not ready" if reasons else "ready", reasons=reasons), 503 if reasons else 200


@policy("internal")
def metrics() -> Response:
    return Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    directory = current.settings().prometheus_multiproc_dir
    if not directory:
        return REGISTRY
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    return registry


def not_ready() -> list[str]:
    """Why this service cannot serve now, in words for an operator; empty when it can."""
    here = current.service()
    try:
        with here.database.transaction() as session:
            revision = session.execute(_REVISION).scalar_one_or_none()
            if revision != here.revision:
                return [f"database at revision {revision or 'none'}, the code needs {here.revision}"]
            return heartbeats.not_ready(session, now())
    except SQLAlchemyError:
        return ["database does not answer"]


_REVISION = text("select version_num from alembic_version")
