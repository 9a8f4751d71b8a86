"""The gateway's rules, on the real Caddy before an upstream that tells what reached it."""

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from deploy.local.layout import ROOT
from tests.support.stack import free_ports

CADDY = Path(sysconfig.get_path("scripts")) / "caddy"
CADDYFILE = ROOT / "deploy/gateway/Caddyfile"


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and headers that it received."""

    protocol_version = "HTTP/1.1"
    begun: ClassVar[list[str]] = []
    """Paths of the posts that reached a part, body read or not."""

    def do_POST(self) -> None:
        self.begun.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.think()
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        if self.path.endswith("/stream"):
            return self.stream()
        self.think()
        headers: dict[str, list[str]] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        body = json.dumps(
            {"path": self.path, "headers": headers, "port": self.server.server_address[1]}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/own-policy":
            self.send_header("Content-Security-Policy", "default-src 'none'")
        self.end_headers()
        self.wfile.write(body)

    def think(self) -> None:
        """Answer only after as many seconds as the query asks for."""
        time.sleep(float(self.path.partition("?think=")[2] or 0))

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(2):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(1)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Gateway:
    url: str
    log: Path
    upstreams: dict[str, int]


@contextmanager
def gateway(
    folder: Path, *, config: Path = ROOT / "deploy/gateway/Caddyfile", **more: str
) -> Iterator[Gateway]:
    """Caddy on our Caddyfile, with one echo for each part."""
    names = ("WEB", "WEB_LIVE", "DIRECTORY", "GIVING", "NOTIFY", "SANDBOX")
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), Echo) for name in names}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {name: server.server_address[1] for name, server in servers.items()}
    port = free_ports()
    told = {name: f"127.0.0.1:{number}" for name, number in ports.items()}
    told |= {
        "GATEWAY_ADDRESS": f"http://:{port}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    log = folder / "gateway.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [CADDY, "run", "--adapter", "caddyfile", "--config", str(config)],
            env={**os.environ, **told, **more}, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_for(port, process)
        yield Gateway(f"http://127.0.0.1:{port}", log, ports)
    finally:
        process.terminate()
        process.wait(5)
        for server in servers.values():
            server.shutdown()
            server.server_close()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "caddy ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("caddy does not listen")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    extra = "sandbox.caddy"
    with gateway(tmp_path_factory.mktemp("demo"), GATEWAY_EXTRA=extra) as running:
        yield running


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("production")) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/", "WEB"),
        ("/readyz", "WEB"),
        ("/console/gifts", "WEB"),
        ("/api/v1/giving/campaigns", "GIVING"),
        ("/api/v1/directory/people/me", "DIRECTORY"),
        ("/api/v1/notify/openapi.json", "NOTIFY"),
        ("/webhooks/stripe/giving/foundation", "GIVING"),
        ("/live/console", "WEB_LIVE"),
        ("/sandbox/mailbox/", "SANDBOX"),
    ],
)
def test_each_path_goes_to_its_part(demo: Gateway, path: str, part: str) -> None:
    assert httpx.get(demo.url + path).json()["port"] == demo.upstreams[part]


@pytest.mark.parametrize(
    "path",
    [
        "/metrics", "/api/v1/giving/metrics", "/api/v1/giving/readyz", "/api/v1/giving/healthz", "/healthz",
        "/api/v1/directory/readyz/", "/api/v1/nobody/x", "/api/v2/giving/campaigns",
        "/webhooks/stripe/notify/x",
        "/API/V1/giving/metrics", "/api/v1/giving/%6detrics", "//metrics",
        "/api/v1/giving/../../../metrics",
    ],
)  # fmt: skip
def test_what_insiders_ask_is_not_found_from_outside(demo: Gateway, path: str) -> None:
    answer = httpx.get(demo.url + path)

    reached = answer.json()["path"] if answer.status_code == 200 else ""
    assert answer.status_code == 404, reached


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v2/giving/campaigns", "/api/", "/webhooks/x", "/api/v1/giving/metrics"]
)
def test_what_is_nowhere_is_said_by_a_problem(demo: Gateway, path: str) -> None:
    answer = httpx.get(demo.url + path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    told = answer.json()
    assert (told["type"], told["code"]) == ("urn:amicale:problem:not_found", "not_found")
    assert (told["title"], told["status"]) == ("Not Found", 404)
    assert answer.headers["Cache-Control"] == "no-store" and "Server" not in answer.headers


def test_production_has_no_way_to_the_sandbox(production: Gateway) -> None:
    assert httpx.get(f"{production.url}/sandbox/mailbox/").json()["port"] == production.upstreams["WEB"]


SECRETS_OF_THE_SANDBOX = [
    "/sandbox/", "/sandbox", "/sandbox/mailbox/", "/sandbox/authenticator", "/sandbox/control",
    "/sandbox/receiver", "/sandbox/pay/../mailbox/", "/sandbox/pay/%2e%2e/mailbox/", "/SANDBOX/mailbox/",
    "//sandbox/mailbox/", "/sandbox/static/../authenticator",
]  # fmt: skip


def status(port: int, path: str, *, source: str = "127.0.0.1", name: str = "127.0.0.1") -> int:
    """What a GET of exactly this path is answered, by where the client is and the name that it gives."""
    with socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return int(client.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("path", SECRETS_OF_THE_SANDBOX)
def test_no_page_with_another_name_is_led_to_the_sandbox(demo: Gateway, path: str) -> None:
    port = int(demo.url.rpartition(":")[2])

    assert status(port, path, name="rebound.example") == 403


NEIGHBOUR = "127.0.0.2"
"""An address that is not this machine's own name: calls that come from there are a neighbour's."""


@pytest.mark.parametrize("path", SECRETS_OF_THE_SANDBOX)
@pytest.mark.parametrize("name", ["127.0.0.1", "192.168.1.7"])
def test_neighbours_are_refused_the_sandbox(demo: Gateway, path: str, name: str) -> None:
    port = int(demo.url.rpartition(":")[2])

    assert status(port, path, source=NEIGHBOUR, name=name) == 403


@pytest.mark.parametrize("path", ["/", "/sandbox/pay/cs_test_1", "/sandbox/static/sandbox.css"])
def test_neighbours_see_the_pages_and_may_pay(demo: Gateway, path: str) -> None:
    port = int(demo.url.rpartition(":")[2])

    assert status(port, path, source=NEIGHBOUR, name="192.168.1.7") == 200


def test_on_its_own_machine_a_demo_shows_its_sandbox(demo: Gateway) -> None:
    assert status(int(demo.url.rpartition(":")[2]), "/sandbox/mailbox/", name="localhost:8080") == 200


def test_a_forged_address_is_overwritten(demo: Gateway) -> None:
    forged = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Host": "evil.example", "Forwarded": "for=9.9.9.9"}
    headers = httpx.get(f"{demo.url}/api/v1/giving/x", headers=forged).json()["headers"]

    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-host"] == [demo.url.removeprefix("http://")]
    assert "forwarded" not in headers


@pytest.mark.parametrize(
    "name",
    [
        "X-User-Id",
        "X_User_Id",
        "x-user",
        "X-Person-Id",
        "X-Rights",
        "X-Remote-User",
        "Remote-User",
        "X-Internal",
    ],
)
def test_nobody_is_someone_by_a_header(demo: Gateway, name: str) -> None:
    headers = httpx.get(f"{demo.url}/api/v1/giving/x", headers={name: "1"}).json()["headers"]

    assert name.lower() not in headers


def test_the_answer_says_nothing_of_the_servers_and_is_guarded(demo: Gateway) -> None:
    headers = httpx.get(demo.url).headers

    assert "server" not in headers and "via" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_part_with_a_policy_of_its_own_keeps_the_other_guards(demo: Gateway) -> None:
    headers = httpx.get(f"{demo.url}/own-policy").headers

    assert headers["content-security-policy"] == "default-src 'none'"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"


def test_the_widget_alone_may_be_framed(demo: Gateway) -> None:
    paths = ("/widget/bourses-2026", "/widget", "/campaigns/widget/", "/widget/../console/")
    framed = ["x-frame-options" not in httpx.get(demo.url + path).headers for path in paths]

    assert framed == [True, False, False, False]


def test_streams_are_not_held_back(demo: Gateway) -> None:
    began = time.monotonic()
    with httpx.stream("GET", f"{demo.url}/live/stream", headers={"Accept-Encoding": "gzip, zstd"}) as answer:
        first = next(answer.iter_text())

    assert "data: 0" in first and time.monotonic() - began < 1.8


def test_the_log_keeps_no_query_no_link_and_no_whole_address(demo: Gateway) -> None:
    httpx.get(f"{demo.url}/people?q=marie-curie")
    httpx.get(f"{demo.url}/l/gift/0190c-secret.mac?x=1")
    httpx.get(
        f"{demo.url}/api/v1/giving/gift-links/0191d-secret.mac/wall", headers={"Cookie": "a=cookie-secret"}
    )
    httpx.get(f"{demo.url}/seen")
    for _ in range(40):
        if "/seen" in (log := demo.log.read_text()):
            break
        time.sleep(0.05)

    assert '"/people"' in log and "/l/gift/" in log and "/wall" in log
    requests = [line for line in log.splitlines() if '"request"' in line]
    for secret in ("marie-curie", "-secret", "Cookie", "remote_port", '"remote_ip":"127.0.0.1"'):
        assert [line for line in requests if secret in line] == []


SECRET = "RQ_a9-Xk3vLmN0pBcDeFg1"
LINK = f"0190c0de-7c7c-7000-8000-00000000c0de.{SECRET}"


@pytest.mark.parametrize(
    "path",
    [
        f"/l/registration/{LINK}", f"/l/registration/{LINK}/calendar", f"/l/%72egistration/{LINK}",
        f"/%6C/gift/{LINK}", f"//l//gift//{LINK}/", f"/l%2Fregistration%2F{LINK}", f"/nowhere/{LINK}",
        f"/l/gift/{LINK.replace('.', '%2E').replace('0190', '%301%390')}x", f"/a/{LINK.replace('c', '%63')}",
        f"/l/sign-in/{SECRET}", f"/l/%73ign-in/{SECRET}", f"/l%2fsign-in%2f{SECRET}/",
        f"/api/v1/giving/gift%2Dlinks/{LINK}/wall", f"/api/v1/giving/gift-links/{SECRET}",
        f"/api/v1/events/registration-links/{LINK}/calendar",
        f"/api/v1/events/registration%2dlinks/{LINK.replace('.', '%252e')}",
        f"/x/{LINK.replace('0', '%2530')}",
    ],
)  # fmt: skip
def test_a_link_is_not_logged_wherever_and_however_it_is_written(demo: Gateway, path: str) -> None:
    status(int(demo.url.rpartition(":")[2]), path)

    [uri] = logged_after(demo, f"/seen/{hash(path)}")[-2:-1]
    assert SECRET not in uri and "c0de" not in uri and "%630de" not in uri


def test_ids_that_are_no_links_stay_in_the_log(demo: Gateway) -> None:
    httpx.get(f"{demo.url}/console/events/{LINK.partition('.')[0]}/export.csv")

    assert "/console/events/0190c0de-7c7c-7000-8000-00000000c0de/export.csv" in logged_after(demo, "/seen/id")


def logged_after(demo: Gateway, mark: str) -> list[str]:
    """The addresses in the log, up to one that is asked for now."""
    httpx.get(demo.url + mark)
    for _ in range(100):
        lines = [json.loads(line) for line in demo.log.read_text().splitlines() if '"request"' in line]
        if (uris := [line["request"]["uri"] for line in lines if "request" in line]) and uris[-1] == mark:
            return uris
        time.sleep(0.05)
    raise AssertionError(f"{mark} is not in the log")


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose web, live updates and giving do not run."""
    gone = dict.fromkeys(("WEB", "WEB_LIVE", "GIVING"), "127.0.0.1:1")
    with gateway(tmp_path_factory.mktemp("away"), **gone) as running:
        yield running


