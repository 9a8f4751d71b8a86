"""How web processes run: an answer keeps the connection only when the next request on it is safe."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.layout import ROOT
from tests.support.stack import free_ports

REFUSES = """
def app(environ, start_response):
    start_response("413 Content Too Large", [("Content-Length", "0")])
    return [b""]
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A process run by our configuration, whose application refuses every body unread."""
    folder, port = tmp_path_factory.mktemp("gunicorn"), free_ports()
    Path(folder, "refusing.py").write_text(REFUSES)
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy/gunicorn.conf.py")]
    process = subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}", "--chdir", str(folder), "refusing:app"]
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(OSError):
            posted(http.client.HTTPConnection("127.0.0.1", port, timeout=5), b"")
            break
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(20)


def posted(connection: http.client.HTTPConnection, body: bytes, **headers: str) -> http.client.HTTPResponse:
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer


def test_a_small_body_refused_unread_leaves_the_connection_to_the_next_request(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    answers = [posted(connection, b"x" * size) for size in (0, 60_000, 65_535, 65_535, 10)]

    assert [(each.status, each.getheader("Connection")) for each in answers] == [(413, "keep-alive")] * 5


@pytest.mark.parametrize("size", [65_536, 65_537, 500_000, 2_000_000])
def test_a_large_one_ends_its_connection_and_says_so(port: int, size: int) -> None:
    """The gateway would send somebody else's request on a connection that was promised and then closed."""
    answer = posted(http.client.HTTPConnection("127.0.0.1", port, timeout=10), b"x" * size)

    assert (answer.status, answer.getheader("Connection")) == (413, "close")


def test_so_does_one_of_unsaid_length(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/", iter([b"x" * 100]), encode_chunked=True)

    assert connection.getresponse().getheader("Connection") == "close"
