"""Seats: whatever comes at once, none is sold twice; those given back can be taken again."""

import threading
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.events import bookings, drift, registrations
from services.events.models import Transaction
from tests.events import world
from tests.support.scale import sized

BUYERS, SEATS, ROUNDS, AT_ONCE = 500, 100, 20, 12


def rush(hall, event_id, buyers):
    """So many guests at once; what each was answered."""
    answers, waiting = [], list(range(buyers))

    def buy():
        while waiting:
            try:
                number = waiting.pop()
            except IndexError:
                return
            answer = hall.ask(event_id, email=f"guest{number}@{event_id}.example")
            answers.append((answer.status_code, answer.json.get("code", "")))

    threads = [threading.Thread(target=buy) for _ in range(AT_ONCE)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers


def sold(hall, event_id):
    """Seats of live registrations, and what the counter says."""
    [found] = hall.rows(
        "select (select coalesce(sum(seats), 0) from registrations"
        " where event_id = %s and cancelled_at is null), taken from event_seats where event_id = %s",
        event_id,
        event_id,
    )
    return int(found[0]), found[1]


def differences():
    with Transaction() as session:
        return drift.drift_check(session)


@pytest.mark.chaos
def test_five_hundred_buyers_for_a_hundred_seats(hall):
    buyers, places = sized(BUYERS), sized(SEATS)
    for _ in range(sized(ROUNDS)):
        event_id = world.event(seats_max=places)

        answers = rush(hall, event_id, buyers)

        assert answers.count((201, "")) == places
        assert answers.count((409, "sold_out")) == buyers - places
        assert sold(hall, event_id) == (places, places)
    assert differences() == []


@pytest.mark.chaos
def test_control_without_the_guard_seats_are_sold_twice(hall, monkeypatch):
    """The same rush, counting before it writes, as the guard's condition and the CHECK are gone."""
    guard = " and (seats_max is null or taken + :seats <= seats_max)"
    assert guard in str(bookings.WRITE)
    monkeypatch.setattr(bookings, "WRITE", text(str(bookings.WRITE).replace(guard, "")))
    check = "alter table event_seats {} constraint ck_event_seats_not_oversold"
    with hall.owner() as owner:
        owner.execute(check.format("drop"))
        try:
            oversold = 0
            for _ in range(8):
                event_id = world.event(seats_max=5)
                rush(hall, event_id, 40)
                oversold = max(oversold, sold(hall, event_id)[0] - 5)
                if oversold:
                    break
        finally:
            owner.execute("delete from attendees")
            owner.execute("delete from registrations")
            owner.execute("update event_seats set taken = 0")
            owner.execute(check.format("add") + " check (taken <= seats_max + overbooked_by)")
    assert oversold > 0


def test_control_the_table_itself_refuses_one_seat_too_many(hall, monkeypatch):
    guard = " and (seats_max is null or taken + :seats <= seats_max)"
    monkeypatch.setattr(bookings, "WRITE", text(str(bookings.WRITE).replace(guard, "")))
    monkeypatch.setattr(registrations, "_check", lambda *_: None)
    event_id = world.event(seats_max=1)
    hall.register(event_id)

    assert hall.ask(event_id, email="late@example.org").status_code >= 409
    assert sold(hall, event_id) == (1, 1)


def test_one_key_fifty_times_at_once_is_one_registration(hall):
    event_id, key, answers = world.event(seats_max=50), str(uuid4()), []

    def press():
        answers.extend(hall.ask(event_id, key=key) for _ in range(5))

    threads = [threading.Thread(target=press) for _ in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(answers) == 50
    assert {(each.status_code, each.json["id"]) for each in answers} == {(201, answers[0].json["id"])}
    assert sold(hall, event_id) == (1, 1)
    assert hall.rows("select count(*) from outbox where type = 'registration.confirmed'") == [(1,)]


def test_seats_given_back_are_free_in_the_same_moment(hall):
    event_id = world.event(seats_max=1)
    link = hall.register(event_id)["link"]
    assert hall.ask(event_id).json["code"] == "sold_out"

    for _ in range(2):
        answer = hall.client.post(f"/api/v1/events/registration-links/{link}/withdrawals")
        assert (answer.status_code, answer.json["status"]) == (201, "cancelled")

    assert hall.register(event_id, email="next@example.org")
    assert sold(hall, event_id) == (1, 1)
    assert hall.rows("select count(*) from outbox where type = 'registration.cancelled'") == [(1,)]


def test_seats_given_back_by_many_at_once_while_others_come(hall):
    event_id = world.event(seats_max=10)
    links = [hall.register(event_id, email=f"a{n}@example.org")["link"] for n in range(10)]

    def give_back():
        for link in links:
            hall.client.application.test_client().post(
                f"/api/v1/events/registration-links/{link}/withdrawals"
            )

    threads = [threading.Thread(target=give_back) for _ in range(3)]
    threads += [threading.Thread(target=rush, args=(hall, event_id, 10))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    live, taken = sold(hall, event_id)
    assert live == taken <= 10
    assert hall.rows("select count(*) from outbox where type = 'registration.cancelled'") == [(10,)]
    assert differences() == []


def test_fewer_seats_than_are_taken_take_nobodys_away(hall, staff):
    event_id = world.event(seats_max=3)
    links = [hall.register(event_id, email=f"a{n}@example.org")["link"] for n in range(3)]

    assert staff("patch", f"/events/{event_id}", {"seats_max": 1}).status_code == 200

    shown = staff("get", f"/events/{event_id}").json
    assert (shown["seats_taken"], shown["seats_left"], shown["overbooked_by"]) == (3, 0, 2)
    assert hall.ask(event_id).json["code"] == "sold_out"
    for link, overbooked in zip(links[:2], (1, 0), strict=True):
        hall.client.post(f"/api/v1/events/registration-links/{link}/withdrawals")
        assert staff("get", f"/events/{event_id}").json["overbooked_by"] == overbooked
    assert hall.ask(event_id).json["code"] == "sold_out"
    assert staff("patch", f"/events/{event_id}", {"seats_max": None}).status_code == 200
    assert hall.register(event_id)
    assert differences() == []


def test_drift_names_what_does_not_agree(hall):
    event_id = world.event(seats_max=5)
    hall.register(event_id)
    with hall.owner() as owner:
        owner.execute("update event_seats set taken = 3")

    assert [(each.what, each.stands, each.should) for each in differences()] == [("taken", 3, 1)]