@pytest.mark.parametrize("path", ["/api/v1/giving/campaigns", "/webhooks/stripe/giving/foundation"])
def test_programs_are_told_of_a_part_that_is_away_by_a_problem(away: Gateway, path: str) -> None:
    answer = httpx.post(away.url + path, content=b"{}")

    assert answer.status_code == 502 and int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["type"], told["code"]) == ("urn:amicale:problem:unavailable", "unavailable")
    assert (told["status"], told["title"]) == (502, "Bad Gateway")
    assert "127.0.0.1" not in answer.text


def test_people_are_told_of_a_part_that_is_away_by_a_page_in_both_languages(away: Gateway) -> None:
    answer = httpx.get(f"{away.url}/campaigns/library?x=1")

    assert answer.status_code == 502 and int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "rien n’a été débité deux fois" in answer.text and "nothing was charged twice" in answer.text
    assert '<html lang="fr">' in answer.text and '<section lang="en">' in answer.text
    assert "prefers-color-scheme: dark" in answer.text and "<script" not in answer.text
    assert "Bad Gateway" not in answer.text and "{" not in answer.text.partition("<body>")[2]
    assert "127.0.0.1" not in answer.text


def test_only_what_was_got_is_asked_again_by_a_link(away: Gateway) -> None:
    got = httpx.get(f"{away.url}/campaigns/library")
    posted = httpx.post(f"{away.url}/campaigns/library/gifts", content=b"")

    assert "<a href=''>Réessayer" in got.text
    assert posted.status_code == 502 and "Rechargez" in posted.text and "<a" not in posted.text


