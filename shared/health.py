"""`/healthz` this process lives, `/readyz` it can serve, `/metrics` for Prometheus: for callers inside.

What a dead or frozen worker can no longer say, and what one of several does not know, is read from the
database at each scrape: `amicale_worker_silent_seconds`, `amicale_consumer_lag`,
`amicale_outbox_unpublished_rows`, `amicale_outbox_oldest_seconds`, and `amicale_waits_seconds` and
`amicale_refused` of what a service sends out.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from flask import Flask, Response, jsonify
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared import current, dead_letters, heartbeats
from shared.clock import now
from shared.http import policy
from shared.outbox import outbox_state

LONG = timedelta(minutes=10)
"""What a service sends out, and waits for longer than this, is worth a warning."""
MANY = 10
"""So many of it refused for good in a few hours are more than wrong addresses: worth a warning."""

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
    """Not ready with the reasons; a warning leaves it ready: gifts are taken whatever waits to be told."""
    reasons = not_ready()
    if reasons:
        return jsonify(status="not ready", reasons=reasons, warnings=[]), 503
    at = now()
    with current.service().database.transaction() as session:
        waits, refused = flow(session, at)
    return jsonify(status="ready", reasons=[], warnings=warnings(waits, refused, at)), 200


@policy("internal")
def metrics() -> Response:
    present = CollectorRegistry()
    present.register(_Present())
    return Response(generate_latest(_registry()) + generate_latest(present), content_type=CONTENT_TYPE_LATEST)


class _Present:
    """What the database says at this moment, and whether it answers at all."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        here, at = current.service(), now()
        try:
            with here.database.transaction() as session:
                outbox, beats = outbox_state(session), heartbeats.heartbeats(session)
                waits, refused = flow(session, at)
                for_staff = {"dead letters": dead_letters.waiting_count(session)}
                for_staff |= here.for_staff(session) if here.for_staff else {}
        except SQLAlchemyError:
            yield _gauge("amicale_database_answers", "Whether the database answers.", 0)
            return
        yield _gauge("amicale_database_answers", "Whether the database answers.", 1)
        silent = (at - beats[0].beat_at).total_seconds() if beats else float("inf")
        yield _gauge("amicale_worker_silent_seconds", "Since the last sign of any worker.", silent)
        if (lag := heartbeats.lag(beats, at)) is not None:
            behind = GaugeMetricFamily(
                "amicale_consumer_lag", "Messages not handled yet, all workers together.", labels=["consumer"]
            )
            behind.add_metric([here.name], lag)
            yield behind
        yield _gauge("amicale_outbox_unpublished_rows", "Rows that wait (up to 10,000).", outbox.unpublished)
        yield _gauge("amicale_outbox_oldest_seconds", "Age of the oldest row that waits.", outbox.age_s(at))
        oldest = GaugeMetricFamily(
            "amicale_waits_seconds", "Age of the oldest that waits to leave.", labels=["what"]
        )
        for what, since in waits.items():
            oldest.add_metric([what], (at - since).total_seconds() if since else 0)
        yield oldest
        lost = GaugeMetricFamily("amicale_refused", "Refused for good in the last 6 hours.", labels=["what"])
        for what, count in refused.items():
            lost.add_metric([what], count)
        yield lost
        looked_at = GaugeMetricFamily("amicale_for_staff", "What waits for a person.", labels=["what"])
        for what, count in for_staff.items():
            looked_at.add_metric([what], count)
        yield looked_at


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def flow(session: Session, at: datetime) -> tuple[dict[str, datetime | None], dict[str, int]]:
    """What this service sends out: since when the oldest waits, and how many were refused lately."""
    here = current.service()
    return here.waits(session) if here.waits else {}, here.refused(session, at) if here.refused else {}


def warnings(waits: dict[str, datetime | None], refused: dict[str, int], at: datetime) -> list[str]:
    """What waits for long or was refused in numbers, though the service itself is well."""
    long = [
        f"{what} wait since {since.isoformat(timespec='seconds')}"
        for what, since in waits.items()
        if since and at - since > LONG
    ]
    many = [f"{count} {what} refused in the last hours" for what, count in refused.items() if count >= MANY]
    return long + many


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
            if (revision or "") < here.revision:  # a newer one serves the code before it too
                return [f"database at revision {revision or 'none'}, the code needs {here.revision}"]
            return heartbeats.not_ready(session, now())
    except SQLAlchemyError:
        return ["database does not answer"]


_REVISION = text("select version_num from alembic_version")
