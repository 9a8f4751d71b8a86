"""The registrant's own page: opened by a signed link and nothing else."""

from datetime import timedelta
from uuid import UUID, uuid4

import icalendar

from shared import links
from tests.events import world

URL = "/api/v1/events/registration-links"


def test_the_link_shows_the_seats_and_who_takes_them(hall):
    event_id = world.event()
    made = hall.register(event_id, companions=[{"given_name": "Paul", "family_name": "Roux"}])

    shown = hall.client.get(f"{URL}/{made['link']}")

    assert shown.headers["Cache-Control"] == "no-store"
    assert (shown.json["id"], shown.json["status"], shown.json["seats"]) == (made["id"], "confirmed", 2)
    assert shown.json["attendees"][1] == {"given_name": "Paul", "family_name": "Roux"}
    assert shown.json["can_withdraw"] and shown.json["event"]["id"] == str(event_id)


def test_a_forged_foreign_or_revoked_link_opens_nothing(hall):
    made = hall.register(world.event())
    forged = [
        made["link"][:-1] + ("A" if made["link"][-1] != "A" else "B"),
        links.sign("gift", UUID(made["id"]), key="l" * 43),
        f"{uuid4()}.{made['link'].partition('.')[2]}",
        made["id"],
        "9" * 150,
        "9" * 4000,
        "é",
    ]

    for token in forged:
        assert hall.client.get(f"{URL}/{token}").status_code == 404
        assert hall.client.post(f"{URL}/{token}/withdrawals").status_code == 404
    with hall.owner() as owner:
        owner.execute("update registrations set link_version = 1")
    assert hall.client.get(f"{URL}/{made['link']}").status_code == 404


def test_after_the_deadline_seats_are_kept(hall):
    event_id = world.event(withdraw_until=world.NOW - timedelta(hours=1))
    link = hall.register(event_id)["link"]

    refused = hall.client.post(f"{URL}/{link}/withdrawals")

    assert (refused.status_code, refused.json["code"]) == (409, "withdrawal_closed")
    assert not hall.client.get(f"{URL}/{link}").json["can_withdraw"]
    assert hall.rows("select taken from event_seats") == [(1,)]


def test_withdrawing_is_said_with_the_reason(hall):
    made = hall.register(world.event())

    hall.client.post(f"{URL}/{made['link']}/withdrawals")

    [(payload, contact)] = hall.rows(
        "select payload::json, contact::json from outbox where type = 'registration.cancelled'"
    )
    assert (payload["registration_id"], payload["reason"]) == (made["id"], "withdrawn")
    assert contact["email"] == "claire@example.org" and contact["online_url"] is None
    path = hall.client.get(f"/api/v1/events/paths/{made['id']}")
    assert path.status_code in (200, 401)


def test_the_calendar_of_seats_given_back_removes_the_event(hall):
    link = hall.register(world.event())["link"]
    hall.client.post(f"{URL}/{link}/withdrawals")

    found = icalendar.Calendar.from_ical(hall.client.get(f"{URL}/{link}/calendar").data)

    assert found["method"] == "CANCEL" and found.walk("VEVENT")[0]["status"] == "CANCELLED"
