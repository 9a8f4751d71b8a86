"""Events are written, published, moved and called off by staff; each is said once."""

import json
import threading
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from services.events import publications
from services.events.models import Event, Transaction
from tests.events import world
from tests.support.tokens import bearer

WISH = {
    "slug": "une-soiree",
    **dict.fromkeys(("title", "summary", "description"), world.WORDS),
    "starts_at": "2035-06-01T18:00:00+02:00",
    "ends_at": "2035-06-01T22:00:00+02:00",
}
SCHEDULE = {
    "starts_at": "2035-06-02T18:00:00+02:00",
    "ends_at": "2035-06-02T22:00:00+02:00",
    "place": "Nantes",
}


def said(hall, kind):
    return hall.rows("select count(*) from outbox where type = %s", kind)[0][0]


def test_a_draft_is_published_moved_and_called_off(hall, staff):
    event_id = staff("post", "/events", WISH | {"seats_max": 50}).json["id"]

    for _ in range(2):
        published = staff("post", f"/events/{event_id}/publications")
        assert (published.status_code, published.json["status"]) == (201, "published")
    for _ in range(2):
        moved = staff("post", f"/events/{event_id}/reschedulings", SCHEDULE)
        assert moved.status_code == 201
        told = staff("get", f"/events/{event_id}").json
        assert (told["revision"], told["place"]) == (1, "Nantes")
    for _ in range(2):
        gone = staff("post", f"/events/{event_id}/cancellations", {"reason": {"fr": "Grève", "en": "Strike"}})
        assert (gone.status_code, gone.json["status"]) == (201, "cancelled")
        assert staff("get", f"/events/{event_id}").json["cancel_reason"]["en"] == "Strike"
    for each in (published, moved, gone):
        assert set(each.json) == {"id", "slug", "status"}

    kinds = ("event.published", "event.rescheduled", "event.cancelled")
    assert [said(hall, kind) for kind in kinds] == [1, 1, 1]
    actions = hall.rows("select action from audit_entries where subject_id = %s order by number", event_id)
    assert [each for (each,) in actions] == ["event.drafted", *kinds]


