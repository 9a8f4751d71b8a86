"""Spans as a collector receives them, and the traces that the sandbox draws of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sandbox.app import create_app
from sandbox.provider.courier import Courier
from sandbox.settings import SandboxSettings
from sandbox.store import Store
from sandbox.traces import spans
from sandbox.world import World

GIFT = "0193a1b2-0000-7000-8000-000000000001"
MS = 1_000_000


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    store = Store(tmp_path / "sandbox.sqlite3")
    settings = SandboxSettings(
        service="sandbox", demo=True, public_url="http://127.0.0.1:1", sandbox_port=0, sandbox_smtp_port=0,
        sandbox_data=str(tmp_path),
    )  # fmt: skip
    yield create_app(World(settings, store, {}, Courier(store, {}))).test_client()
    store.close()


def export(*told: tuple[str, int, int, str, int, int], service: str = "giving", about: str = "") -> bytes:
    """(trace, span, parent, name, began ms, ended ms) as one export of a service."""
    request = ExportTraceServiceRequest()
    whole = request.resource_spans.add()
    name = whole.resource.attributes.add(key="service.name")
    name.value.string_value = f"amicale-{service}"
    scope = whole.scope_spans.add()
    for trace, span, parent, what, began, ended in told:
        one = scope.spans.add(name=what, trace_id=bytes.fromhex(trace * 16), span_id=span.to_bytes(8, "big"))
        one.parent_span_id = parent.to_bytes(8, "big") if parent else b""
        one.start_time_unix_nano, one.end_time_unix_nano = began * MS, ended * MS
        if about:
            one.attributes.add(key="correlation_id").value.string_value = about
    return request.SerializeToString()


def send(client: FlaskClient, body: bytes) -> int:
    sent = client.post("/sandbox/traces/v1/traces", data=body, content_type="application/x-protobuf")
    return sent.status_code


def test_a_trace_is_drawn_through_the_services_it_went_through(client: FlaskClient) -> None:
    assert send(client, export(("aa", 1, 0, "POST /donations", 1_000, 1_080), about=GIFT)) == 200
    assert send(client, export(("aa", 2, 1, "hear donation.settled", 1_100, 1_120), service="notify")) == 200
    assert send(client, export(("bb", 3, 0, "GET /campaigns", 1_000, 1_010))) == 200

    found = client.get(f"/sandbox/traces/?q={GIFT}&lang=en").text
    assert "POST /donations" in found and "giving → notify" in found and "120 ms, spans: 2" in found
    assert "GET /campaigns" not in found

    drawn = client.get(f"/sandbox/traces/{'aa' * 16}?lang=en").text
    assert drawn.index("POST /donations") < drawn.index("hear donation.settled")
    assert 'class="deep-1"' in drawn and 'x="833"' in drawn


def test_the_latest_traces_come_first_without_turns_of_the_clock(client: FlaskClient) -> None:
    send(
        client,
        export(("aa", 1, 0, "first", 1, 2), ("bb", 2, 0, "job keep", 3, 4), ("cc", 3, 0, "last", 5, 6)),
    )

    page = client.get("/sandbox/traces/").text
    assert page.index("last") < page.index("first") and "job keep" not in page


def test_the_same_export_twice_is_kept_once(client: FlaskClient) -> None:
    for _ in range(2):
        send(client, export(("aa", 1, 0, "once", 1, 2)))

    assert "spans: 1" in client.get("/sandbox/traces/?lang=en").text


def test_what_is_no_export_is_refused_and_an_unknown_trace_is_not_there(client: FlaskClient) -> None:
    assert send(client, b"\xff\xff not protobuf") == 400
    assert client.get("/sandbox/traces/none").status_code == 404
    assert "No traces" in client.get("/sandbox/traces/?q=nothing&lang=en").text


def test_a_span_that_lost_its_parent_stands_by_itself_and_a_circle_is_left_out() -> None:
    def one(span: str, parent: str) -> spans.Span:
        return spans.Span("t", span, parent, "giving", span, 1, 2, False, {})

    ordered = spans.in_order([one("a", "gone"), one("b", "a"), one("c", "d"), one("d", "c")])

    assert [each.span_id for each in ordered] == ["a", "b"]
