"""Bookings: what was read before the seats are taken still holds when they are, or is read again."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from services.events import bookings, registrations
from tests.events import world
from tests.events.test_registrations import COMPANION, seats_taken
from tests.support.tokens import bearer


def meanwhile(monkeypatch, act):
    """Something that happens once, between reading and writing."""
    look, done = registrations._check, []

    def check(event, attendees, at):
        look(event, attendees, at)
        if not done:
            done.append(True)
            act()

    monkeypatch.setattr(registrations, "_check", check)


def test_who_wrote_first_is_found_when_read_again(hall, monkeypatch):
    """Between reading and writing, the last seat goes to somebody else."""
    event_id = world.event(seats_max=1)
    meanwhile(monkeypatch, lambda: hall.register(event_id, email="faster@example.org"))

    assert hall.ask(event_id).json["code"] == "sold_out"
    assert hall.rows("select count(*) from registrations") == [(1,)]
    assert hall.rows("select count(*) from registrants") == [(1,)]


def test_a_guest_met_elsewhere_meanwhile_is_one_guest(hall, monkeypatch):
    event_id, other = world.event(), world.event()
    meanwhile(monkeypatch, lambda: hall.register(other))

    hall.register(event_id)

    assert hall.rows("select count(*) from registrants") == [(1,)]
    assert hall.rows("select taken from event_seats order by 1") == [(1,), (1,)]


def test_a_guest_who_is_attached_meanwhile_is_told_of_as_the_person(hall, monkeypatch):
    event_id, person_id = world.event(), uuid4()
    hall.register(world.event())
    meanwhile(monkeypatch, lambda: world.card(person_id, verified=["claire@example.org"]))

    made = hall.register(event_id)

    [(payload,)] = hall.rows("select payload::json from outbox where key = %s", made["id"])
    assert payload["person_id"] == payload["party_id"] == str(person_id)
    assert hall.rows("select taken from event_seats where event_id = %s", event_id) == [(1,)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("cancelled_at = now()", "event_not_open"),
        ("published_at = null", "not_found"),
        ("visibility = 'alumni'", "not_found"),
        ("registration_closes_at = now()", "registration_closed"),
        ("per_registration_max = 1", "fields_refused"),
    ],
)
def test_an_event_that_changed_since_it_was_read_is_read_again(hall, monkeypatch, change, code):
    event_id = world.event()

    def act():
        with hall.owner() as owner:
            owner.execute(f"update events set {change}")

    meanwhile(monkeypatch, act)

    assert hall.ask(event_id, companions=[COMPANION]).json["code"] == code
    assert hall.rows("select id from registrations union all select id from registrants") == []
    assert seats_taken(hall, event_id) == 0


def test_control_without_that_guard_seats_of_a_cancelled_event_are_taken(hall, monkeypatch):
    guard = "and cast(xmin as text) = :event_as_read"
    assert guard in str(bookings.WRITE)
    monkeypatch.setattr(bookings, "WRITE", text(str(bookings.WRITE).replace(guard, "")))
    event_id = world.event()
    meanwhile(monkeypatch, lambda: world.called_off(event_id))

    assert hall.ask(event_id).status_code == 201


def test_what_is_told_of_an_event_is_what_it_was_when_the_seats_were_taken(hall, monkeypatch):
    event_id = world.event()
    meanwhile(monkeypatch, lambda: world.moved(event_id, place="Salle 2"))

    made = hall.register(event_id)

    [(payload,)] = hall.rows("select payload::json from outbox where key = %s", made["id"])
    assert (payload["place"], payload["revision"]) == ("Salle 2", 1)


def test_the_same_key_written_meanwhile_is_one_registration(hall, monkeypatch):
    event_id, key, first = world.event(), str(uuid4()), []
    meanwhile(monkeypatch, lambda: first.append(hall.register(event_id, key=key)))

    assert hall.register(event_id, key=key) == first[0]
    assert seats_taken(hall, event_id) == 1


def test_a_member_who_registers_meanwhile_has_one_registration(hall, monkeypatch):
    event_id, headers = world.event(), bearer(world.card())
    meanwhile(monkeypatch, lambda: hall.ask(event_id, headers=headers))

    assert hall.ask(event_id, headers=headers).json["code"] == "already_registered"
    assert seats_taken(hall, event_id) == 1
