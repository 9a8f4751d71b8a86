"""A partner's side of outbound webhooks: verifies, keeps each state by our id, and misbehaves as told."""

import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook


class Partner:
    """`misbehaves` is the share of each of: 429, 500, and answering too late; all after it has committed.
    One that `loses` commits nothing of what it answers by `answers`."""

    def __init__(
        self, *, misbehaves: float = 0.0, seed: int = 1, late_s: float = 0.4, loses: bool = False
    ) -> None:
        self.misbehaves, self.late_s, self.loses = misbehaves, late_s, loses
        self.dice = random.Random(seed)
        self.secret = ""
        self.answers: list[int] = []
        self.received: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.refused = 0
        self.location = ""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"partner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def take(self, body: str, headers: dict[str, str]) -> tuple[int, bool]:
        """Commit what is genuine and new, then answer: (code, whether late)."""
        with self._lock:
            try:
                Webhook(self.secret).verify(body, headers)
            except Exception:
                self.refused += 1
                return 401, False
            told = json.loads(body)
            if self.loses and self.answers:
                return self.answers.pop(0), False
            if headers["webhook-id"] not in self.ids:
                self.states[told["data"]["party_id"]] = told
                self.received.append(told)
            self.ids.append(headers["webhook-id"])
            if self.answers:
                return self.answers.pop(0), False
            roll = self.dice.random()
            if roll < self.misbehaves * 2:
                return (429 if roll < self.misbehaves else 500), False
            return 204, roll < self.misbehaves * 3


class _Handler(BaseHTTPRequestHandler):
    partner: Partner

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        code, late = self.partner.take(body, {name.lower(): value for name, value in self.headers.items()})
        if late:
            time.sleep(self.partner.late_s)
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "3")
        if self.partner.location:
            self.send_header("Location", self.partner.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""
