"""What the system says of itself: traces that go on, logs without personal data, little memory."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared import telemetry
from tests.support.postgres import ServiceDatabase
from tests.support.small.app import create_app, settings

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOTES = "/api/v1/small/notes"


def test_a_trace_goes_on_with_a_new_span() -> None:
    with telemetry.traced("handle", PARENT):
        child = telemetry.traceparent()

    assert child[3:35] == PARENT[3:35] and child[36:52] != PARENT[36:52] and child.endswith("-01")


@pytest.mark.parametrize(
    "odd", [None, "", "x", PARENT.upper(), "00-" + "0" * 32 + PARENT[35:], PARENT + "x", "é"]
)
def test_what_is_no_trace_begins_one(odd: str | None) -> None:
    with telemetry.traced("handle", odd):
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", telemetry.traceparent())


def test_outside_a_trace_there_is_none_and_nested_spans_share_one() -> None:
    assert telemetry.traceparent() == ""
    with telemetry.traced("outer"):
        outer = telemetry.traceparent()
        with telemetry.traced("inner"):
            assert telemetry.traceparent()[3:35] == outer[3:35]
        assert telemetry.traceparent() == outer
    assert telemetry.traceparent() == ""


def test_a_request_goes_on_with_the_caller_s_trace(
    small_database: ServiceDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_app(settings(small_database.app_url, log_level="info"))
    seen: list[str] = []
    app.before_request(lambda: seen.append(telemetry.traceparent()))

    app.test_client().get(f"{NOTES}/summary", headers={"traceparent": PARENT})

    assert seen[0][3:35] == PARENT[3:35]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["trace_id"] == PARENT[3:35]


@pytest.mark.parametrize("given", ["a b", "x" * 65, "ada@example.org", "short", "a\u00e9bcdefgh"])
def test_a_request_id_from_outside_is_taken_only_when_it_is_plain(client: FlaskClient, given: str) -> None:
    answer = client.get(f"{NOTES}/summary", headers={"X-Request-Id": given.encode().decode("latin-1")})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_metrics_count_by_route_template(small: Flask) -> None:
    client = small.test_client()
    client.get(f"{NOTES}/by-link/some-token")

    said = client.get("/metrics").text

    assert f'route="{NOTES}/by-link/<token>"' in said
    assert "some-token" not in said


SPANS = """
import json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

got = []
class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip
            body = gzip.decompress(body)
        got.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200); self.end_headers()
    def log_message(self, *_): ...

server = HTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()

from tests.support.small.app import create_app, settings
from shared import telemetry
app = create_app(settings(sys.argv[1], otlp_endpoint=f"http://127.0.0.1:{server.server_port}"))
def clash(note):
    from sqlalchemy import text
    from tests.support.small.models import database
    with database.transaction() as session:
        session.execute(text("insert into notes (id, text, amount_minor) select id, text, 0 from notes"))

app.test_client().post("/api/v1/small/notes?x=ada%40example.org", json={"text": "ada@example.org"},
    headers={"Idempotency-Key": "key-0001", "traceparent": sys.argv[2]})
app.config["BETWEEN"] = clash
app.test_client().post("/api/v1/small/notes", json={"text": "ada@example.org"},
    headers={"Idempotency-Key": "key-of-ada", "traceparent": sys.argv[2]})
app.test_client().get("/api/v1/small/notes/by-link/0190c0de.secret-of-ada/")
app.test_client().get("/people/ada@example.org")
app.test_client().delete("/api/v1/small/notes/by-link/0190c0de.secret-of-ada")
app.test_client().open("/people/ada@example.org", method="ADA")
with telemetry.traced("handle donation.settled", sys.argv[2]):
    carried = telemetry.traceparent()
from opentelemetry import trace
trace.get_tracer_provider().force_flush()
scopes = [scope for each in got for resource in each.resource_spans for scope in resource.scope_spans]
spans = [span for scope in scopes for span in scope.spans]
traces = sorted({span.trace_id.hex() for span in spans})
names = [span.name for span in spans]
print(json.dumps({"names": names, "traces": traces, "carried": carried, "all": str(spans)}))
"""


def run(script: str, *arguments: str) -> Any:
    """Run a script in a process of its own; its last line of output as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_spans_are_exported_when_told_where_to_and_hold_no_values(
    small: Flask, small_database: ServiceDatabase
) -> None:
    said = run(SPANS, small_database.app_url, PARENT)

    assert f"POST {NOTES}" in said["names"]
    assert any(name.upper().startswith("INSERT") for name in said["names"])
    assert "handle donation.settled" in said["names"]
    assert PARENT[3:35] in said["traces"] and said["carried"][3:35] == PARENT[3:35]
    assert {"GET", "DELETE"} <= set(said["names"])
    for secret in ("ada", "ADA", "key-of-ada", "example.org", "0190c0de", "already exists"):
        assert secret not in said["all"]


LEAN = """
import json, sys
from tests.support.small.app import create_app, settings
app = create_app(settings(sys.argv[1]))
app.test_client().get("/api/v1/small/notes/summary")
heavy = ("opentelemetry", "stripe", "httpx", "babel", "kafka", "cryptography.x509.ocsp")
import psutil
print(json.dumps({"heavy": [name for name in heavy if name in sys.modules],
                  "mb": psutil.Process().memory_full_info().uss / 1e6}))
"""


def test_a_service_imports_nothing_heavy_that_it_does_not_use(
    small: Flask, small_database: ServiceDatabase
) -> None:
    said = run(LEAN, small_database.app_url)

    assert said["heavy"] == []
    assert said["mb"] < 80


COUNTED = """
import json, sys
from tests.support.small.app import create_app, settings
app = create_app(settings(sys.argv[1], prometheus_multiproc_dir=sys.argv[2]))
app.test_client().get("/api/v1/small/notes/summary")
print(json.dumps(app.test_client().get("/metrics").text))
"""


def test_the_metrics_of_several_processes_are_one(
    small: Flask, small_database: ServiceDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    run(COUNTED, small_database.app_url, str(tmp_path))

    said = run(COUNTED, small_database.app_url, str(tmp_path))

    labels = f'{{method="GET",route="{NOTES}/summary",service="small",status="200"}}'
    assert f"amicale_requests_total{labels} 2.0" in said
    assert 'route="/metrics"' not in said  # what looks after a service is nobody's request
