"""/sandbox/traces: where spans are sent to, and the traces that they make up, drawn against time."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from sandbox import looks
from sandbox.traces import spans
from sandbox.traces.spans import Span
from sandbox.world import world

routes = Blueprint("traces", __name__, url_prefix="/sandbox/traces")


@dataclass(frozen=True)
class Bar:
    """A span as it is drawn: how deep it stands, from where to where in thousandths of the whole."""

    span: Span
    depth: int
    left: int
    width: int


@dataclass(frozen=True)
class Trace:
    """One trace: its first span names it."""

    spans: list[Span]

    @property
    def id(self) -> str:
        return self.spans[0].trace_id

    @property
    def name(self) -> str:
        return self.spans[0].name

    @property
    def at(self) -> float:
        """Seconds since 1970."""
        return self.began_ns / 1e9

    @property
    def began_ns(self) -> int:
        return min(each.began_ns for each in self.spans)

    @property
    def took_ns(self) -> int:
        return max(1, max(each.ended_ns for each in self.spans) - self.began_ns)

    @property
    def took_ms(self) -> float:
        return self.took_ns / 1e6

    @property
    def services(self) -> list[str]:
        """Who took part, in the order of their first work."""
        return list(dict.fromkeys(each.service for each in sorted(self.spans, key=lambda s: s.began_ns)))

    @property
    def failed(self) -> bool:
        return any(each.failed for each in self.spans)

    def bars(self) -> list[Bar]:
        """Every span with its place."""
        depths: dict[str, int] = {}
        drawn = []
        for each in self.spans:
            depths[each.span_id] = depths.get(each.parent_id, -1) + 1
            left = (each.began_ns - self.began_ns) * 1000 // self.took_ns
            width = max(3, (each.ended_ns - each.began_ns) * 1000 // self.took_ns)
            drawn.append(Bar(each, min(depths[each.span_id], 12), min(left, 997), width))
        return drawn


@routes.post("/v1/traces")
def receive() -> tuple[bytes, int, dict[str, str]] | tuple[dict[str, Any], int]:
    """Take an export, as a collector of OpenTelemetry does."""
    try:
        found = spans.read(request.get_data())
    except ValueError:
        return {"message": "not an export of traces"}, 400
    with world().store.transaction() as db:
        spans.keep(db, found)
    return b"", 200, {"Content-Type": "application/x-protobuf"}


@routes.get("/", strict_slashes=False)
def index() -> Response:
    """The latest traces, or those about one id: a gift's, a registration's."""
    wanted = request.args.get("q", "").strip().lower()
    with world().store.transaction() as db:
        found = spans.about(db, wanted) if wanted else spans.latest(db)
        traces = [Trace(spans.trace(db, each)) for each in found]
    return looks.page("traces.html", q=wanted, traces=traces)


@routes.get("/<trace_id>")
def one(trace_id: str) -> Response:
    with world().store.transaction() as db:
        found = spans.trace(db, trace_id)
    return looks.page("trace.html", trace=Trace(found or abort(404)))
