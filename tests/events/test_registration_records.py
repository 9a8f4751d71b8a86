"""Registrations as staff see them: found, taken back, exported with a trace."""

import csv
import io
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from services.events import registration_exports, registration_records, schedule
from services.events.models import Transaction
from shared.clock import now
from tests.events import world
from tests.support.tokens import bearer


def names(answer):
    assert answer.status_code == 200, answer.json
    return [each["attendees"][0]["given_name"] for each in answer.json["items"]]


def test_who_comes_is_found_by_name_address_and_companion(hall, staff):
    event_id = world.event()
    hall.register(event_id, given_name="Éloïse", email="eloise@example.org")
    hall.register(event_id, companions=[{"given_name": "Ignace", "family_name": "Zola"}])
    hall.ask(event_id, given_name=None, family_name=None, email=None, headers=bearer(world.card()))
    url = f"/events/{event_id}/registrations"

    assert names(staff("get", url)) == ["Anne", "Claire", "Éloïse"]
    assert names(staff("get", f"{url}?q=ELOISE")) == ["Éloïse"]
    assert names(staff("get", f"{url}?q=zola ignace")) == ["Claire"]
    assert names(staff("get", f"{url}?q=anne@example")) == ["Anne"]
    page = staff("get", f"{url}?limit=2").json
    assert names(staff("get", f"{url}?limit=2&after={page['next']}")) == ["Éloïse"]
    assert staff("get", f"/events/{uuid4()}/registrations").status_code == 404


def test_who_comes_is_found_among_the_registrations_of_all_events(hall, staff):
    first, second = world.event(slug="un"), world.event(slug="deux")
    hall.register(first, given_name="Éloïse", email="eloise@example.org")
    hall.register(second, companions=[{"given_name": "Éloïse", "family_name": "Zola"}])
    hall.register(second, given_name="Paul", email="paul@example.org")

    assert names(staff("get", "/registrations")) == ["Paul", "Claire", "Éloïse"]
    assert names(staff("get", "/registrations?q=eloise")) == ["Claire", "Éloïse"]
    assert names(staff("get", "/registrations?q=paul@example.org")) == ["Paul"]
    assert names(staff("get", "/registrations?q=eloise&status=cancelled")) == []
    for nothing in ("%25", "'", "!!!", "\\"):
        assert names(staff("get", f"/registrations?q={nothing}")) == []


def test_names_are_looked_for_by_index(hall):
    asked = registration_records._named("zola").compile(
        dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
    )
    with Transaction() as session:
        # Of few rows any way is as short: what is left is to look where the name is.
        for way in ("seqscan", "indexscan", "indexonlyscan", "nestloop", "mergejoin"):
            session.execute(text(f"set local enable_{way} = off"))
        plan = "\n".join(session.execute(text(f"explain {asked}".replace("%%", "%"))).scalars())

    for index in ("ix_registrations_search", "ix_registrants_search"):
        assert index in plan


@pytest.mark.parametrize("q", ["Zoé", "zoe", "ZOE", "Lefèvre", "lefevre", "strasse", "Straße", "zoe claire"])
def test_a_companion_is_found_whatever_their_accents_and_capitals(hall, staff, q):
    event_id = world.event()
    hall.register(event_id, email="paul@example.org", given_name="Paul", family_name="Autre")
    hall.register(event_id, companions=[{"given_name": "Zoé", "family_name": "Lefèvre-Straße"}])

    assert names(staff("get", f"/events/{event_id}/registrations?q={q}")) == ["Claire"]


def test_a_registration_of_before_is_found_once_its_names_are_folded(hall, staff):
    event_id = world.event()
    for n in range(3):
        companion = {"given_name": "Zoé", "family_name": "Lefèvre"}
        hall.register(event_id, email=f"a{n}@example.org", companions=[companion])
    with hall.owner() as owner:
        owner.execute("update registrations set search = null")

    with Transaction() as session:
        assert registration_records.fold_older(session, most=2) == 2
    assert (schedule.fold_names(now()), schedule.fold_names(now())) == (1, 0)

    assert len(names(staff("get", f"/events/{event_id}/registrations?q=lefevre"))) == 3


