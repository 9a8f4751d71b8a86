"""Directory, as web's tests need it."""

import uuid
from datetime import UTC, datetime, timedelta

from tests.web.fake_server import Answer, World, problem, refused_once
from tests.web.samples import PERSON, imported

D, ID = "/api/v1/directory", "([^/]+)"


def arrivals(self, world, query, body):
    world.since.append(query["since"][0])
    return {"people": 2}


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
        told = {"secret": secret, "expires_at": ends.isoformat(), "person_id": PERSON["id"], "next": None}
        raise Answer(201, told | {"authenticator_missing": False})
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
    holder = World()
    holder.directory_of(PERSON)
    return holder.people[PERSON["id"]] | known["person"]


def my_sessions(self, world, query, body):
    self.session(world)
    now = datetime.now(UTC)
    return {
        "items": [
            {
                "id": str(uuid.uuid4()),
                "current": True,
                "method": "password",
                "device": "Chrome · Linux",
                "address": None,
                "expires_at": (now + timedelta(days=90)).isoformat(),
                "opened_at": now.isoformat(),
                "seen_at": now.isoformat(),
            },
            {
                "id": str(uuid.uuid4()),
                "current": False,
                "method": "link",
                "device": "Safari · iPhone",
                "address": None,
                "expires_at": (now + timedelta(days=87)).isoformat(),
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


def list_imports(self, world, query, body):
    listed = [{name: each[name] for name in each if name != "refusals"} for each in world.imports]
    return {"items": listed, "next": None}


def show_import(self, world, query, body, import_id):
    return next(each for each in world.imports if each["id"] == import_id)


def decide_import(self, world, query, body, import_id, decision):
    refused_once(world)
    decided = show_import(self, world, query, body, import_id)
    if decision == "discards":
        decided |= {"status": "discarded", "discarded_at": datetime.now(UTC).isoformat(), "refusals": []}
    else:
        decided |= {"status": "running"}
    raise Answer(200 if decision == "discards" else 202, decided)


def check_file(self, world, query, body):
    refused_once(world)
    raise Answer(201, imported(refusals=[]))


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


ROUTES = [
    ("GET", f"{D}/arrivals", arrivals),
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
    ("GET", f"{D}/imports/{ID}", show_import),
    ("POST", f"{D}/imports/{ID}/(discards|confirmations)", decide_import),
    ("GET", f"{D}/accounts", list_accounts),
    ("POST", f"{D}/accounts/{ID}/(?:disablings|reopenings)", close_account),
    ("PUT", f"{D}/accounts/me/password", set_password),
    ("POST", f"{D}/accounts/me/authenticator", begin_authenticator),
    ("POST", f"{D}/accounts/me/authenticator/confirmations", confirm_authenticator),
]
