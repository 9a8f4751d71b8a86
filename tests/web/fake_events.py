"""Events, as web's tests need it."""

import uuid
from datetime import UTC, datetime

from tests.web.fake_server import Answer, problem, refused_once

E, ID = "/api/v1/events", "([^/]+)"
NAMED = ("id", "slug", "title", "starts_at", "ends_at", "time_zone")


def list_events(self, world, query, body):
    past = query.get("when", ["upcoming"])[0] == "past"
    shown = [each for each in world.events if each["is_over"] == past and is_seen(self, world, each)]
    return {"items": shown, "next": None}


def is_seen(self, world, event):
    known = self.headers.get("Authorization", "").removeprefix("Bearer token-") in world.sessions
    return bool(event["published_at"]) and (event["visibility"] == "public" or known)


def find(self, world, name):
    for each in world.events:
        if name in (each["slug"], each["id"]) and is_seen(self, world, each):
            return each
    raise problem(404, "not_found")


def list_records(self, world, query, body, name):
    self.session(world)
    about = {key: find(self, world, name)[key] for key in NAMED}
    return {"items": [record(each) | {"event": about} for each in world.registrations.values()], "next": None}


def record(each):
    """A registration as staff see it."""
    kept = ("id", "status", "seats", "attendees", "confirmed_at", "cancelled_at", "cancel_reason")
    who = {"email": "zoe@example.org", "locale": "fr", "party_id": each["id"], "person_id": None}
    return {name: each[name] for name in kept} | who | {"signed_in": False}


def show_event(self, world, query, body, name):
    return find(self, world, name)


def register(self, world, query, body):
    refused_once(world)
    event, key = find(self, world, body["event_id"]), self.headers["Idempotency-Key"]
    if key not in world.registered:
        link = f"{uuid.uuid4()}.abcdefghijklmnopqrstuv"
        first = {name: body.get(name, "Claire") for name in ("given_name", "family_name")}
        world.registrations[link] = {
            "id": str(uuid.uuid4()),
            "status": "confirmed",
            "seats": 1 + len(body["companions"]),
            "attendees": [first, *body["companions"]],
            "confirmed_at": datetime.now(UTC).isoformat(),
            "cancelled_at": None,
            "cancel_reason": None,
            "can_withdraw": True,
            "event": event
            | {"online_url": "https://meet.example.org/valmont" if event["is_online"] else None},
        }
        world.registered[key] = link
    link = world.registered[key]
    found = world.registrations[link]
    told = {name: found[name] for name in ("id", "status", "seats")}
    raise Answer(201, told | {"event_id": event["id"], "link": link})


def registration(self, world, query, body, link):
    if link not in world.registrations:
        raise problem(404, "link_not_found")
    return world.registrations[link]


def withdraw(self, world, query, body, link):
    refused_once(world)
    found = registration(self, world, query, body, link)
    gone = {"status": "cancelled", "cancel_reason": "withdrawn", "can_withdraw": False}
    found |= gone | {"cancelled_at": datetime.now(UTC).isoformat()}
    raise Answer(201, found)


def my_registrations(self, world, query, body):
    self.session(world)
    return {"items": [each | {"link": link} for link, each in world.registrations.items()], "next": None}


ROUTES = [
    ("GET", f"{E}/events", list_events),
    ("GET", f"{E}/events/{ID}", show_event),
    ("GET", f"{E}/events/{ID}/registrations", list_records),
    ("POST", f"{E}/registrations", register),
    ("GET", f"{E}/registration-links/{ID}", registration),
    ("POST", f"{E}/registration-links/{ID}/withdrawals", withdraw),
    ("GET", f"{E}/my-registrations", my_registrations),
]
