"""The worker's door for callers inside, where nothing but its process can be asked: in a container.

`/healthz` says whether its heart beats, whatever the database and the broker do: a worker that waits for
them comes back by itself, and starting it again would help nobody. `/metrics` says what it counted. Whether
its work is done, the api's `/readyz` says.
"""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

STILL_S = 30.0
"""A beat waits for a connection (5 s) or a lock (10 s) at most; a heart silent for longer stands still."""


class Pulse:
    """When the heart beat last, and the door that tells it."""

    def __init__(self) -> None:
        self._beat_at = time.monotonic()

    def beat(self) -> None:
        """The heart goes on."""
        self._beat_at = time.monotonic()

    @property
    def beats(self) -> bool:
        """Whether the heart has beaten lately."""
        return time.monotonic() - self._beat_at < STILL_S

    def open(self, host: str, port: int) -> ThreadingHTTPServer:
        """Answer on that port until the process ends; OSError when the port is taken."""
        server = ThreadingHTTPServer((host, port), _handler(self))
        Thread(target=server.serve_forever, name="pulse", daemon=True).start()
        return server


def _handler(pulse: Pulse) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200 if pulse.beats else 503, b"alive" if pulse.beats else b"still")
            elif self.path == "/metrics":
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            else:
                self._answer(404, b"")

        def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: Any) -> None:
            """Nothing: who asks here asks every few seconds."""

    return Door
