"""Stand-ins for the three services: the answers that web needs, over real sockets, kept in memory."""

import json
import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
EMAIL_ID = "0198f000-0000-7000-8000-00000000000e"
FUND_ID = "0198f000-0000-7000-8000-00000000000f"
STORY = {
    "fr": "Le fonds de bourses verse, pendant dix mois, de quoi tenir : le loyer, les livres,"
    " le billet de train pour rentrer.\n\nChaque dossier est étudié par deux personnes,"
    " et personne d'autre ne le lit.",
    "en": "For ten months the fund pays what it takes to hold on: the rent, the books, the train home."
    "\n\nTwo people study each request, and nobody else reads it.",
}


def campaign(slug="bourses-2026", **changes):
    """One campaign as giving tells it."""
    today = datetime.now(PARIS).date()
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, slug)),
        "slug": slug,
        "status": "live",
        "title": {
            "fr": "Personne ne devrait renoncer à ses études à cause d'un loyer",
            "en": "Nobody should give up studying because of a rent",
        },
        "summary": {
            "fr": "Une bourse de 400 € par mois, c'est une année sauvée. Avec vous, 30 étudiantes et"
            " étudiants de la promotion 2026 la recevront.",
            "en": "A grant of €400 a month saves a year."
            " With you, 30 students of the class of 2026 will have one.",
        },
        "story": STORY,
        "surplus_use": {
            "fr": "Si l'objectif est dépassé, le surplus finance les bourses de 2027.",
            "en": "Beyond the goal, the surplus pays for the grants of 2027.",
        },
        "goal_minor": 12_000_000,
        "currency": "EUR",
        "raised_minor": 8_764_000,
        "donations_count": 430,
        "donors_count": 412,
        "starts_on": str(today - timedelta(days=54)),
        "ends_on": str(today + timedelta(days=37)),
        "launched_at": (datetime.now(UTC) - timedelta(days=54)).isoformat(),
        "closed_at": None,
        "suggested_minor": [6000, 12000, 30000],
        "picture": "skyline",
        "entity": {
            "id": str(uuid.uuid4()),
            "slug": "fondation",
            "name": "Fondation de l'université de Valmont",
            "can_issue_receipts": True,
        },
        "fund": {"id": FUND_ID, "name": "Fonds de bourses"},
        "tax": {"rate_percent": 66, "ceiling_percent": 20},
    } | changes


def my_gift(status, amount):
    """A gift in the list of mine."""
    now = datetime.now(UTC).isoformat()
    return {
        "id": str(uuid.uuid4()),
        "campaign": {key: campaign()[key] for key in ("id", "slug", "title")},
        "status": status,
        "amount_minor": amount,
        "currency": "EUR",
        "created_at": now,
        "settled_at": now,
        "link": "a.b",
    }


def wall():
    """Who gave lately, by their choice."""
    now = datetime.now(UTC)
    rows = [("Claire L.", 2009, None, 20), (None, 1998, None, 400), ("Thanh N.", 1998, 30000, 4000)]
    rows += [(None, None, None, 90000)]
    return [
        {"name": n, "class_year": y, "amount_minor": a, "at": (now - timedelta(seconds=s)).isoformat()}
        for n, y, a, s in rows
    ]


def record(**changes):
    """One gift as giving tells it to staff."""
    now, about = datetime.now(UTC), campaign()
    return {
        "id": str(uuid.uuid4()),
        "status": "settled",
        "standing": "received",
        "amount_minor": 12_000,
        "currency": "EUR",
        "campaign": {key: about[key] for key in ("id", "slug", "title")},
        "donor": {
            "party_id": str(uuid.uuid4()),
            "person_id": None,
            "given_name": "Hélène",
            "family_name": "D’Aubigné",
            "email": "helene@example.org",
            "class_year": None,
        },
        "created_at": (now - timedelta(minutes=3)).isoformat(),
        "settled_at": now.isoformat(),
        "failed_at": None,
        "refunded_at": None,
        "message": None,
        "country": None,
        "locale": "fr",
        "failure": None,
        "fee_minor": 205,
        "net_minor": 11_795,
        "payment_id": "pi_1",
        "method": {"kind": "card", "brand": "visa", "last4": "4242"},
        "refunds": [],
        "ledger": [],
        "checkouts": [],
        "wall": {"shows_name": False, "shows_amount": False},
    } | changes


