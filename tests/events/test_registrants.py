"""Registrants follow the directory's cards, and guests become people by verified addresses only."""

import itertools
import threading
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from services.events import bookings, registrants
from services.events.models import Registrant, Transaction
from tests.events import world
from tests.support.tokens import bearer


def replica(hall, person_id):
    [found] = hall.rows(
        "select version, given_name, email, merged_into, erased_at is not null, verified"
        " from registrants where id = %s",
        person_id,
    )
    return found


def attached(hall):
    return hall.rows("select payload::json->>'party_id', payload::json->>'person_id' from outbox"
                     " where type = 'registrant.attached'")  # fmt: skip


def test_whose_address_it_is_is_found_among_those_who_have_verified_one(hall):
    asked = dict.fromkeys(("by", "caller", "route", "idempotency_key", "event_id"))
    with Transaction() as session:
        session.execute(text("set local enable_seqscan = off"))
        explained = session.execute(
            text(f"explain {bookings.LOOK.text}"), {**asked, "mark": "m", "name_key": "n"}
        )

        assert "ix_registrants_marks" in "\n".join(explained.scalars())


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
def test_cards_in_any_order_and_twice_leave_the_latest(hall, order):
    person_id = uuid4()
    for version in (*order, *order):
        world.card(person_id, version=version, given_name=f"Anne {version}")

    assert replica(hall, person_id)[:2] == (3, "Anne 3")


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
def test_no_card_revives_an_erased_person(hall, order):
    person_id = uuid4()
    for version in order:
        if version == 3:
            world.tombstone(person_id, version=3)
        else:
            world.card(person_id, version=version, verified=("anne@example.org",))

    assert replica(hall, person_id) == (3, "", None, None, True, [])


def test_erasure_takes_every_name_and_address_away(hall):
    event_id, person_id = world.event(), world.card(verified=("anne@example.org",))
    companion = {"given_name": "Canary", "family_name": "Canari"}
    typed = {"email": "anne@example.org", "given_name": "Canary", "family_name": "Canari"}
    hall.register(event_id, **typed, companions=[companion])
    link = hall.ask(event_id, headers=bearer(person_id), **typed, companions=[companion]).json["link"]
    other = hall.register(event_id)

    world.tombstone(person_id, version=9)

    left = hall.rows(
        "select (select json_agg(r) from registrants r where id = %s or person_id = %s)::text,"
        " (select json_agg(r) from registrations r where id <> %s)::text,"
        " (select json_agg(a) from attendees a where registration_id <> %s)::text",
        person_id, person_id, other["id"], other["id"],
    )  # fmt: skip
    assert "Canar" not in str(left) and "canar" not in str(left) and "anne" not in str(left)
    assert hall.rows("select count(*) from attendees where given_name = 'Claire'") == [(1,)]
    shown = hall.client.get(f"/api/v1/events/registration-links/{link}").json
    assert [each["given_name"] for each in shown["attendees"]] == ["", ""] and shown["status"] == "confirmed"


def test_a_guest_is_attached_when_a_card_has_the_address_verified(hall):
    made = hall.register(world.event())
    world.card(email="claire@example.org")
    assert attached(hall) == []

    person_id = world.card(verified=("Claire@example.org",))

    [(guest_id,)] = hall.rows("select registrant_id from registrations where id = %s", made["id"])
    assert attached(hall) == [(str(guest_id), str(person_id))]


def test_a_guest_under_a_verified_address_is_attached_at_once(hall):
    event_id, person_id = world.event(), world.card(verified=("claire@example.org",), version=4)

    for _ in range(2):
        made = hall.register(event_id)

    assert len(attached(hall)) == 1
    [(payload, contact)] = hall.rows(
        "select payload::json, contact::json from outbox where key = %s", made["id"]
    )
    assert payload["party_id"] == payload["person_id"] == str(person_id)
    assert contact["card_version"] == 4


def two_cards_at_once(hall, monkeypatch):
    """Two people have verified a guest's address, and both cards have found the guest before one writes."""
    hall.register(world.event())
    both, attach = threading.Barrier(2, timeout=3), registrants.attach

    def together(*args, **values):
        with suppress(threading.BrokenBarrierError):
            both.wait()
        attach(*args, **values)

    monkeypatch.setattr(registrants, "attach", together)
    verified = {"verified": ("claire@example.org",)}
    threads = [threading.Thread(target=world.card, kwargs=verified) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return len(attached(hall))


def test_a_guest_is_attached_once_when_two_cards_come_at_once(hall, monkeypatch):
    assert two_cards_at_once(hall, monkeypatch) == 1


def test_control_without_the_lock_a_guest_is_attached_twice(hall, monkeypatch):
    def unlocked(session, marks):
        waiting = select(Registrant).where(Registrant.email_mark.in_(marks), Registrant.person_id.is_(None))
        return list(session.execute(waiting).scalars())

    monkeypatch.setattr(registrants, "_guests_of", unlocked)

    assert two_cards_at_once(hall, monkeypatch) == 2


def test_an_address_that_two_people_have_verified_attaches_nobody(hall):
    for _ in range(2):
        world.card(verified=("claire@example.org",))

    hall.register(world.event())

    assert attached(hall) == []


def mine(hall, person_id):
    answer = hall.client.get("/api/v1/events/my-registrations", headers=bearer(person_id))
    assert answer.status_code == 200
    return [each["id"] for each in answer.json["items"]]


def test_my_registrations_hold_those_of_my_guest_and_of_whom_i_was_merged_with(hall):
    event_id = world.event()
    kept, twin = world.card(verified=("claire@example.org",)), world.card()
    as_guest = hall.register(event_id)["id"]
    as_twin = hall.ask(event_id, headers=bearer(twin)).json["id"]
    assert mine(hall, kept) == [as_guest] and mine(hall, twin) == [as_twin]

    world.card(twin, version=2, merged_into=kept)

    assert mine(hall, kept) == [as_twin, as_guest]
    world.card(twin, version=3)
    assert mine(hall, kept) == [as_guest] and mine(hall, twin) == [as_twin]
    assert mine(hall, uuid4()) == []


def test_who_was_merged_registers_as_who_they_are_now(hall):
    kept, twin = world.card(), world.card()
    world.card(twin, version=2, merged_into=kept)

    made = hall.ask(world.event(), headers=bearer(twin)).json

    [(payload,)] = hall.rows("select payload::json from outbox where key = %s", made["id"])
    assert payload["party_id"] == payload["person_id"] == str(kept)
