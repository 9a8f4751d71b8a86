"""Events, as web's tests need it."""

import uuid
from datetime import UTC, datetime

from tests.web.fake_server import Answer, problem, refused_once
from tests.web.samples import event

E, ID = "/api/v1/events", "([^/]+)"
CALENDAR = {
    "Content_Type": "text/calendar; charset=utf-8",
    "Content_Disposition": 'attachment; filename="a.ics"',
}
NAMED = ("id", "slug", "title", "starts_at", "ends_at", "time_zone")


def list_events(self, world, query, body):
    past, status = query.get("when", ["upcoming"])[0] == "past", query.get("status", [""])[0]
    words = query.get("q", [""])[0].casefold()
    shown = [
        each for each in world.events
        if each["is_over"] == past and is_seen(self, world, each)
        and status in ("", each["status"]) and words in each["title"]["fr"].casefold()
    ]  # fmt: skip
    return {"items": shown, "next": None}


def is_seen(self, world, told):
    known = self.headers.get("Authorization", "").removeprefix("Bearer token-") in world.sessions
    if "events.read" in self.rights(world):
        return True
    return bool(told["published_at"]) and (told["visibility"] == "public" or known)


def needs(self, world, right):
    """Refuse who has no such right, as the service does."""
    self.session(world)
    if right not in self.rights(world):
        raise problem(403, "forbidden")


def find(self, world, name):
    for each in world.events:
        if name in (each["slug"], each["id"]) and is_seen(self, world, each):
            return each
    raise problem(404, "not_found")


def list_records(self, world, query, body, name):
    needs(self, world, "events.read")
    found, asked = registered_for(world, find(self, world, name)), query.get("status", [""])[0]
    kept = [record(each) for each in found if asked in ("", each["status"])]
    return {"items": kept, "next": None}


def list_all_records(self, world, query, body):
    """Those of any event with these words in a name."""
    needs(self, world, "events.read")
    words = query.get("q", [""])[0].casefold()
    found = [each for each in world.registrations.values() if words in str(each["attendees"]).casefold()]
    return {"items": [record(each) for each in found], "next": None}


def record(each):
    """A registration as staff see it."""
    kept = ("id", "status", "seats", "attendees", "confirmed_at", "cancelled_at", "cancel_reason")
    who = {"email": "zoe@example.org", "locale": "fr", "party_id": each["id"], "person_id": None}
    about = {key: each["event"][key] for key in NAMED}
    return {name: each[name] for name in kept} | who | {"signed_in": False, "event": about}


def one_record(self, world, query, body, name):
    needs(self, world, "events.read")
    return record(named(world, name))


def named(world, name):
    for each in world.registrations.values():
        if each["id"] == name:
            return each
    raise problem(404, "not_found")


def take_back(self, world, query, body, name):
    needs(self, world, "events.manage")
    refused_once(world)
    gone = {"status": "cancelled", "cancel_reason": "by_staff", "can_withdraw": False}
    named(world, name).update(gone | {"cancelled_at": datetime.now(UTC).isoformat()})
    raise Answer(201, {key: named(world, name)[key] for key in ("id", "status")})


def path(self, world, query, body, name):
    each = named(world, name)
    title = {"fr": "Places réservées", "en": "Seats taken"}
    step = {"service": "events", "at": each["confirmed_at"], "kind": "confirmed", "title": title}
    return {"steps": [step | {"state": None, "detail": None, "technical": {"seats": each["seats"]}}]}


def draft(self, world, query, body):
    needs(self, world, "events.manage")
    refused_once(world)
    made = event(body["slug"], status="draft", published_at=None, is_open=False, seats_taken=0)
    change_words(made, body)
    made |= {"registration_closes_at": body["starts_at"], "withdraw_until": body["starts_at"]}
    world.events.append(made)
    raise Answer(201, written(made))


