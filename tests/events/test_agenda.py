"""The agenda: what is hidden is hidden everywhere, and where to join online is told to nobody."""

from datetime import datetime, timedelta
from uuid import uuid4

import icalendar
import pytest

from tests.events import world
from tests.support.tokens import bearer

SECRET = "https://meet.example.org/secret"


def slugs(hall, query="", headers=None):
    answer = hall.client.get(f"/api/v1/events/events{query}", headers=headers)
    assert answer.status_code == 200, answer.json
    return [each["slug"] for each in answer.json["items"]]


def test_the_next_comes_first_and_of_those_over_the_latest(hall):
    long_ago = world.NOW - timedelta(days=90)
    for days in (3, 1, 2):
        world.event(slug=f"next-{days}", starts_at=world.NOW + timedelta(days=days))
        world.event(slug=f"last-{days}", starts_at=world.NOW - timedelta(days=days), at=long_ago)

    assert slugs(hall) == ["next-1", "next-2", "next-3"]
    assert slugs(hall, "?when=past") == ["last-1", "last-2", "last-3"]
    first = hall.client.get("/api/v1/events/events?limit=2").json
    assert slugs(hall, f"?limit=2&after={first['next']}") == ["next-3"]


def test_the_agenda_is_searched_whatever_accents_and_capitals(hall):
    world.event(slug="fete", title={"fr": "Fête d’été", "en": "Summer party"}, place="Musée")
    world.event(slug="other")

    assert slugs(hall, "?q=FETE") == slugs(hall, "?q=summer musee") == ["fete"]
    assert slugs(hall, "?q=%25") == []


@pytest.mark.parametrize("path", ["", "/seats", "/calendar"])
@pytest.mark.parametrize("state", ["draft", "alumni", "cancelled draft"])
def test_what_one_may_not_see_is_not_there(hall, path, state):
    event_id = (
        world.event(slug="hidden", visibility="alumni") if state == "alumni" else world.draft(slug="hidden")
    )
    if state == "cancelled draft":
        world.called_off(event_id)

    for name in (event_id, "hidden"):
        where = f"/api/v1/events/events/{name}{path}"
        assert hall.client.get(where).status_code == 404
        assert hall.client.get(where, headers=bearer()).status_code == (200 if state == "alumni" else 404)
        assert hall.client.get(where, headers=bearer(rights=["events.read"])).status_code == 200
    assert slugs(hall) == []
    assert slugs(hall, headers=bearer()) == (["hidden"] if state == "alumni" else [])
    assert slugs(hall, headers=bearer(rights=["events.read"])) == ["hidden"]
    assert slugs(hall, "?status=draft") == slugs(hall, "?status=draft", bearer()) == []


def test_where_to_join_is_told_to_who_registered_only(hall, staff):
    event_id = world.event(slug="en-ligne", place="", online_url=SECRET)
    link = hall.register(event_id)["link"]

    for where in ("", "/en-ligne", f"/{event_id}", "/en-ligne/calendar", "/en-ligne/seats"):
        for headers in ({}, bearer(), bearer(rights=["events.manage"])):
            answer = hall.client.get(f"/api/v1/events/events{where}", headers=headers)
            assert answer.status_code == 200 and b"meet.example.org" not in answer.data
    shown = hall.client.get("/api/v1/events/events/en-ligne").json
    assert shown["is_online"] and "online_url" not in shown and "overbooked_by" not in shown
    assert staff("get", "/events/en-ligne").json["online_url"] == SECRET
    own = f"/api/v1/events/registration-links/{link}"
    assert hall.client.get(own).json["event"]["online_url"] == SECRET
    assert SECRET in hall.client.get(f"{own}/calendar").text.replace("\r\n ", "")
    assert SECRET not in str(hall.rows("select payload, contact from outbox"))

    hall.client.post(f"{own}/withdrawals")
    assert "meet.example.org" not in hall.client.get(own).text
    assert "meet.example.org" not in hall.client.get(f"{own}/calendar").text


def test_an_event_as_everyone_sees_it(hall):
    event_id = world.event(slug="soiree", seats_max=5)
    hall.register(event_id)

    shown = hall.client.get("/api/v1/events/events/soiree").json

    assert (shown["status"], shown["is_open"], shown["is_over"], shown["revision"]) == (
        "published",
        True,
        False,
        0,
    )
    assert (shown["seats_max"], shown["seats_taken"], shown["seats_left"]) == (5, 1, 4)
    assert shown["registration_closes_at"] == shown["withdraw_until"] == shown["starts_at"]
    assert hall.client.get("/api/v1/events/events/nobody").status_code == 404
    assert hall.client.get(f"/api/v1/events/events/{uuid4()}").status_code == 404
    assert hall.client.get(f"/api/v1/events/events/{'9' * 4000}").status_code == 404


def test_seats_are_asked_again_by_their_etag(hall):
    event_id = world.event(slug="soiree")
    first = hall.client.get("/api/v1/events/events/soiree/seats")
    again = {"If-None-Match": first.headers["ETag"]}

    assert hall.client.get("/api/v1/events/events/soiree/seats", headers=again).status_code == 304
    hall.register(event_id)
    assert hall.client.get("/api/v1/events/events/soiree/seats", headers=again).json["seats_taken"] == 1


@pytest.mark.parametrize(
    "query", ["?when=now", "?limit=1000000", "?after=forged", "?q=", "?x=1", "?status=gone"]
)
def test_what_the_agenda_does_not_know_is_refused(hall, query):
    assert hall.client.get(f"/api/v1/events/events{query}").status_code == 422


def test_the_calendar_file_moves_and_goes_with_the_event(hall):
    event_id = world.event(slug="soiree", online_url=SECRET)
    world.moved(event_id, starts_at=datetime.fromisoformat("2030-07-01T17:00:00+00:00"))

    def read():
        answer = hall.client.get("/api/v1/events/events/soiree/calendar?locale=en")
        assert answer.content_type.startswith("text/calendar; charset=utf-8; method=")
        return icalendar.Calendar.from_ical(answer.data)

    [found] = read().walk("VEVENT")
    assert found.decoded("dtstart").isoformat() == "2030-07-01T19:00:00+02:00"
    assert (found["summary"], found["sequence"], found["uid"]) == ("An evening", 2, f"{event_id}@127.0.0.1")

    world.called_off(event_id)
    gone = read()
    assert gone["method"] == "CANCEL" and gone.walk("VEVENT")[0]["sequence"] == 3
