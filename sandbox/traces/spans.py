"""Spans as they are exported (OTLP over HTTP, protobuf), and the traces that they make up."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

KEPT = 50_000
"""So many of the latest spans; older ones go."""
JOBS = "job "
"""The name of a span that is a turn of the clock begins so: most found nothing to do."""

TABLES = """
CREATE TABLE IF NOT EXISTS spans (
    seq INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL,
    service TEXT NOT NULL, name TEXT NOT NULL, began_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL,
    failed INTEGER NOT NULL, told TEXT NOT NULL, subject TEXT, UNIQUE (trace_id, span_id));
CREATE INDEX IF NOT EXISTS spans_of_subject ON spans (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS spans_first ON spans (seq) WHERE parent_id = '';
"""


@dataclass(frozen=True)
class Span:
    """One piece of work: who did what, within what, from when to when (ns since 1970)."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    began_ns: int
    ended_ns: int
    failed: bool
    told: dict[str, str]

    @property
    def subject(self) -> str | None:
        """The id that the work is about, such as a gift's."""
        return self.told.get("correlation_id")

    @property
    def took_ms(self) -> float:
        return (self.ended_ns - self.began_ns) / 1e6


def read(body: bytes) -> list[Span]:
    """The spans of one export; ValueError when it is none."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        export = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    return [_span(_service(whole.resource), each) for whole, each in _each(export)]


def _each(export: Any) -> Iterator[tuple[Any, Any]]:
    for whole in export.resource_spans:
        for scope in whole.scope_spans:
            for each in scope.spans:
                yield whole, each


def _service(resource: Any) -> str:
    return _told(resource.attributes).get("service.name", "").removeprefix("amicale-")


def _span(service: str, span: Any) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        failed=span.status.code == 2,
        told=_told(span.attributes),
    )


def _told(attributes: Iterable[Any]) -> dict[str, str]:
    return {
        each.key: str(getattr(each.value, each.value.WhichOneof("value") or "", "")) for each in attributes
    }


def keep(db: sqlite3.Connection, spans: Iterable[Span]) -> None:
    """Keep them, each once, and let the oldest go."""
    db.executemany(
        "INSERT OR IGNORE INTO spans"
        " (trace_id, span_id, parent_id, service, name, began_ns, ended_ns, failed, told, subject)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (s.trace_id, s.span_id, s.parent_id, s.service, s.name, s.began_ns, s.ended_ns, s.failed,
             json.dumps(s.told), s.subject)
            for s in spans
        ],
    )  # fmt: skip
    db.execute("DELETE FROM spans WHERE seq <= (SELECT max(seq) FROM spans) - ?", (KEPT,))


def trace(db: sqlite3.Connection, trace_id: str) -> list[Span]:
    """The spans of one trace, each after the one that it is part of."""
    rows = db.execute("SELECT * FROM spans WHERE trace_id = ? ORDER BY began_ns, seq", (trace_id,))
    return in_order([_of(row) for row in rows])


def in_order(spans: list[Span]) -> list[Span]:
    """Parents before their children, by time; one whose parent is not known stands by itself."""
    known = {each.span_id for each in spans}
    children: dict[str, list[Span]] = {}
    for each in spans:
        children.setdefault(each.parent_id if each.parent_id in known else "", []).append(each)
    ordered: list[Span] = []
    waiting = list(reversed(children.get("", [])))
    while waiting:
        ordered.append(waiting.pop())
        waiting.extend(reversed(children.pop(ordered[-1].span_id, [])))
    return ordered


def latest(db: sqlite3.Connection, *, limit: int = 100) -> list[str]:
    """The traces that began last, without turns of the clock."""
    rows = db.execute(
        "SELECT trace_id FROM spans WHERE parent_id = '' AND name NOT LIKE ? || '%'"
        " ORDER BY seq DESC LIMIT ?",
        (JOBS, limit),
    )
    return [row["trace_id"] for row in rows]


def about(db: sqlite3.Connection, subject: str, *, limit: int = 100) -> list[str]:
    """The traces in which something was done about `subject`, or the one of that id; the oldest first."""
    rows = db.execute(
        "SELECT trace_id, min(began_ns) AS began FROM spans WHERE subject = ? OR trace_id = ?"
        " GROUP BY trace_id ORDER BY began LIMIT ?",
        (subject, subject, limit),
    )
    return [row["trace_id"] for row in rows]


def _of(row: sqlite3.Row) -> Span:
    values = dict(row) | {"told": json.loads(row["told"]), "failed": bool(row["failed"])}
    return Span(**{name: values[name] for name in Span.__dataclass_fields__})