def finding(**detail):
    """One difference between the books and the provider, as giving tells it."""
    return {
        "id": str(uuid.uuid4()),
        "account": "foundation",
        "kind": "charge_unknown",
        "reference": "ch_1",
        "donation_id": None,
        "detail": detail,
        "found_at": datetime.now(UTC).isoformat(),
        "resolved_at": None,
        "note": None,
    }


def email(**changes):
    """One email as notify tells it in a list."""
    now = datetime.now(UTC).isoformat()
    ids = {name: str(uuid.uuid4()) for name in ("id", "party_id", "correlation_id")}
    words = {"to_address": "helene@example.org", "to_name": "Hélène D’Aubigné", "subject": "Merci Hélène"}
    told = {"template": "gift_received", "locale": "fr", "status": "sent", "reason": None, "attempts": 1}
    told |= {"answer_code": 250, "created_at": now, "next_attempt_at": now, "sent_at": now, "resend_of": None}
    return ids | words | told | changes


class World:
    """What the fakes know; tests change it and look at `asked`."""

    def __init__(self):
        self.campaigns = [campaign()]
        self.wall = wall()
        self.people = {}
        self.accounts = []
        self.sessions = {}
        self.donations = {}
        self.by_key = {}
        self.my_gifts = []
        self.records = []
        self.waits = {}
        self.asked = []
        self.queries = []
        self.down = set()
        self.ill = set()
        self.slow_s = {}
        self.claims = {}
        self.links_sent = []
        self.next_problem = None
        self.since = []
        self.findings = []
        self.emails = []

    def directory_of(self, person):
        """The directory holds this one person, who has an account and confirmed their address."""
        email = {"id": str(uuid.uuid4()), "address": "claire.lemoine@example.org", "source": "person"}
        email |= {"verified_at": datetime.now(UTC).isoformat(), "lost_at": None}
        more = {"civil_given_name": person["given_name"], "preferred_name": None, "birth_name": "Dupont"}
        more |= {"emails": [email], "email": email["address"], "city": None, "school_id": None, "version": 1}
        self.people[person["id"]] = person | more
        opened = {"opened_at": datetime.now(UTC).isoformat(), "disabled_at": None, "rights": []}
        self.accounts = [{"id": str(uuid.uuid4()), "email": email["address"], **opened}]

    def sign_in(self, person, rights=()):
        """An open session of `person`; returns the cookie's value."""
        secret = uuid.uuid4().hex
        self.sessions[secret] = {"person": person, "rights": list(rights)}
        return secret


PERSON = {
    "id": "0198f000-0000-7000-8000-000000000001",
    "given_name": "Claire",
    "family_name": "Lemoine",
    "locale": "fr",
    "class_year": 2009,
}


class Answer(Exception):
    """Leave the handler with this answer."""

    def __init__(self, status, body=None, **headers):
        self.status, self.body, self.headers = status, body, headers


def problem(status, code, errors=None, **headers):
    """An RFC 9457 answer."""
    return Answer(status, {"status": status, "code": code, "title": code, "errors": errors or {}}, **headers)


class Handler(BaseHTTPRequestHandler):
    """All three services on one port, told apart by the path."""

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
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
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
        for verb, pattern, handler in ROUTES:
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
        secret = self.headers.get("Authorization", "").removeprefix("Bearer token-")
        return world.sessions.get(secret, {"rights": []})["rights"]


def list_campaigns(self, world, query, body):
    wanted = query.get("status", ["draft", "live", "closed"])
    return {"items": [each for each in world.campaigns if each["status"] in wanted], "next": None}


