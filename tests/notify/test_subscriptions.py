"""Subscriptions over HTTP: a CiviCRM is connected once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from services.notify import subscriptions
from services.notify.app import create_app
from tests.support import tokens
from tests.support.provider import CRM_KEY

PLACE = "/api/v1/notify/subscriptions"


@pytest.fixture
def connect(demo, running):
    """Ask for a connection of the sandbox's CRM."""
    app = create_app(demo)
    tokens.trust(app)
    staff = tokens.bearer(rights=["integrations.manage"])

    def ask(url=running.url, key=None):
        wish = {"connector": "civicrm", "url": url, "api_key": CRM_KEY}
        headers = {**staff, "Idempotency-Key": key or str(uuid4())}
        return app.test_client().post(PLACE, json=wish, headers=headers)

    ask.app = app
    return ask


def test_the_same_crm_is_connected_once_however_its_address_is_written(connect, running):
    first = connect(key="the-first-wish")
    again = connect(key="the-first-wish")

    twice = [connect(), connect(f"{running.url}/"), connect(running.url.replace("http://", "HTTP://"))]

    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert {(each.status_code, each.json["code"]) for each in twice} == {(409, "crm_already_connected")}


def test_a_crm_whose_connection_was_ended_is_connected_anew(connect):
    first = connect().json["id"]
    staff = tokens.bearer(rights=["integrations.manage"])
    assert connect.app.test_client().delete(f"{PLACE}/{first}", headers=staff).status_code == 204

    assert connect().status_code == 201


def test_of_several_wishes_at_once_one_is_taken(connect):
    """Who comes while the CRM is asked is told so; who was before is told that it is connected."""
    with ThreadPoolExecutor(4) as several:
        answers = [each.json for each in several.map(lambda _: connect(), range(4))]

    assert len([each for each in answers if "id" in each]) == 1
    refused = {each["code"] for each in answers if "id" not in each}
    assert refused <= {"crm_being_checked", "crm_already_connected"}


@pytest.mark.parametrize("guarded", [True, False])
def test_of_several_wishes_that_were_checked_before_any_was_taken_one_is(connect, monkeypatch, guarded):
    """Without one such wish at a time, the control, each of them is taken."""
    together = Barrier(4)
    monkeypatch.setattr(subscriptions.crm_connections, "check", lambda *_: together.wait(30))
    if not guarded:
        monkeypatch.setattr(subscriptions.crm_connections, "one_wish_at_a_time", lambda session: None)
        _all_look_first(monkeypatch, 4)

    with ThreadPoolExecutor(4) as several:
        answers = [each.json for each in several.map(lambda _: connect(), range(4))]

    refused = [each["code"] for each in answers if "id" not in each]
    assert refused == (["crm_already_connected"] * 3 if guarded else [])


def _all_look_first(monkeypatch, many):
    """All have seen that it is not connected before any of them is written down."""
    together, once = Barrier(many), subscriptions.once

    def write(*told, **values):
        together.wait(30)
        return once(*told, **values)

    monkeypatch.setattr(subscriptions, "once", write)


def test_one_wish_sent_several_times_at_once_is_done_once_and_said_again(connect):
    """Who comes while the CRM is asked is told so, and repeats."""
    with ThreadPoolExecutor(4) as several:
        answers = [each.json for each in several.map(lambda _: connect(key="one-wish-alone"), range(4))]

    made = {each["id"] for each in answers if "id" in each}
    assert len(made) == 1
    assert {each["code"] for each in answers if "id" not in each} <= {"crm_being_checked"}
    assert connect(key="one-wish-alone").json["id"] in made
