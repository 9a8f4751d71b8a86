"""Who registered for an event that moves or is called off is told once, whatever dies meanwhile."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from services.events import announcements, schedule
from services.events.models import Transaction
from shared.clock import now
from tests.events import world
from tests.support.scale import sized

REGISTRATIONS, KILLS = 5_000, 100


class Died(BaseException):
    """The process ends here."""


def announced():
    """Run the job until there is nothing to do; how many were told."""
    total = 0
    while did := schedule.announce(now()):
        total += did
    return total


def told(hall, kind):
    """How often each registration was told."""
    return [count for (count,) in hall.rows("select count(*) from outbox where type = %s group by key", kind)]


def crowd(hall, event_id, size):
    """So many live registrations of a seat each, all of one guest."""
    hall.register(event_id)
    with hall.owner() as owner:
        owner.execute(
            "insert into registrations (id, event_id, registrant_id, email, locale, seats, signed_in,"
            " created_at, told_revision, link_version) select gen_random_uuid(), event_id, registrant_id,"
            " email, 'fr', 1, false, created_at, 0, 0 from registrations, generate_series(2, %s)",
            (size,),
        )
        owner.execute(
            "insert into attendees select id, 1, 'Claire', 'Lemoine' from registrations"
            " where id not in (select registration_id from attendees)"
        )
        owner.execute("update event_seats set taken = %s", (size,))


def test_a_rescheduling_is_told_to_each_live_registration(hall):
    event_id = world.event(online_url="https://meet.example.org/a")
    kept, gone = hall.register(event_id), hall.register(event_id)
    hall.client.post(f"/api/v1/events/registration-links/{gone['link']}/withdrawals")
    begins = world.NOW + timedelta(days=20)
    world.moved(event_id, starts_at=begins, place="Salle 2")
    late = hall.register(event_id)

    assert announced() == 1

    [(key, payload, contact)] = hall.rows(
        "select key, payload::json, contact::json from outbox where type = 'registration.rescheduled'"
    )
    assert key == kept["id"] != late["id"]
    assert (payload["place"], payload["revision"]) == ("Salle 2", 1)
    assert payload["starts_at"] == begins.isoformat() and contact["online_url"] is None


def test_each_revision_is_told_and_those_between_two_runs_together(hall):
    event_id = world.event()
    hall.register(event_id)
    world.moved(event_id)
    assert announced() == 1
    for day in (12, 13):
        world.moved(event_id, starts_at=world.NOW + timedelta(days=day))

    assert announced() == 1

    revisions = hall.rows(
        "select (payload::json->>'revision')::int from outbox"
        " where type = 'registration.rescheduled' order by 1"
    )
    assert revisions == [(1,), (3,)]


def test_an_event_that_moves_while_it_is_told_of_is_told_of_once_more(hall, monkeypatch):
    event_id = world.event()
    hall.register(event_id)
    world.moved(event_id)
    tell, moved = announcements._rescheduled, []

    def slowly(*args, **values):
        if not moved:
            moved.append(world.moved(event_id, starts_at=world.NOW + timedelta(days=12)))
        tell(*args, **values)

    monkeypatch.setattr(announcements, "_rescheduled", slowly)
    announced()

    revisions = hall.rows("select (payload::json->>'revision')::int from outbox"
                          " where type = 'registration.rescheduled' order by 1")  # fmt: skip
    assert revisions == [(1,), (2,)]


@pytest.mark.parametrize(("days", "told_count"), [(29, 1), (31, 0)])
def test_an_event_that_is_long_over_is_told_of_no_more(hall, days, told_count):
    event_id = world.event()
    hall.register(event_id)
    world.called_off(event_id)
    with hall.owner() as owner:
        owner.execute("update events set starts_at = now() - make_interval(days => %s, hours => 1),"
                      " ends_at = now() - make_interval(days => %s)", (days, days))  # fmt: skip

    assert announced() == told_count


def test_an_event_called_off_gives_all_seats_back(hall):
    event_id = world.event(seats_max=5)
    made = [hall.register(event_id, email=f"a{n}@example.org") for n in range(3)]
    world.moved(event_id)
    world.called_off(event_id, {"fr": "La salle est inondée.", "en": "The hall is flooded."})

    assert announced() == 3

    assert told(hall, "registration.cancelled") == [1, 1, 1] and told(hall, "registration.rescheduled") == []
    assert hall.rows("select taken from event_seats") == [(0,)]
    notes = "select distinct payload::json->'note'->>'fr' from outbox where type = 'registration.cancelled'"
    assert hall.rows(notes) == [("La salle est inondée.",)]
    shown = hall.client.get(f"/api/v1/events/registration-links/{made[0]['link']}").json
    assert (shown["status"], shown["cancel_reason"], shown["can_withdraw"]) == (
        "cancelled",
        "event_cancelled",
        False,
    )


def test_a_seat_taken_while_the_event_is_called_off_is_given_back_too(hall):
    """It was read as open, and written after the job had been through."""
    event_id = world.event()
    world.called_off(event_id)
    assert announced() == 0
    with hall.owner() as owner:
        owner.execute("update events set cancelled_at = null")
        hall.register(event_id)
        owner.execute("update events set cancelled_at = now()")

    assert announced() == 1


@pytest.mark.chaos
@pytest.mark.parametrize("kind", ["registration.rescheduled", "registration.cancelled"])
def test_through_kills_each_is_told_once(hall, monkeypatch, kind):
    size, kills = sized(REGISTRATIONS, least=400), sized(KILLS, least=8)
    monkeypatch.setattr(announcements.announce, "__kwdefaults__", {"most": max(10, size // 40)})
    event_id = world.event()
    crowd(hall, event_id, size)
    world.moved(event_id) if kind == "registration.rescheduled" else world.called_off(event_id)
    done, died = threading.Event(), []

    def work():
        while not done.is_set():
            try:
                if not schedule.announce(now()):
                    done.set()
            except DBAPIError:
                died.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    while not done.wait(0.01) and len(died) < kills:
        hall.data.server.run(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'amicale-events' and state <> 'idle'"
        )
    for each in threads:
        each.join()
    announced()

    assert len(died) >= 3
    assert told(hall, kind) == [1] * size


@pytest.mark.chaos
def test_control_told_and_marked_apart_some_are_told_twice(hall, monkeypatch):
    event_id = world.event()
    crowd(hall, event_id, 20)
    world.moved(event_id)
    whole = announcements._rescheduled

    def apart(session, event, ids, *, at):
        with Transaction() as other:
            whole(other, event, ids, at=at)
            other.execute(announcements.TOLD, {"ids": ids, "revision": 0})  # not marked yet
        raise Died

    with monkeypatch.context() as broken:
        broken.setattr(
            announcements, "LOCK", announcements.text(str(announcements.LOCK).replace("for update", ""))
        )
        broken.setattr(announcements, "_rescheduled", apart)
        with pytest.raises(Died):
            schedule.announce(now())
    announced()

    assert told(hall, "registration.rescheduled") == [2] * 20


def test_control_without_the_lock_two_workers_tell_the_same(hall, monkeypatch):
    event_id = world.event()
    crowd(hall, event_id, 20)
    world.moved(event_id)
    unlocked = str(announcements.LOCK).replace("for update", "")
    monkeypatch.setattr(announcements, "LOCK", announcements.text(unlocked))
    both = threading.Barrier(2, timeout=5)
    whole = announcements._rescheduled

    def together(*args, **values):
        with suppress(threading.BrokenBarrierError):
            both.wait()
        whole(*args, **values)

    monkeypatch.setattr(announcements, "_rescheduled", together)
    threads = [threading.Thread(target=schedule.announce, args=(now(),)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert told(hall, "registration.rescheduled") == [2] * 20