def find(world, name):
    for each in world.campaigns:
        if name in (each["slug"], each["id"]):
            return each
    raise problem(404, "campaign_not_found")


def show_campaign(self, world, query, body, name):
    found = find(world, name)
    if found["status"] == "draft" and "giving.read" not in self.rights(world):
        raise problem(404, "campaign_not_found")
    return found


def decide(self, world, query, body, name, decision):
    """A launch, a closure, a reopening; each refused while the world has a problem with it."""
    refused_once(world)
    found, now = find(world, name), datetime.now(UTC).isoformat()
    found |= {
        "launches": {"status": "live", "launched_at": now},
        "closures": {"status": "closed", "closed_at": now},
        "reopenings": {"status": "live", "closed_at": None},
    }[decision]
    raise Answer(201, found)


def create_campaign(self, world, query, body):
    refused_once(world)
    new = {"status": "draft", "launched_at": None, "raised_minor": 0, "donations_count": 0, "donors_count": 0}
    world.campaigns.append(written(campaign(body["slug"], **new), body))
    raise Answer(201, world.campaigns[-1])


def change_campaign(self, world, query, body, name):
    refused_once(world)
    found = find(world, name)
    changed = written(found, body)
    world.campaigns = [each for each in world.campaigns if each is not found] + [changed]
    return changed


def written(found, wish):
    """The campaign with what was wished; a fund is wished by its id, and shown with its name."""
    told = {name: value for name, value in wish.items() if name != "fund_id"}
    fund = {"fund": found["fund"] | {"id": wish["fund_id"]}} if "fund_id" in wish else {}
    return found | told | fund


def funds(self, world, query, body):
    each = campaign()
    return {"items": [each["fund"] | {"entity": each["entity"]}], "next": None}


def dashboard(self, world, query, body, name):
    found = find(world, name)
    sums = ("raised_minor", "goal_minor", "currency", "donations_count", "donors_count")
    return {each: found[each] for each in sums} | {
        "campaign": found,
        "first_time_donors_count": 0,
        "median_minor": None,
        "mean_per_donor_minor": None,
        "expected_minor": 7_000_000 if found["status"] == "live" else None,
        "curve": [],
        "participation": [],
        "latest": [],
    }


def total(self, world, query, body, name):
    found = find(world, name)
    keys = ("raised_minor", "goal_minor", "currency", "donations_count", "donors_count")
    return {key: found[key] for key in keys} | {"latest_at": None}


def show_wall(self, world, query, body, name):
    find(world, name)
    return {"items": world.wall}


def donate(self, world, query, body):
    key = self.headers.get("Idempotency-Key")
    refused_once(world)
    if not key:
        raise problem(400, "key_missing")
    if key in world.by_key:
        wish, found = world.by_key[key]
        if wish != body:
            raise problem(422, "key_reused")
        if world.claims.get(key, 0) > time.monotonic():
            raise problem(409, "busy", Retry_After=1)
        return found
    if "email" in body and body["email"].endswith("@nowhere.invalid"):
        raise problem(422, "invalid", {"json": {"email": ["Not a valid email address."]}})
    link = f"{uuid.uuid4()}.abcdefghijklmnopqrstuv"
    found = {
        "id": str(uuid.uuid4()),
        "status": "pending",
        "amount_minor": body["amount_minor"],
        "currency": body["currency"],
        "campaign_id": body["campaign_id"],
        "link": link,
        "checkout_url": f"{world.public_url}/sandbox/pay/{link}",
    }
    world.by_key[key] = (body, found)
    world.donations[link] = found | {"wall": {"shows_name": False, "shows_amount": False}}
    raise Answer(201, found)


def gift(self, world, query, body, link):
    found = world.donations.get(link)
    if not found:
        raise problem(404, "link_not_found")
    about = find(world, found["campaign_id"])
    kept = {key: found[key] for key in ("id", "status", "amount_minor", "currency", "wall")}
    return kept | {
        "campaign": {k: about[k] for k in ("id", "slug", "title")},
        "entity_name": about["entity"]["name"],
        "declined_at": found.get("declined_at"),
        "settled_at": None,
        "receipt_expected": about["entity"]["can_issue_receipts"],
        "can_retry": found["status"] in {"pending", "failed"},
    }


