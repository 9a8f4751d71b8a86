"""What the system says of itself: logs as facts in JSON, trace ids, metrics.

Without `OTLP_ENDPOINT` no OpenTelemetry module is imported: trace ids are carried on by the few lines here.
Logs hold ids, counts and route templates; never query strings, names, addresses or secrets.
"""

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import structlog

if TYPE_CHECKING:
    from flask import Flask

    from shared.settings import Process

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_traceparent: ContextVar[str] = ContextVar("traceparent", default="")
_exporting = False
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def setup(settings: "Process") -> None:
    """Make this process's log JSON lines on standard output, and export spans when told where to."""
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=settings.service)
    if settings.otlp_endpoint:
        _export_spans(settings)


def instrument(app: "Flask") -> None:
    """Spans of HTTP requests, named by route template, when spans are exported."""
    if _exporting:
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        instrumentor = FlaskInstrumentor()
        instrumentor.instrument_app(app, excluded_urls="healthz,readyz,metrics")  # type: ignore[no-untyped-call]


def traceparent() -> str:
    """The W3C traceparent of what is being done now; "" outside any trace."""
    if _exporting:
        from opentelemetry.propagate import inject

        carrier: dict[str, str] = {}
        inject(carrier)
        return carrier.get("traceparent", "")
    return _traceparent.get()


@contextmanager
def traced(name: str, parent: str | None = None, **facts: Any) -> Iterator[None]:
    """Do something as one span that continues the trace `parent` (or the present one), or begins a trace."""
    if _exporting:
        from opentelemetry import trace
        from opentelemetry.propagate import extract

        context = extract({"traceparent": parent}) if parent else None
        attributes = {fact: str(value) for fact, value in facts.items()}
        with trace.get_tracer("amicale").start_as_current_span(name, context, attributes=attributes):
            yield
        return
    with followed(parent):
        yield


@contextmanager
def followed(parent: str | None = None) -> Iterator[None]:
    """As `traced`, for what is done too often to be told to a collector: only log lines have a trace."""
    token = _traceparent.set(child_of(parent or _traceparent.get()))
    try:
        yield
    finally:
        _traceparent.reset(token)


def child_of(parent: str | None) -> str:
    """A new span's traceparent in the trace of `parent`, or in a new trace when that is no traceparent."""
    sound = parent is not None and _TRACEPARENT.fullmatch(parent)
    trace = parent[3:35] if parent and sound else secrets.token_hex(16)
    return f"00-{trace}-{secrets.token_hex(8)}-{parent[-2:] if parent and sound else '00'}"


def _add_trace(_: Any, __: str, event: Any) -> Any:
    if current := traceparent():
        event["trace_id"] = current[3:35]
    return event


def _export_spans(settings: "Process") -> None:
    global _exporting
    if not _exporting:
        from shared import spans

        spans.export(settings.service, settings.otlp_endpoint)
        _exporting = True


def bound(**facts: Any) -> Any:
    """Facts that every log line within a `with` block carries."""
    return cast(Any, structlog.contextvars.bound_contextvars(**facts))


def concerns(correlation_id: Any) -> None:
    """What is left of this request is about the chain of this id, a gift's: its log lines and span say so.

    For requests only, each of which begins with no such fact.
    """
    structlog.contextvars.bind_contextvars(correlation_id=str(correlation_id))
    if _exporting:
        from opentelemetry import trace

        trace.get_current_span().set_attribute("correlation_id", str(correlation_id))


def begin(parent: str | None) -> None:
    """A request begins: go on with the caller's trace, or begin one."""
    if not _exporting:
        _traceparent.set(child_of(parent))


def end() -> None:
    """The request has ended: its thread is in no trace any more."""
    if not _exporting:
        _traceparent.set("")
