"""What those who run the system see and may do: state, readiness, dead letters, paths."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from shared import audit, current, system
from shared.db import uuid7
from shared.paths import Step
from tests.support.postgres import ServiceDatabase
from tests.support.small.models import Transaction
from tests.support.tokens import bearer

BASE = "/api/v1/small"
ADA = UUID("018f3c1e-7c7c-7000-8000-000000000001")


def read() -> dict[str, str]:
    """Headers of somebody who may look; made anew, for tokens live five minutes."""
    return bearer(ADA, ["system.read"])


def manage() -> dict[str, str]:
    """Headers of somebody who may act."""
    return bearer(ADA, ["system.read", "system.manage"])


def run(statement: str, **values: Any) -> None:
    with Transaction() as session:
        session.execute(text(statement), values)


def beat(seconds_ago: float = 0, worker: str = "small-1", **state: Any) -> None:
    run(
        "insert into heartbeats (worker, beat_at, started_at, state) values (:worker, "
        "clock_timestamp() - make_interval(secs => :ago), now(), cast(:state as jsonb)) "
        "on conflict (worker) do update set beat_at = excluded.beat_at, state = excluded.state",
        worker=worker,
        ago=seconds_ago,
        state=json.dumps(state),
    )


def bury(key: str = "k", **more: Any) -> UUID:
    values = {
        "id": uuid4(),
        "message_id": uuid7(),
        "correlation_id": uuid4(),
        "key": key,
        "payload": '{"amount_minor": 5000}',
        "contact": '{"email": "ada@example.org"}',
        **more,
    }
    run(
        'insert into dead_letters (id, consumer, topic, partition, "offset", key, type, message_id, '
        "correlation_id, headers, payload, contact, reason, tries) values (:id, 'small', 'amicale.giving', "
        "0, 1, :key, 'donation.settled', :message_id, :correlation_id, '{}', :payload, :contact, 'X', 5)",
        **values,
    )
    found: UUID = values["id"]
    return found


def ready(client: FlaskClient) -> tuple[int, list[str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.get_json()["reasons"]


def test_ready_when_the_database_is_at_head_and_a_worker_lives(client: FlaskClient) -> None:
    beat()

    assert ready(client) == (200, [])


def test_not_ready_without_a_fresh_sign_of_the_worker(client: FlaskClient) -> None:
    assert ready(client)[0] == 503

    beat(seconds_ago=11)
    assert ready(client) == (503, ["no worker is running"])

    beat(worker="small-2")
    assert ready(client) == (200, [])


def test_not_ready_for_the_worker_s_own_reasons(client: FlaskClient) -> None:
    beat(consumer={"joined": True, "stopped": "20 dead letters in a row"})

    assert ready(client) == (503, ["consumer stopped: 20 dead letters in a row"])


def test_not_ready_behind_the_code_s_migrations(client: FlaskClient, small: Flask) -> None:
    beat()
    small.extensions[current.EXTENSION].revision = "0002"

    assert ready(client) == (503, ["database at revision 0001, the code needs 0002"])


def test_ready_on_a_database_that_newer_code_has_already_grown(client: FlaskClient, small: Flask) -> None:
    """Old and new code side by side, and old code again when the new one is taken back."""
    beat()
    small.extensions[current.EXTENSION].revision = "0000"

    assert ready(client) == (200, [])


def test_the_state_counts_what_waits(client: FlaskClient) -> None:
    beat(consumer={"joined": True, "lag": 7})
    bury()
    run(
        "insert into outbox (id, topic, type, key, correlation_id, headers, payload) "
        "values (:id, 't', 'donation.settled', 'k', :id, '{}', '{}')",
        id=uuid7(),
    )

    said = client.get(f"{BASE}/system", headers=read()).get_json()

    assert (said["ready"], said["reasons"], said["lag"], said["dead_letters"], said["held"]) == (
        True,
        [],
        7,
        1,
        0,
    )
    assert said["outbox"]["unpublished"] == 1 and said["outbox"]["oldest_age_s"] >= 0
    assert said["worker_seen_at"] and said["workers"][0]["worker"] == "small-1"


def test_the_lag_is_that_of_all_living_workers_together(client: FlaskClient) -> None:
    beat(worker="small-1", consumer={"joined": True, "lag": 7})
    beat(worker="small-2", consumer={"joined": True, "lag": 5})
    beat(worker="small-3", seconds_ago=11, consumer={"joined": True, "lag": 900})
    beat(worker="small-4", consumer={"joined": False, "lag": None})

    assert metric(client, 'amicale_consumer_lag{consumer="small"}') == 12
    assert client.get(f"{BASE}/system", headers=read()).get_json()["lag"] == 12


def test_no_lag_is_told_while_no_worker_gives_a_sign(client: FlaskClient) -> None:
    beat(seconds_ago=11, consumer={"joined": True, "lag": 900})

    assert "amicale_consumer_lag{" not in client.get("/metrics").text


def metric(client: FlaskClient, name: str) -> float:
    """A figure of the scrape."""
    (line,) = [each for each in client.get("/metrics").text.splitlines() if each.startswith(f"{name} ")]
    return float(line.rsplit(" ", 1)[1])


def test_metrics_grow_while_the_worker_is_frozen_and_cannot_say_so(client: FlaskClient) -> None:
    assert metric(client, "amicale_worker_silent_seconds") == float("inf")
    beat(seconds_ago=90)
    run(
        "insert into outbox (id, topic, type, key, correlation_id, headers, payload) "
        "values (:id, 't', 'donation.settled', 'k', :id, '{}', '{}')",
        id=uuid7(datetime.now(UTC) - timedelta(seconds=70)),
    )

    assert metric(client, "amicale_worker_silent_seconds") >= 90
    assert metric(client, "amicale_outbox_oldest_seconds") >= 70
    assert metric(client, "amicale_outbox_unpublished_rows") == 1


def test_the_first_letter_is_a_figure_and_stays_one_until_somebody_has_looked(
    client: FlaskClient, small: Flask
) -> None:
    """A counter that appears with its first event has not grown, and a process that starts has none."""
    waiting = 'amicale_for_staff{what="dead letters"}'
    assert metric(client, waiting) == 0 and metric(client, "amicale_database_answers") == 1

    run("update dead_letters set discarded_at = now() where id = :id", id=bury("another"))
    bury()

    assert metric(client, waiting) == 1
    small.extensions[current.EXTENSION].for_staff = lambda session: {"differences": 2}
    assert metric(client, 'amicale_for_staff{what="differences"}') == 2


def test_what_waits_for_long_is_a_warning_and_the_service_stays_ready(
    client: FlaskClient, small: Flask
) -> None:
    beat()
    since = datetime.now(UTC) - timedelta(minutes=11)
    small.extensions[current.EXTENSION].waits = lambda session: {"emails": since, "deliveries": None}

    answer = client.get("/readyz")
    shown = client.get(f"{BASE}/system", headers=read()).get_json()

    assert answer.status_code == 200 and answer.get_json()["warnings"] == [
        f"emails wait since {since.isoformat(timespec='seconds')}"
    ]
    assert metric(client, 'amicale_waits_seconds{what="emails"}') >= 660
    assert metric(client, 'amicale_waits_seconds{what="deliveries"}') == 0
    assert [each["what"] for each in shown["waits"] if each["since"]] == ["emails"]


def test_many_refused_in_a_few_hours_are_a_warning_and_a_figure(client: FlaskClient, small: Flask) -> None:
    beat()
    refused = {"emails": 9}
    small.extensions[current.EXTENSION].refused = lambda session, at: refused
    assert client.get("/readyz").get_json()["warnings"] == []

    refused["emails"] = 10

    told = ["10 emails refused in the last hours"]
    shown = client.get(f"{BASE}/system", headers=read()).get_json()
    assert client.get("/readyz").get_json()["warnings"] == told
    assert metric(client, 'amicale_refused{what="emails"}') == 10
    assert (shown["warnings"], shown["refused"]) == (told, [{"what": "emails", "count": 10}])


def test_letters_are_listed_by_pages_and_shown_with_masked_persons(client: FlaskClient) -> None:
    made = [bury(f"k{number}") for number in range(5)]

    first = client.get(f"{BASE}/dead-letters?limit=3", headers=read()).get_json()
    rest = client.get(f"{BASE}/dead-letters?limit=3&after={first['next']}", headers=read()).get_json()
    shown = client.get(f"{BASE}/dead-letters/{made[0]}", headers=read())

    assert [each["id"] for each in first["items"] + rest["items"]] == [str(each) for each in reversed(made)]
    assert rest["next"] is None
    assert shown.get_json()["value"]["amount_minor"] == 5000
    assert "ada@example.org" not in shown.text


def test_a_forged_cursor_is_422_and_an_unknown_letter_404(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/dead-letters?after={uuid4()}", headers=read()).status_code == 422
    assert client.get(f"{BASE}/dead-letters/{uuid4()}", headers=read()).status_code == 404
    assert client.post(f"{BASE}/dead-letters/{uuid4()}/replays", headers=manage()).status_code == 404


def test_a_discard_needs_a_reason_is_audited_and_cannot_be_done_twice(client: FlaskClient) -> None:
    path = f"{BASE}/dead-letters/{bury()}/discards"

    assert client.post(path, json={"reason": "x"}, headers=manage()).status_code == 422
    done = client.post(path, json={"reason": "a test gift"}, headers=manage())
    again = client.post(path, json={"reason": "a test gift"}, headers=manage())

    assert (done.status_code, again.status_code) == (200, 409)
    assert done.get_json()["closed_by"] == str(ADA)
    with Transaction() as session:
        entries = session.execute(text("select by, action, subject_kind from audit_entries")).all()
        assert entries == [(ADA, "dead_letter.discard", "dead_letter")]
        assert audit.verify(session, key="key of the links in tests").bad_number is None


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Stands where the worker would: `worker(sql)` is what it does when a replay is asked for."""
    monkeypatch.setattr(system, "REPLAY_WAIT_S", 0.5)
    acts: list[str] = []

    def look(_: float) -> None:
        for each in acts:
            run(each)
        acts.clear()

    monkeypatch.setattr(system.time, "sleep", look)
    yield acts.append