def test_a_live_page_is_told_by_one_sentence_in_its_place_for_notices(away: Gateway) -> None:
    answer = httpx.get(f"{away.url}/console/gifts", headers={"HX-Request": "true"})

    assert answer.status_code == 502 and answer.headers["HX-Retarget"] == "#notice"
    assert answer.text.startswith('<p class="alert" role="alert">')


@pytest.mark.parametrize("path", ["/", "/live/console", "/api/v1/giving/campaigns"])
def test_the_answer_for_a_part_that_is_away_is_guarded_as_every_other(away: Gateway, path: str) -> None:
    headers = httpx.get(away.url + path).headers

    assert "server" not in headers and "via" not in headers
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["cache-control"] == "no-store"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that waits a tenth as long as ours for an answer to begin."""
    folder = tmp_path_factory.mktemp("hasty")
    shutil.copytree(ROOT / "deploy/gateway", folder / "gateway")
    config = folder / "gateway/Caddyfile"
    words = config.read_text()
    for before, after in (("} 15s", "} 1.5s"), ("} 35s", "} 3.5s"), ("} 100s", "} 10s"), ("} 200s", "} 20s")):
        assert words.count(before) == 1
        words = words.replace(before, after)
    config.write_text(words)
    with gateway(folder, config=config) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "within_s"),
    [
        ("GET", "/api/v1/giving/campaigns", 1.5),
        ("GET", "/console/gifts", 1.5),
        ("GET", "/api/v1/directory/imports", 1.5),
        ("POST", "/api/v1/giving/donations", 3.5),
        ("POST", "/webhooks/stripe/giving/foundation", 3.5),
    ],
)
def test_a_part_that_takes_a_request_and_is_silent_is_away(
    hasty: Gateway, method: str, path: str, within_s: float
) -> None:
    began = time.monotonic()

    answer = httpx.request(method, f"{hasty.url}{path}?think=6", timeout=10)

    assert answer.status_code == 504 and int(answer.headers["Retry-After"]) > 0
    assert within_s <= time.monotonic() - began < within_s + 1.5
    if path.startswith("/api/"):
        assert (answer.json()["code"], answer.json()["status"]) == ("unavailable", 504)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/directory/imports"),
        ("POST", "/console/imports/"),
        ("POST", "/api/v1/giving/reconciliations"),
        ("POST", "/console/reconciliation/run"),
        ("POST", "/api/v1/giving/donation-exports"),
        ("GET", "/console/gifts/export.csv"),
        ("GET", "/console/imports/0190/refused.csv"),
    ],
)
def test_long_work_is_waited_for(hasty: Gateway, method: str, path: str) -> None:
    answer = httpx.request(
        method, f"{hasty.url}{path}?think=4", headers={"Authorization": "Bearer x"}, timeout=10
    )

    assert answer.status_code in {200, 204}


def test_what_has_begun_to_answer_takes_its_time(hasty: Gateway) -> None:
    assert "data: 1" in httpx.get(f"{hasty.url}/live/stream").text


def drip(port: int, path: str) -> socket.socket:
    """Begin a post and send no more than a part of its body."""
    sender = socket.create_connection(("127.0.0.1", port))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
    sender.sendall(head.encode() + b"x" * 290_000)
    return sender


def test_a_slow_sender_holds_the_gateway_and_no_part(demo: Gateway) -> None:
    sender = drip(int(demo.url.rpartition(":")[2]), "/sign-in?slow")
    time.sleep(0.5)

    assert "/sign-in?slow" not in Echo.begun
    sender.sendall(b"x" * 10_000)
    until = time.monotonic() + 10
    while "/sign-in?slow" not in Echo.begun and time.monotonic() < until:
        time.sleep(0.02)
    assert "/sign-in?slow" in Echo.begun
    sender.close()


def test_control_without_the_gateway_a_slow_sender_holds_the_part(demo: Gateway) -> None:
    sender = drip(demo.upstreams["WEB"], "/sign-in?direct")
    time.sleep(0.5)

    assert "/sign-in?direct" in Echo.begun
    sender.close()


def begin(port: int, path: str, *, size: int, sent: int, headers: str = "") -> socket.socket:
    """Begin a post that says how large its body is, and send a part of it."""
    sender = socket.create_connection(("127.0.0.1", port), timeout=5)
    sender.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n{headers}\r\n".encode())
    sender.sendall(b"x" * sent)
    return sender


IMPORTS = "/api/v1/directory/imports"


def test_an_unsigned_import_is_refused_before_its_body_is_read(demo: Gateway) -> None:
    sender = begin(int(demo.url.rpartition(":")[2]), IMPORTS, size=25_000_000, sent=600_000)

    answer = sender.makefile("rb").readline()

    assert answer.split()[1] == b"401"
    sender.close()
    told = httpx.post(demo.url + IMPORTS, content=b"x")
    assert (told.status_code, told.json()["code"]) == (401, "sign_in_required")
    assert told.headers["Content-Type"] == "application/problem+json"


def test_the_gateway_keeps_a_small_part_of_an_import(demo: Gateway) -> None:
    path = f"{IMPORTS}?held"
    signed = "Authorization: Bearer x\r\n"
    port = int(demo.url.rpartition(":")[2])
    sender = begin(port, path, size=25_000_000, sent=3_000_000, headers=signed)
    until = time.monotonic() + 10
    while path not in Echo.begun and time.monotonic() < until:
        time.sleep(0.02)

    assert path in Echo.begun
    sender.close()


PHOTO, PHOTO_AT_A_BROWSER = "/api/v1/giving/campaigns/0190/picture", "/console/campaigns/0190/picture"
SIGNED = {"Authorization": "Bearer x"}
AT_A_BROWSER = {"Cookie": "a=b; __Host-session=x"}


@pytest.mark.parametrize(
    ("path", "size", "headers", "taken"),
    [
        ("/webhooks/stripe/giving/foundation", 600 * 1024, {}, False),
        ("/sign-in", 600 * 1024, {}, False),
        ("/sign-in", 300 * 1024, {}, True),
        ("/console/imports/", 5 * 1024 * 1024, AT_A_BROWSER, True),
        ("/console/imports/", 5 * 1024 * 1024, {"Cookie": "a=b"}, False),
        ("/console/imports/", 300 * 1024, {}, True),
        (PHOTO_AT_A_BROWSER, 8_500_000, AT_A_BROWSER, True),
        (PHOTO_AT_A_BROWSER, 9_100_000, AT_A_BROWSER, False),
        (PHOTO_AT_A_BROWSER, 600 * 1024, {"Cookie": "a=b"}, False),
        (PHOTO, 8_500_000, SIGNED, True),
        (PHOTO, 600 * 1024, {}, False),
        ("/console/campaigns/0190/edit", 600 * 1024, AT_A_BROWSER, False),
        (IMPORTS, 5 * 1024 * 1024, SIGNED, True),
        (IMPORTS, 5 * 1024 * 1024, {}, False),
        (IMPORTS, 24_900_000, SIGNED, True),
        (IMPORTS, 25_100_000, SIGNED, False),
    ],
)
def test_bodies_are_as_large_as_their_door(
    demo: Gateway, path: str, size: int, headers: dict[str, str], taken: bool
) -> None:
    answer = httpx.post(demo.url + path, content=b"x" * size, headers=headers, timeout=30)

    assert (answer.status_code == 204) is taken