def test_staff_take_seats_back_once(hall, staff):
    event_id = world.event(seats_max=1)
    made = hall.register(event_id)
    url = f"/registrations/{made['id']}"
    assert staff("get", url).json["email"] == "claire@example.org"

    for _ in range(2):
        answer = staff("post", f"{url}/cancellations")
        assert (answer.status_code, answer.json) == (201, {"id": made["id"], "status": "cancelled"})

    assert hall.rows("select taken from event_seats") == [(0,)]
    assert hall.rows("select count(*) from outbox where type = 'registration.cancelled'") == [(1,)]
    assert names(staff("get", f"/events/{event_id}/registrations?status=confirmed")) == []
    assert names(staff("get", f"/events/{event_id}/registrations?status=cancelled")) == ["Claire"]
    assert staff("get", url).json["cancel_reason"] == "by_staff"
    assert staff("get", f"/registrations/{uuid4()}").status_code == 404
    assert staff("post", f"/registrations/{uuid4()}/cancellations").status_code == 404


def test_the_export_holds_a_line_a_seat_and_leaves_a_trace(hall):
    event_id = world.event(online_url="https://meet.example.org/secret")
    hall.register(event_id, companions=[{"given_name": "Paul", "family_name": "Roux"}])
    url = f"/api/v1/events/events/{event_id}/registration-exports"

    answer = hall.client.get(url, headers=bearer(rights=["people.export", "events.read"]))

    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert [row[:4] for row in rows[1:]] == [
        ["Claire", "Lemoine", "1", "Claire Lemoine"],
        ["Paul", "Roux", "2", "Claire Lemoine"],
    ]
    assert "meet.example.org" not in answer.text
    assert hall.rows("select action from audit_entries where action like 'registrations%%'") == [
        ("registrations.exported",)
    ]
    for rights in (["people.export"], ["events.read"]):
        assert hall.client.get(url, headers=bearer(rights=rights)).status_code == 403


def test_the_export_takes_what_the_list_is_filtered_by(hall, staff):
    event_id = world.event()
    hall.register(event_id)
    zoe = hall.register(event_id, given_name="Zoé", email="zoe@example.org")
    staff("post", f"/registrations/{zoe['id']}/cancellations")
    rights = bearer(rights=["people.export", "events.read"])

    def exported(asked):
        answer = hall.client.get(
            f"/api/v1/events/events/{event_id}/registration-exports{asked}", headers=rights
        )
        assert answer.status_code == 200, answer.json
        return [row.partition(";")[0].strip('"') for row in answer.text.splitlines()[1:]]

    assert exported("") == ["Claire", "Zoé"]
    assert exported("?q=ZOE&locale=en") == exported("?status=cancelled") == ["Zoé"]
    assert exported("?status=confirmed&locale=fr") == ["Claire"]
    assert exported("?q=zoe&status=confirmed") == []


def test_the_export_holds_every_registration_however_many_there_are(hall, monkeypatch):
    monkeypatch.setattr(registration_exports, "BATCH", 2)
    event_id = world.event()
    for n in range(5):
        hall.register(
            event_id, email=f"a{n}@example.org", companions=[{"given_name": "Paul", "family_name": "Roux"}]
        )

    answer = hall.client.get(
        f"/api/v1/events/events/{event_id}/registration-exports",
        headers=bearer(rights=["people.export", "events.read"]),
    )

    assert [row.partition(";")[0].strip('"') for row in answer.text.splitlines()[1:]] == [
        "Claire",
        "Paul",
    ] * 5


def test_the_path_of_a_registration(hall, staff):
    made = hall.register(world.event())
    staff("post", f"/registrations/{made['id']}/cancellations")

    answer = hall.client.get(
        f"/api/v1/events/paths/{made['id']}", headers=bearer(rights=["events.read", "system.read"])
    )

    kinds = [each["kind"] for each in answer.json["steps"]]
    assert {"registered", "confirmed", "cancelled", "said"} <= set(kinds)