def put_wall(self, world, query, body, link):
    world.donations[link]["wall"] = body
    return gift(self, world, query, None, link)


def retry(self, world, query, body, link):
    raise Answer(201, {"checkout_url": f"{world.public_url}/sandbox/pay/{link}"})


def activity(self, world, query, body):
    world.since.append(query["since"][0])
    sums = {"gifts_count": 3, "gifts_minor": 15_000, "refunds_count": 1, "refunds_minor": 5000}
    return sums | {"declined_count": 0, "currency": "EUR"}


def month(self, world, query, body):
    today = datetime.now(PARIS).date()
    day = {"on": str(today), "day_minor": 15_000, "raised_minor": 15_000}
    return {
        "currency": "EUR",
        "first": str(today.replace(day=1)),
        "last": str(today + timedelta(days=1)),
        "raised_minor": 15_000,
        "previous_minor": 9000,
        "curve": [day],
    }


def arrivals(self, world, query, body):
    world.since.append(query["since"][0])
    return {"people": 2}


def findings(self, world, query, body):
    return {"items": world.findings, "next": None}


def my_gifts(self, world, query, body):
    self.session(world)
    return {"items": world.my_gifts, "next": None}


PAID = ("received", "awaiting", "refunded")


def found_records(world, query):
    asked, party = query.get("standing", ["given"])[0], query.get("party_id", [None])[0]
    for each in world.records:
        shown = {"given": each["standing"] in PAID, "unpaid": each["standing"] not in PAID, "any": True}
        if shown.get(asked, each["standing"] == asked) and party in {None, each["donor"]["party_id"]}:
            yield each


def list_records(self, world, query, body):
    self.session(world)
    listed = ("id", "status", "standing", "amount_minor", "currency", "campaign", "donor", "created_at")
    listed += ("settled_at", "failed_at", "refunded_at")
    found = [{name: each[name] for name in listed} for each in found_records(world, query)]
    return {"items": found, "next": None}


def count_records(self, world, query, body):
    self.session(world)
    lines = {}
    for each in found_records(world, query):
        empty = {"standing": each["standing"], "currency": "EUR", "count": 0, "amount_minor": 0}
        line = lines.setdefault(each["standing"], empty)
        line["count"] += 1
        line["amount_minor"] += each["amount_minor"]
    return {"items": list(lines.values())}


def show_record(self, world, query, body, name):
    self.session(world)
    for each in world.records:
        if each["id"] == name:
            return each
    raise problem(404, "not_found")


def path_of_record(self, world, query, body, name):
    begun = {"at": datetime.now(UTC).isoformat(), "kind": "form_filled", "service": "giving"}
    return {"steps": [begun | {"title": {"fr": "Formulaire rempli", "en": "Form filled in"}}]}


def show_system(self, world, query, body, name):
    return {
        "service": name, "ready": True, "reasons": [], "outbox": {"unpublished": 0, "oldest_age_s": 0},
        "lag": 0, "dead_letters": 0, "held": 0, "worker_seen_at": datetime.now(UTC).isoformat(),
        "workers": [], "jobs": [], "waits": world.waits.get(name, []), "at": datetime.now(UTC).isoformat(),
    }  # fmt: skip


def path_of_email(self, world, query, body, name):
    sent = {"at": datetime.now(UTC).isoformat(), "kind": "email_sent", "service": "notify"}
    sent |= {"title": {"fr": "Courriel envoyé", "en": "Email sent"}, "technical": {"email_id": EMAIL_ID}}
    return {"steps": [sent]}


def send_link(self, world, query, body):
    world.links_sent.append(body)
    raise Answer(202, {})