def test_a_replay_that_the_worker_could_handle_is_200(client: FlaskClient, worker: Any) -> None:
    letter = bury()
    worker("update dead_letters set replayed_at = now(), replay_asked_at = null")

    answer = client.post(f"{BASE}/dead-letters/{letter}/replays", json={}, headers=manage())

    assert answer.status_code == 200 and answer.get_json()["replayed_at"]


def test_a_replay_that_failed_again_is_409_with_the_reason(client: FlaskClient, worker: Any) -> None:
    letter = bury()
    worker("update dead_letters set replay_asked_at = null, tries = 6, reason = 'ValueError at y.py:2'")

    answer = client.post(f"{BASE}/dead-letters/{letter}/replays", headers=manage())

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (409, "replay_failed")
    assert answer.get_json(force=True)["reason"] == "ValueError at y.py:2"


def test_a_replay_that_no_worker_answers_is_202(client: FlaskClient, worker: Any) -> None:
    answer = client.post(f"{BASE}/dead-letters/{bury()}/replays", headers=manage())

    assert answer.status_code == 202 and answer.get_json()["replay_asked_at"]


def test_reading_is_not_managing(client: FlaskClient) -> None:
    letter = bury()

    for path in (f"/dead-letters/{letter}/replays", f"/dead-letters/{letter}/discards"):
        assert client.post(BASE + path, json={"reason": "a reason"}, headers=read()).status_code == 403
        assert client.post(BASE + path, json={"reason": "a reason"}).status_code == 401


