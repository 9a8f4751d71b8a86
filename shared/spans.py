"""Spans exported to an OpenTelemetry collector, without anything personal in them.

Imported only when `OTLP_ENDPOINT` is set. The instrumentors put query strings, client addresses and the text
of exceptions (PostgreSQL's quotes values) into spans, so that only the attributes listed here leave.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status

ATTRIBUTES = frozenset(
    {
        "http.method",
        "http.request.method",
        "http.route",
        "http.status_code",
        "http.response.status_code",
        "db.system",
        "db.system.name",
        "db.name",
        "db.namespace",
        "db.statement",
        "db.query.text",
        "messaging.system",
        "messaging.destination.name",
        "messaging.message.id",
        "message_id",
        "correlation_id",
        "topic",
        "type",
        "job",
    }
)


def export(service: str, endpoint: str) -> None:
    """Send this process's spans, in batches, to the collector at `endpoint`."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"amicale-{service}"}))
    address = endpoint.rstrip("/")
    address = address if address.endswith("/v1/traces") else f"{address}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(Scrubbed(OTLPSpanExporter(endpoint=address))))
    trace.set_tracer_provider(provider)
    PsycopgInstrumentor().instrument(capture_parameters=False)


class Scrubbed(SpanExporter):
    """An exporter that lets through names, times, ids and ATTRIBUTES, and no text of events or errors."""

    def __init__(self, to: SpanExporter) -> None:
        self._to = to

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._to.export([scrub(each) for each in spans if not is_idle(each)])

    def shutdown(self) -> None:
        self._to.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._to.force_flush(timeout_millis)


def is_idle(span: ReadableSpan) -> bool:
    """Whether it is a statement within nothing: relay and jobs look for work twenty times a second."""
    return span.parent is None and span.kind is SpanKind.CLIENT


def scrub(span: ReadableSpan) -> ReadableSpan:
    """The span without what may hold a value."""
    kept: dict[str, Any] = {
        name: each for name, each in (span.attributes or {}).items() if name in ATTRIBUTES
    }
    return ReadableSpan(
        name=_name(span),
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _name(span: ReadableSpan) -> str:
    """The span's name; the method alone where no route was found, for the name holds the address then."""
    told = span.attributes or {}
    if span.kind is not SpanKind.SERVER or "http.route" in told:
        return span.name
    return str(told.get("http.request.method") or told.get("http.method") or "HTTP")
