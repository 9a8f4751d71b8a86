"""Streams: news within a moment, one question for all, ended with the session."""

import threading
import time

import httpx
import pytest
from werkzeug.serving import make_server

from tests.web.samples import PERSON
from web import live, session


@pytest.fixture
def address(settings):
    """The process that streams, on a real socket."""
    app = live.create_app(settings)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def staff(world):
    """The cookie of somebody who may read gifts."""
    return {"Cookie": f"{session.COOKIE}={world.sign_in(PERSON, ['giving.read'])}"}


def stream(address, world, headers):
    return httpx.stream(
        "GET", f"{address}/live/campaigns/{world.campaigns[0]['id']}", headers=headers, timeout=5
    )


def events(answer):
    """(name, data) of each event, as they come."""
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, line[6:]


def test_a_total_that_moves_is_told_within_a_moment(address, world, staff):
    with stream(address, world, staff) as answer:
        told = events(answer)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert next(told)[0] == "total"

        world.campaigns[0]["raised_minor"] = 8_776_000
        began = time.monotonic()
        name, data = next(told)

    assert name == "total" and "8776000" in data
    assert time.monotonic() - began < 3


def test_many_streams_are_one_question(address, world):
    staff = [{"Cookie": f"{session.COOKIE}={world.sign_in(PERSON, ['giving.read'])}"} for _ in range(5)]
    opened = [stream(address, world, headers) for headers in staff]
    told = [events(each.__enter__()) for each in opened]
    for each in told:
        next(each)
    before = sum(path.endswith("/total") for _, path, _, _ in world.asked)

    time.sleep(1.1)
    asked = sum(path.endswith("/total") for _, path, _, _ in world.asked) - before
    for each in opened:
        each.__exit__(None, None, None)

    assert 3 <= asked <= 6


def test_nobody_watching_means_nobody_asks(address, world, staff, monkeypatch):
    monkeypatch.setattr(live, "BEAT_S", 0.1)
    with stream(address, world, staff) as answer:
        next(events(answer))
    time.sleep(0.8)
    before = len(world.asked)
    time.sleep(0.6)

    assert len(world.asked) == before


def test_a_session_holds_two_streams_and_past_that_the_page_asks_by_itself(address, world, staff):
    with stream(address, world, staff) as one, stream(address, world, staff) as two:
        assert (one.status_code, two.status_code) == (200, 200)
        with stream(address, world, staff) as three:
            assert three.status_code == 429
            assert three.headers["Retry-After"]


def test_a_lost_service_is_told(address, world, staff):
    with stream(address, world, staff) as answer:
        told = events(answer)
        next(told)
        world.down.add("giving")
        assert next(told)[0] == "lost"
        world.down.clear()
        assert next(told)[0] == "total"


def test_a_stream_ends_with_its_session(address, world, staff, monkeypatch):
    monkeypatch.setattr(live, "SESSION_CHECKED_EVERY_S", 0.2)
    monkeypatch.setattr(session, "KEPT_S", 0.1)
    with stream(address, world, staff) as answer:
        told = events(answer)
        next(told)
        world.sessions.clear()
        assert list(told) == []


def test_a_stream_ends_after_its_time(address, world, staff, monkeypatch):
    monkeypatch.setattr(live, "STREAM_ENDS_AFTER_S", 0.5)
    with stream(address, world, staff) as answer:
        assert [name for name, _ in events(answer)] == ["total"]


@pytest.mark.parametrize(("rights", "status"), [(None, 401), ([], 403), (["people.read"], 403)])
def test_only_staff_who_may_read_gifts_watch(address, world, rights, status):
    headers = {} if rights is None else {"Cookie": f"{session.COOKIE}={world.sign_in(PERSON, rights)}"}

    with stream(address, world, headers) as answer:
        assert answer.status_code == status
