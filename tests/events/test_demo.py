"""The demo's events: made once, alive on any day, with seats that agree."""

from datetime import timedelta

from services.events import demo, drift
from services.events.models import Transaction
from shared.clock import now
from tests.events import world


def test_the_demo_is_made_once(hall, monkeypatch):
    world.card(email="first@example.org", family_name="Zola")
    for number in range(60):
        world.card(email=f"p{number}@example.org", family_name=f"Martin {number:03}")
    monkeypatch.setattr(demo, "PEOPLE_EXPECTED", 61)
    monkeypatch.setattr(demo, "QUIET_CHECKS", 0)
    people = demo.wait_for_people("first@example.org")
    assert people[0].family_name == "Zola"

    made = demo.make(people, at=now())
    demo.make(people, at=now() + timedelta(minutes=1))

    assert hall.rows("select count(*) from registrations") == [(made,)]
    assert hall.rows("select count(*), count(published_at) from events") == [(5, 5)]
    upcoming = hall.client.get("/api/v1/events/events").json["items"]
    assert len(upcoming) == 3 and all(each["is_open"] for each in upcoming)
    assert len(hall.client.get("/api/v1/events/events?when=past").json["items"]) == 1
    with Transaction() as session:
        assert drift.drift_check(session) == []
