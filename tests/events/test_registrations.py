"""Registrations: seats taken once, by who may, and never one too many."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.events import world
from tests.support.tokens import bearer

COMPANION = {"given_name": "Paul", "family_name": "Lemoine"}


def seats_taken(hall, event_id):
    return hall.rows("select taken from event_seats where event_id = %s", event_id)[0][0]


def test_a_guest_takes_seats_and_is_told(hall):
    event_id = world.event(seats_max=10, online_url="https://meet.example.org/abc")

    made = hall.register(event_id, companions=[COMPANION], locale="en")

    assert made["status"] == "confirmed" and made["seats"] == 2 and made["event_id"] == str(event_id)
    assert seats_taken(hall, event_id) == 2
    [(kind, correlation, payload, contact)] = hall.rows(
        "select type, correlation_id, payload::json, contact::json from outbox where key = %s", made["id"]
    )
    assert (kind, str(correlation)) == ("registration.confirmed", made["id"])
    assert payload["event_id"] == str(event_id) and payload["seats"] == 2 and "person_id" not in payload
    assert contact["email"] == "claire@example.org" and contact["typed"] and contact["locale"] == "en"
    assert [each["given_name"] for each in contact["attendees"]] == ["Claire", "Paul"]
    assert contact["link"].startswith("eyJ") and contact["online_url"].startswith("eyJ")
    assert "meet.example.org" not in str(payload) + str(contact)


def test_the_same_key_is_one_registration(hall):
    event_id, key = world.event(seats_max=1), str(uuid4())

    first, second = hall.register(event_id, key=key), hall.register(event_id, key=key, locale="en")

    assert first == second
    assert seats_taken(hall, event_id) == 1
    assert hall.ask(event_id, key=key, family_name="Autre").json["code"] == "key_reused"


def test_a_member_takes_seats_without_typing(hall):
    event_id, person_id = world.event(), world.card()

    answer = hall.ask(event_id, given_name=None, family_name=None, email=None, headers=bearer(person_id))

    assert answer.status_code == 201, answer.json
    [(payload, contact)] = hall.rows(
        "select payload::json, contact::json from outbox where key = %s", answer.json["id"]
    )
    assert payload["party_id"] == payload["person_id"] == str(person_id)
    assert (contact["email"], contact["typed"], contact["given_name"]) == ("anne@example.org", False, "Anne")


def test_a_member_has_one_live_registration_of_an_event(hall):
    event_id, person_id = world.event(), world.card()
    first = hall.ask(event_id, headers=bearer(person_id))

    assert hall.ask(event_id, headers=bearer(person_id)).json["code"] == "already_registered"

    hall.client.post(f"/api/v1/events/registration-links/{first.json['link']}/withdrawals")
    assert hall.ask(event_id, headers=bearer(person_id)).status_code == 201


def test_a_guest_may_register_twice(hall):
    event_id = world.event()

    first, second = hall.register(event_id), hall.register(event_id)

    assert first["id"] != second["id"]
    assert hall.rows("select count(*) from registrants") == [(1,)]


def test_a_person_whose_card_has_not_come_registers_under_what_they_type(hall):
    event_id, person_id = world.event(), uuid4()

    bare = hall.ask(event_id, given_name=None, family_name=None, email=None, headers=bearer(person_id))
    typed = hall.ask(event_id, headers=bearer(person_id))

    assert sorted(bare.json["errors"]) == ["email", "family_name", "given_name"]
    assert typed.status_code == 201
    [(payload,)] = hall.rows("select payload::json from outbox where key = %s", typed.json["id"])
    assert payload["person_id"] == str(person_id)


def test_sold_out_says_what_is_left(hall):
    event_id = world.event(seats_max=2)
    hall.register(event_id)

    refused = hall.ask(event_id, companions=[COMPANION])

    assert (refused.status_code, refused.json["code"], refused.json["seats_left"]) == (409, "sold_out", 1)
    assert hall.register(event_id)["seats"] == 1
    assert hall.ask(event_id).json["code"] == "sold_out"


def test_registration_closes(hall):
    past = world.NOW - timedelta(days=1)
    closed = world.event(registration_closes_at=past)
    over = world.event(starts_at=past, at=past - timedelta(days=5))
    called_off = world.event()
    world.called_off(called_off)

    assert hall.ask(closed).json["code"] == "registration_closed"
    assert hall.ask(over).json["code"] == "registration_closed"
    assert hall.ask(called_off).json["code"] == "event_not_open"
    assert hall.ask(called_off).status_code == 409


def test_what_one_may_not_see_one_cannot_register_for(hall):
    hidden, draft = world.event(visibility="alumni"), world.draft()

    for event_id in (hidden, draft, uuid4()):
        assert hall.ask(event_id).status_code == 404
    assert hall.ask(hidden, headers=bearer()).status_code == 201
    refused = hall.ask(draft, headers=bearer())
    assert (refused.status_code, list(refused.json["errors"])) == (404, ["event_id"])
    assert hall.ask(draft, headers=bearer(rights=["events.read"])).json["code"] == "event_not_open"


def test_so_many_at_once_and_no_more(hall):
    event_id = world.event(per_registration_max=2)

    refused = hall.ask(event_id, companions=[COMPANION, COMPANION])

    assert refused.status_code == 422 and "companions" in refused.json["errors"]
    assert hall.ask(event_id, companions=[COMPANION] * 20).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"given_name": "Visit www.example.org"},
        {"family_name": "https://example.org"},
        {"given_name": "A\u202eB"},
        {"given_name": "a\x00b"},
        {"email": "claire"},
        {"companions": [{"given_name": "Paul", "family_name": "http://x.example"}]},
        {"companions": [{"given_name": "Paul"}]},
        {"companions": "Paul"},
        {"seats": 3},
        {"status": "confirmed"},
        {"locale": "de"},
        {"event_id": "9" * 4000},
        {"event_id": 7},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(hall, wrong):
    event_id = world.event()

    answer = hall.ask(**{"event_id": event_id, **wrong})

    assert answer.status_code == 422, answer.json
    assert seats_taken(hall, event_id) == 0


def test_without_a_key_nothing_begins(hall):
    event_id = world.event()

    answer = hall.client.post("/api/v1/events/registrations", json={"event_id": str(event_id)})

    assert answer.status_code == 400


def test_a_mailbox_is_not_filled(hall):
    event_id = world.event()

    answers = [hall.ask(event_id).status_code for _ in range(11)]

    assert answers == [201] * 10 + [429]


@pytest.mark.parametrize("typed", ["claire+{}@example.org", "Claire+{}@EXAMPLE.org"])
def test_an_address_with_signs_of_its_own_is_the_same_mailbox(hall, typed):
    event_id = world.event()

    answers = [hall.ask(event_id, email=typed.format(n)).status_code for n in range(11)]

    assert answers == [201] * 10 + [429]


def test_nobody_registers_a_whole_town_from_one_address(hall):
    event_id = world.event()
    sent = {"X-Forwarded-For": "10.1.1.1"}

    answers = [hall.ask(event_id, email=f"a{n}@example.org", headers=sent).status_code for n in range(61)]

    assert answers == [201] * 60 + [429]


def test_nor_under_sixty_accounts(hall):
    """Seats are counted of guests alone: who is signed in is held by the requests of their network."""
    event_id, sent = world.event(), {"X-Forwarded-For": "10.1.1.4"}
    typed = {"given_name": None, "family_name": None, "email": None}

    answers = [hall.ask(event_id, **typed, headers=bearer(world.card()) | sent) for _ in range(61)]

    assert [each.status_code for each in answers] == [201] * 60 + [429]
    assert answers[-1].json["code"] == "too_many"


COMPANIONS = [{"given_name": "Paul", "family_name": "Roux"}] * 19


def test_a_guest_does_not_fill_a_hall_from_one_network(hall):
    event_id = world.event(seats_max=200, per_registration_max=20)
    sent = {"X-Forwarded-For": "10.1.1.2"}

    asked = [
        hall.ask(event_id, email=f"a{n}@example.org", companions=COMPANIONS, headers=sent) for n in range(10)
    ]

    assert [each.status_code for each in asked] == [201] * 3 + [429] * 7
    assert asked[-1].json["code"] == "too_many_seats" and int(asked[-1].headers["Retry-After"]) > 500
    assert seats_taken(hall, event_id) == 60
    assert hall.ask(event_id, email="other@example.org").status_code == 201


def test_a_guest_does_not_fill_a_hall_under_one_address_from_many_networks(hall):
    event_id = world.event(seats_max=200, per_registration_max=20)

    asked = [hall.ask(event_id, email=f"a+{n}@example.org", companions=COMPANIONS) for n in range(3)]

    assert [each.status_code for each in asked] == [201, 201, 429]
    assert asked[-1].json["code"] == "too_many_seats"


def test_who_is_signed_in_has_their_seats_where_guests_have_taken_many(hall):
    event_id = world.event(per_registration_max=20)
    sent = {"X-Forwarded-For": "10.1.1.3"}
    for n in range(4):
        hall.ask(event_id, email=f"a{n}@example.org", companions=COMPANIONS, headers=sent)

    answer = hall.ask(
        event_id, given_name=None, family_name=None, email=None, headers=bearer(world.card()) | sent
    )

    assert answer.status_code == 201, answer.json


def test_ids_of_registrations_are_their_own(hall):
    made = hall.register(world.event())

    assert UUID(made["id"]).version == 7