def open_session(self, world, query, body):
    if body.get("link") == "good" or body.get("password") == "right horse":
        staff = body.get("email", "").startswith("staff")
        if staff and "totp" not in body:
            raise problem(401, "totp_required")
        if staff and body["totp"] != "123456":
            raise problem(401, "sign_in_refused")
        secret = world.sign_in(PERSON, ["giving.read", "people.read"] if staff else [])
        ends = datetime.now(UTC) + timedelta(hours=12)
        raise Answer(
            201, {"secret": secret, "expires_at": ends.isoformat(), "person_id": PERSON["id"], "next": None}
        )
    raise problem(401, "sign_in_refused")


def exchange(self, world, query, body):
    secret, known = self.session(world)
    raise Answer(201, {"token": f"token-{secret}", "expires_in_s": 300, **known})


def close_session(self, world, query, body):
    secret, _ = self.session(world)
    del world.sessions[secret]
    raise Answer(204)


def me(self, world, query, body):
    _, known = self.session(world)
    emails = [{"address": "claire.lemoine@example.org", "verified_at": datetime.now(UTC).isoformat()}]
    degrees = [{"programme": "Droit public", "class_year": 2009}]
    return known["person"] | {"emails": emails, "degrees": degrees}


def my_sessions(self, world, query, body):
    self.session(world)
    now = datetime.now(UTC)
    return {
        "items": [
            {
                "id": str(uuid.uuid4()),
                "current": True,
                "device": "Chrome · Linux",
                "opened_at": now.isoformat(),
                "seen_at": now.isoformat(),
            },
            {
                "id": str(uuid.uuid4()),
                "current": False,
                "device": "Safari · iPhone",
                "opened_at": (now - timedelta(days=3)).isoformat(),
                "seen_at": (now - timedelta(days=1)).isoformat(),
            },
        ],
        "next": None,
    }


AUTHENTICATOR_KEY = "JBSWY3DPEHPK3PXP"


def set_password(self, world, query, body):
    self.session(world)
    if body["current_password"] == "not mine":
        raise problem(403, "current_password_refused")
    if body["password"] == "aaaaaaaaaaaa":
        raise problem(422, "password_too_weak")
    raise Answer(204)


def begin_authenticator(self, world, query, body):
    self.session(world)
    if body["password"] != "right horse":
        raise problem(403, "current_password_refused")
    uri = f"otpauth://totp/Valmont:claire?secret={AUTHENTICATOR_KEY}&issuer=Valmont"
    raise Answer(201, {"secret": AUTHENTICATOR_KEY, "uri": uri})


def confirm_authenticator(self, world, query, body):
    self.session(world)
    if body["code"] != "123456":
        raise problem(422, "code_refused")
    raise Answer(201, {"recovery_codes": ["abcd-efgh", "ijkl-mnop", "qrst-uvwx", "2345-6789"]})


def refused_once(world):
    """Answer with the problem that the test has put there, once."""
    if world.next_problem:
        raised, world.next_problem = world.next_problem, None
        raise raised


def list_imports(self, world, query, body):
    return {"items": [], "next": None}


def check_file(self, world, query, body):
    refused_once(world)
    raise Answer(201, {"id": str(uuid.uuid4()), "status": "checked", "refusals": []})


def list_people(self, world, query, body):
    names = ("id", "given_name", "family_name", "birth_name", "city")
    found = [
        {name: each[name] for name in names}
        | {"class_years": [each["class_year"]], "has_email": each["email"] is not None}
        for each in world.people.values()
    ]
    return {"items": found, "next": None}


def show_person(self, world, query, body, person_id):
    if person_id not in world.people:
        raise problem(404, "person_not_found")
    return world.people[person_id]


WRITTEN = ("id", "given_name", "family_name", "birth_name", "civil_given_name", "preferred_name", "version")


def change_person(self, world, query, body, person_id):
    refused_once(world)
    person = world.people[person_id]
    differs = any(person.get(name) != value for name, value in body.items())
    world.people[person_id] = changed = person | body | {"version": person["version"] + differs}
    return {name: changed.get(name) for name in WRITTEN}


