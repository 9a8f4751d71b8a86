"""The server that stands in for the services: what it knows, and how it answers over real sockets."""

import json
import re
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.web.samples import campaign, wall


class World:
    """What the fakes know; tests change it, look at `asked`, and put routes of their own into `instead`."""

    def __init__(self):
        self.campaigns = [campaign()]
        self.wall = wall()
        self.events, self.registrations, self.registered = [], {}, {}
        self.people = {}
        self.accounts = []
        self.sessions = {}
        self.donations = {}
        self.by_key = {}
        self.my_gifts = []
        self.records = []
        self.waits = {}
        self.warnings, self.refused = {}, {}
        self.asked = []
        self.queries = []
        self.down = set()
        self.ill = set()
        self.slow_s = {}
        self.claims = {}
        self.links_sent = []
        self.next_problem = None
        self.instead = []
        self.since = []
        self.findings = []
        self.refunds, self.surpluses, self.disputes, self.decided, self.refusal = [], [], [], [], None
        self.closed_until, self.periods, self.entity = None, [], {}
        self.receipts = []
        self.emails = []
        self.imports = []
        self.subscriptions, self.deliveries, self.conflicts = [], [], []
        self.comparisons, self.differences = [], []

    def directory_of(self, person):
        """The directory holds this one person, who has an account and confirmed their address."""
        email = {"id": str(uuid.uuid4()), "address": "claire.lemoine@example.org", "source": "person"}
        email |= {"verified_at": datetime.now(UTC).isoformat(), "lost_at": None}
        more = {"civil_given_name": person["given_name"], "preferred_name": None, "birth_name": "Dupont"}
        more |= {"emails": [email], "email": email["address"], "city": None, "school_id": None, "version": 1}
        more |= {"degrees": [{"programme": "Droit public", "class_year": 2009}], "class_years": [2009]}
        more |= {"born_on": None, "has_email": True, "permissions": {}, "informed_at": None}
        more |= dict.fromkeys(("created_at", "changed_at"), email["verified_at"])
        self.people[person["id"]] = person | more
        opened = {"opened_at": datetime.now(UTC).isoformat(), "disabled_at": None, "rights": []}
        who = {"person_id": person["id"], "given_name": "Claire", "family_name": "Lemoine"}
        who |= {"email": email["address"], "has_password": True, "has_authenticator": False}
        self.accounts = [{"id": str(uuid.uuid4()), **who, **opened}]

    def sign_in(self, person, rights=()):
        """An open session of `person`; returns the cookie's value."""
        secret = uuid.uuid4().hex
        self.sessions[secret] = {"person": person, "rights": list(rights)}
        return secret


class Answer(Exception):
    """Leave the handler with this answer."""

    def __init__(self, status, body=None, **headers):
        self.status, self.body, self.headers = status, body, headers


def problem(status, code, errors=None, **headers):
    """An RFC 9457 answer."""
    told = {"type": f"urn:amicale:problem:{code}", "status": status, "code": code, "title": code}
    return Answer(status, told | {"errors": errors or {}}, **headers)


class Handler(BaseHTTPRequestHandler):
    """All services on one port, told apart by the path."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        world = self.server.world
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        url = urlsplit(self.path)
        is_form = self.headers.get("Content-Type", "").startswith("multipart/")
        body = json.loads(raw) if raw and not is_form else None
        world.asked.append((self.command, url.path, body, dict(self.headers)))
        world.queries.append((url.path, parse_qsl(url.query)))
        service = url.path.split("/")[3] if url.path.startswith("/api/v1/") else ""
        if service in world.down:
            return self.send(Answer(502, None))
        if service in world.ill:
            return self.send(problem(503, "unavailable", Retry_After=2))
        time.sleep(world.slow_s.get(service, 0))
        try:
            raise Answer(200, self.answer(world, self.command, url.path, parse_qs(url.query), body))
        except Answer as answer:
            self.send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815

    def send(self, answer):
        is_file = isinstance(answer.body, bytes)
        content = b"" if answer.body is None else answer.body if is_file else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        if not is_file:
            kind = "application/problem+json" if answer.status >= 400 and content else "application/json"
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def answer(self, world, method, path, query, body):
        if path in {"/readyz", "/healthz"}:
            return {"ready": True}
        for verb, pattern, handler in [*world.instead, *self.server.routes]:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                return handler(self, world, query, body, *found.groups())
        raise problem(404, "not_found")

    def session(self, world):
        told = self.headers.get("Authorization", "")
        secret = told.removeprefix("Session ").removeprefix("Bearer token-")
        if secret not in world.sessions:
            raise problem(401, "session_ended")
        return secret, world.sessions[secret]

    def rights(self, world):
        """What the caller may; a caller without a session may nothing."""
        told = self.headers.get("Authorization", "")
        secret = told.removeprefix("Session ").removeprefix("Bearer token-")
        return world.sessions.get(secret, {"rights": []})["rights"]


def refused_once(world):
    """Answer with the problem that the test has put there, once."""
    if world.next_problem:
        raised, world.next_problem = world.next_problem, None
        raise raised


def serve(world, routes, port=0):
    """Serve `world` on a free port until the returned server is shut down."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.world, server.routes = world, routes
    world.public_url = "http://127.0.0.1:8080"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