def published_at_once(hall, monkeypatch):
    """Two press the button, and both have read the draft before one writes; how often it is said."""
    event_id, both, check = world.draft(), threading.Barrier(2, timeout=3), publications.check_titles

    def together(event):
        with suppress(threading.BrokenBarrierError):
            both.wait()
        check(event)

    def press():
        with Transaction() as session:
            publications.publish(session, event_id, by=None, at=world.NOW)

    monkeypatch.setattr(publications, "check_titles", together)
    threads = [threading.Thread(target=press) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return said(hall, "event.published")


def test_two_publications_at_once_are_said_once(hall, monkeypatch):
    assert published_at_once(hall, monkeypatch) == 1


def test_control_without_the_lock_two_publications_are_said_twice(hall, monkeypatch):
    monkeypatch.setattr(publications, "lock", lambda session, event_id: session.get_one(Event, event_id))

    assert published_at_once(hall, monkeypatch) == 2


def test_times_are_told_in_utc_however_they_were_written(hall, staff):
    event_id = staff("post", "/events", WISH).json["id"]
    staff("post", f"/events/{event_id}/publications")
    staff("post", f"/events/{event_id}/reschedulings", SCHEDULE)

    assert staff("get", f"/events/{event_id}").json["starts_at"] == "2035-06-02T16:00:00+00:00"
    [(told,)] = hall.rows("select payload from outbox where type = 'event.rescheduled'")
    assert json.loads(told)["ends_at"] == "2035-06-02T20:00:00+00:00"


def test_the_same_draft_twice_is_one_whatever_it_has_become(hall, staff):
    key = {"Idempotency-Key": str(uuid4())}
    first = staff("post", "/events", WISH, **key)
    assert staff("patch", f"/events/{first.json['id']}", {"place": "Nantes"}).status_code == 200

    second = staff("post", "/events", WISH, **key)

    assert first.json == second.json and first.status_code == second.status_code == 201
    for other in ({"slug": "deux"}, {"seats_max": 3}, {"place": "Nantes"}):
        refused = staff("post", "/events", WISH | other, **key)
        assert (refused.status_code, refused.json["code"]) == (422, "key_reused")
    assert hall.rows("select count(*) from events join event_seats on event_id = id") == [(1,)]
    assert hall.rows("select count(*) from audit_entries where action = 'event.drafted'") == [(1,)]


def test_an_address_is_that_of_one_event(hall, staff):
    assert staff("post", "/events", WISH).status_code == 201

    for wish in (WISH, WISH | {"seats_max": 3}, WISH | {"place": "Nantes"}):
        taken = staff("post", "/events", wish)
        assert (taken.status_code, taken.json["code"]) == (409, "event_taken")
    assert hall.rows("select count(*) from events") == [(1,)]


@pytest.mark.parametrize(("key", "answers"), [("the-same", [201] * 4), (None, [201, 409, 409, 409])])
def test_four_drafts_of_an_address_at_once_are_one_event(hall, staff, key, answers):
    """Under one key all are answered with it; else the first alone."""
    found = []

    def write():
        found.append(staff("post", "/events", WISH, **({"Idempotency-Key": key} if key else {})).status_code)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(found) == answers
    assert hall.rows("select count(*) from events") == [(1,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_at": WISH["starts_at"]},
        {"ends_at": "2035-05-01T18:00:00+02:00"},
        {"starts_at": "2035-06-01T18:00:00"},
        {"starts_at": "0001-01-01T00:00:00+14:00"},
        {"ends_at": "9999-12-31T23:59:59-14:00"},
        {"time_zone": "Europe/Valmont"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"seats_max": -1},
        {"seats_max": 1.5},
        {"seats_max": "10"},
        {"seats_max": True},
        {"seats_max": 9223372036854775808},
        {"per_registration_max": 0},
        {"per_registration_max": 21},
        {"registration_closes_at": "2036-01-01T00:00:00Z"},
        {"withdraw_until": "2036-01-01T00:00:00Z"},
        {"online_url": "javascript:alert(1)"},
        {"online_url": "meet"},
        {"title": {"fr": "x" * 151, "en": "y"}},
        {"title": {"fr": "a\r\nBcc: b@example.org", "en": "y"}},
        {"title": {"fr": "a"}},
        {"title": {"fr": "a\u0000", "en": "b"}},
        {"place": "a\nb"},
        {"visibility": "secret"},
        {"slug": "Une Soirée"},
        {"time_zone": "localtime"},
        {"online_url": "https://u:p@meet.example.org/"},
        {"online_url": "https://[meet.example.org"},
        {"online_url": "https://meet.example.org/\u202e"},
        {"slug": "0193a1b2-0000-7000-8000-000000000001"},
        {"taken": 3},
        {"published_at": "2035-06-01T18:00:00Z"},
        {"revision": 4},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_what_cannot_be_is_refused(staff, wrong):
    answer = staff("post", "/events", WISH | wrong)

    assert answer.status_code == 422, answer.json


def test_what_cannot_be_is_refused_of_a_change_too(hall, staff):
    event_id = staff("post", "/events", WISH).json["id"]

    ends = staff("patch", f"/events/{event_id}", {"ends_at": "2035-01-01T00:00:00Z"})

    assert (ends.status_code, list(ends.json["errors"])) == (422, ["ends_at"])
    assert staff("patch", f"/events/{event_id}", {"slug": "other"}).status_code == 422
    assert staff("patch", f"/events/{uuid4()}", {"place": "x"}).status_code == 404
    assert staff("post", f"/events/{'9' * 4000}/publications").status_code == 404


def test_when_and_where_of_a_published_event_stand(staff, hall):
    event_id = world.event()

    for wish in ({"place": "Nantes"}, {"time_zone": "UTC"}, {"online_url": "https://example.org"}):
        assert staff("patch", f"/events/{event_id}", wish).json["code"] == "published_event_fixed"
    assert staff("patch", f"/events/{event_id}", {"place": world.BEGUN["place"]}).status_code == 200
    assert staff("patch", f"/events/{event_id}", {"organiser": "Amicale"}).status_code == 200
    blank = staff("patch", f"/events/{event_id}", {"title": {"fr": "Soirée", "en": ""}})
    assert (blank.status_code, list(blank.json["errors"])) == (422, ["title.en"])


def test_what_has_begun_is_not_published(hall, staff):
    past = world.draft(starts_at=world.NOW - timedelta(days=1))
    untitled = world.draft(title={"fr": "Soirée", "en": ""})

    assert staff("post", f"/events/{past}/publications").json["code"] == "event_in_the_past"
    assert list(staff("post", f"/events/{untitled}/publications").json["errors"]) == ["title.en"]
    assert said(hall, "event.published") == 0


def test_what_cannot_be_moved_is_not(hall, staff):
    draft, gone, over = world.draft(), world.event(), world.event(
        starts_at=world.NOW - timedelta(days=2), at=world.NOW - timedelta(days=9)
    )  # fmt: skip
    world.called_off(gone)
    back = SCHEDULE | {"starts_at": "2020-01-01T00:00:00Z"}

    codes = [
        staff("post", f"/events/{each}/reschedulings", SCHEDULE).json["code"] for each in (draft, gone, over)
    ]

    assert codes == ["event_not_published", "event_already_cancelled", "event_over"]
    assert staff("post", f"/events/{world.event()}/reschedulings", back).json["code"] == "event_in_the_past"
    assert staff("post", f"/events/{gone}/publications").json["code"] == "event_already_cancelled"
    assert staff("patch", f"/events/{gone}", {"organiser": "x"}).json["code"] == "event_already_cancelled"
    assert staff("post", f"/events/{over}/cancellations", {}).json["code"] == "event_over"


def test_a_draft_called_off_is_told_to_nobody(hall, staff):
    draft = world.draft()

    assert staff("post", f"/events/{draft}/cancellations", {}).json["status"] == "cancelled"
    assert said(hall, "event.cancelled") == 0


def test_limits_past_the_new_end_are_dropped(hall, staff):
    event_id = world.event(withdraw_until=world.NOW + timedelta(days=10, hours=2))

    world.moved(event_id, starts_at=world.NOW + timedelta(days=1))

    shown = staff("get", f"/events/{event_id}").json
    assert shown["withdraw_until"] == shown["starts_at"]


def test_readers_do_not_write(app):
    client, headers = app.test_client(), bearer(rights=["events.read"]) | {"Idempotency-Key": str(uuid4())}

    assert client.post("/api/v1/events/events", json=WISH, headers=headers).status_code == 403