def correct_email(self, world, query, body, person_id, email_id):
    refused_once(world)
    email = next(each for each in world.people[person_id]["emails"] if each["id"] == email_id)
    email |= {**body, "source": "staff", "verified_at": None}
    return email


def list_accounts(self, world, query, body):
    return {"items": world.accounts, "next": None}


def close_account(self, world, query, body, account_id):
    refused_once(world)
    raise Answer(204)


def list_emails(self, world, query, body):
    """Those of a status; without the ones that were sent again, when that is asked."""
    again = {each["resend_of"] for each in world.emails} if query.get("resent") == ["false"] else set()
    asked = query.get("status", [None])[0]
    found = [each for each in world.emails if asked in {None, each["status"]} and each["id"] not in again]
    return {"items": found, "next": None}


def story(self, world, query, body, person_id):
    return {"items": [], "next": None}


G, D, ID = "/api/v1/giving", "/api/v1/directory", "([^/]+)"
ROUTES = [
    ("GET", f"{G}/campaigns", list_campaigns),
    ("POST", f"{G}/campaigns", create_campaign),
    ("GET", f"{G}/campaigns/{ID}", show_campaign),
    ("PATCH", f"{G}/campaigns/{ID}", change_campaign),
    ("GET", f"{G}/campaigns/{ID}/dashboard", dashboard),
    ("POST", f"{G}/campaigns/{ID}/(launches|closures|reopenings)", decide),
    ("GET", f"{G}/funds", funds),
    ("GET", f"{G}/activity", activity),
    ("GET", f"{G}/activity/month", month),
    ("GET", f"{G}/findings", findings),
    ("GET", f"{D}/arrivals", arrivals),
    ("GET", f"{G}/campaigns/{ID}/total", total),
    ("GET", f"{G}/campaigns/{ID}/wall", show_wall),
    ("POST", f"{G}/donations", donate),
    ("GET", f"{G}/donations", list_records),
    ("GET", f"{G}/donation-totals", count_records),
    ("GET", f"{G}/donations/{ID}", show_record),
    ("GET", f"{G}/paths/{ID}", path_of_record),
    ("GET", f"{G}/gift-links/{ID}", gift),
    ("PUT", f"{G}/gift-links/{ID}/wall", put_wall),
    ("POST", f"{G}/gift-links/{ID}/checkouts", retry),
    ("GET", f"{G}/my-donations", my_gifts),
    ("GET", f"/api/v1/{ID}/system", show_system),
    ("POST", f"{D}/sign-in-links", send_link),
    ("POST", f"{D}/sessions", open_session),
    ("DELETE", f"{D}/sessions/current", close_session),
    ("GET", f"{D}/sessions", my_sessions),
    ("POST", f"{D}/tokens", exchange),
    ("GET", f"{D}/people/me", me),
    ("GET", f"{D}/people", list_people),
    ("GET", f"{D}/people/{ID}", show_person),
    ("PATCH", f"{D}/people/{ID}", change_person),
    ("PATCH", f"{D}/people/{ID}/emails/{ID}", correct_email),
    ("GET", f"{D}/imports", list_imports),
    ("POST", f"{D}/imports", check_file),
    ("GET", f"{D}/accounts", list_accounts),
    ("POST", f"{D}/accounts/{ID}/(?:disablings|reopenings)", close_account),
    ("GET", f"/api/v1/notify/timelines/{ID}", story),
    ("GET", f"/api/v1/notify/paths/{ID}", path_of_email),
    ("GET", "/api/v1/notify/emails", list_emails),
    ("PUT", f"{D}/accounts/me/password", set_password),
    ("POST", f"{D}/accounts/me/authenticator", begin_authenticator),
    ("POST", f"{D}/accounts/me/authenticator/confirmations", confirm_authenticator),
]


def start(world, port=0):
    """Serve `world` on a free port until the returned server is shut down."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.world = world
    world.public_url = "http://127.0.0.1:8080"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