def change_words(told, body):
    told |= {name: value for name, value in body.items() if value is not None or name == "seats_max"}
    told["is_online"] = bool(told.get("online_url"))
    told["seats_left"] = (
        None if told["seats_max"] is None else max(0, told["seats_max"] - told["seats_taken"])
    )


def written(told):
    return {name: told[name] for name in ("id", "slug", "status")}


def change(self, world, query, body, name):
    needs(self, world, "events.manage")
    refused_once(world)
    told = find(self, world, name)
    change_words(told, body)
    told["overbooked_by"] = max(0, told["seats_taken"] - (told["seats_max"] or told["seats_taken"]))
    return written(told)


def decided(decision):
    """What staff decide of an event, once."""

    def handler(self, world, query, body, name):
        needs(self, world, "events.manage")
        refused_once(world)
        told, at = find(self, world, name), datetime.now(UTC).isoformat()
        if decision == "publications":
            told |= {"status": "published", "published_at": at, "is_open": True}
        elif decision == "reschedulings":
            change_words(told, body)
            told |= {"rescheduled_at": at, "revision": told["revision"] + 1}
        else:
            told |= {"status": "cancelled", "cancelled_at": at, "cancel_reason": (body or {}).get("reason")}
        raise Answer(201, {key: told[key] for key in ("id", "slug", "status")})

    return handler


def calendar(self, world, query, body, name):
    find(self, world, name)
    raise Answer(200, b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", **CALENDAR)


def my_calendar(self, world, query, body, link):
    registration(self, world, query, body, link)
    raise Answer(200, b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", **CALENDAR)


def export(self, world, query, body, name):
    needs(self, world, "people.export")
    who = [each for kept in registered_for(world, find(self, world, name)) for each in kept["attendees"]]
    lines = ["Prénom;Nom", *(f"{each['given_name']};{each['family_name']}" for each in who)]
    raise Answer(200, "\r\n".join(lines).encode("utf-8-sig"), Content_Type="text/csv; charset=utf-8")


def registered_for(world, told):
    return [each for each in world.registrations.values() if each["event"]["id"] == told["id"]]


def show_event(self, world, query, body, name):
    told = find(self, world, name)
    if "events.read" not in self.rights(world):
        return {key: value for key, value in told.items() if key not in {"online_url", "overbooked_by"}}
    return {"online_url": None, "overbooked_by": 0} | told


def register(self, world, query, body):
    refused_once(world)
    about, key = find(self, world, body["event_id"]), self.headers["Idempotency-Key"]
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
            "event": about
            | {"online_url": "https://meet.example.org/valmont" if about["is_online"] else None},
        }
        world.registered[key] = link
    link = world.registered[key]
    found = world.registrations[link]
    told = {name: found[name] for name in ("id", "status", "seats")}
    raise Answer(201, told | {"event_id": about["id"], "link": link})


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
    ("POST", f"{E}/events", draft),
    ("GET", f"{E}/events/{ID}", show_event),
    ("PATCH", f"{E}/events/{ID}", change),
    ("GET", f"{E}/events/{ID}/calendar", calendar),
    ("POST", f"{E}/events/{ID}/publications", decided("publications")),
    ("POST", f"{E}/events/{ID}/reschedulings", decided("reschedulings")),
    ("POST", f"{E}/events/{ID}/cancellations", decided("cancellations")),
    ("GET", f"{E}/events/{ID}/registrations", list_records),
    ("GET", f"{E}/events/{ID}/registration-exports", export),
    ("GET", f"{E}/registrations", list_all_records),
    ("GET", f"{E}/registrations/{ID}", one_record),
    ("POST", f"{E}/registrations/{ID}/cancellations", take_back),
    ("GET", f"{E}/paths/{ID}", path),
    ("POST", f"{E}/registrations", register),
    ("GET", f"{E}/registration-links/{ID}", registration),
    ("GET", f"{E}/registration-links/{ID}/calendar", my_calendar),
    ("POST", f"{E}/registration-links/{ID}/withdrawals", withdraw),
    ("GET", f"{E}/my-registrations", my_registrations),
]