def test_a_path_tells_what_was_said_heard_and_set_aside_in_order(client: FlaskClient, small: Flask) -> None:
    origin = uuid7()
    run(
        "insert into outbox (id, topic, type, key, correlation_id, headers, payload, published_at) values "
        "(:id, 'amicale.giving', 'donation.settled', 'k', :origin, '{}', '{}', clock_timestamp() + '1 ms')",
        id=uuid7(),
        origin=origin,
    )
    run(
        "insert into inbox (consumer, message_id, type, correlation_id, handled_at) values "
        "('small', :id, 'donation.refunded', :origin, clock_timestamp() + '2 ms')",
        id=uuid7(),
        origin=origin,
    )
    bury(correlation_id=origin)

    def own(_: Any, correlation_id: UUID, may: Any) -> list[Step]:
        assert correlation_id == origin
        words = {"fr": "Webhook reçu", "en": "Webhook received"}
        return [Step(datetime(2020, 1, 1, tzinfo=UTC), "webhook_received", words)]

    small.extensions[current.EXTENSION].steps = own

    steps = client.get(f"{BASE}/paths/{origin}", headers=read()).get_json()["steps"]

    assert [step["kind"] for step in steps][:3] == ["webhook_received", "said", "published"]
    assert {step["kind"] for step in steps} == {"webhook_received", "said", "published", "heard", "died"}
    assert {step["service"] for step in steps} == {"small"}
    assert all(step["title"]["fr"] and step["title"]["en"] for step in steps)
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)


def test_a_path_nobody_walked_has_no_steps(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/paths/{uuid4()}", headers=read()).get_json() == {"steps": []}


def test_readiness_says_when_the_database_is_away(small_database: ServiceDatabase) -> None:
    from tests.support.small.app import create_app, settings
    from tests.support.small.models import database

    app = create_app(settings("postgresql://nobody:x@127.0.0.1:1/none"))
    try:
        assert ready(app.test_client()) == (503, ["database does not answer"])
        assert metric(app.test_client(), "amicale_database_answers") == 0
    finally:
        database.dispose()
