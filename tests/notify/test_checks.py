"""Asking a CRM what it has: staff wait for it, so that it is short, one at a time and not for ever."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.notify import crm_connections
from services.notify.app import create_app
from services.notify.connectors.civicrm import preparation
from shared.db import uuid7
from tests.support import tokens
from tests.support.provider import CRM_KEY

API = "/api/v1/notify/subscriptions"


@pytest.fixture
def app(demo, crm):
    app = create_app(demo)
    tokens.trust(app)
    return app


@pytest.fixture
def staff():
    return tokens.bearer(uuid7(), rights=["integrations.manage"])


def _checked(app, crm, staff):
    return app.test_client().post(f"{API}/{crm.subscription_id}/preparations", headers=staff)


def _ten_at_once(app, crm, staff):
    with ThreadPoolExecutor(10) as pool:
        return [each.result() for each in [pool.submit(_checked, app, crm, staff) for _ in range(10)]]


def test_of_ten_checks_at_once_one_is_made_and_the_others_are_told_at_once(app, crm, staff):
    crm.sandbox.switch(crm_slow_s=0.2)

    answers = _ten_at_once(app, crm, staff)

    assert sorted(each.status_code for each in answers) == [204] + [409] * 9
    assert {each.json["code"] for each in answers if each.status_code == 409} == {"crm_being_checked"}
    crm.sandbox.behave()
    assert _checked(app, crm, staff).status_code == 204


@pytest.mark.parametrize("key", [f"{CRM_KEY}\r\nX: 1", "clé-du-crm", "a key of words", f"{CRM_KEY}\n"])
def test_a_key_that_no_header_carries_is_said_to_be_none(app, crm, staff, key):
    wish = {"url": f"{crm.url}/", "connector": "civicrm", "api_key": key}

    answer = app.test_client().post(API, json=wish, headers=staff | {"Idempotency-Key": "a-wrong-key"})

    assert (answer.status_code, list(answer.json["errors"])) == (422, ["api_key"])


def test_another_crm_is_not_taken_meanwhile(app, crm, staff):
    wish = {"url": f"{crm.url}/", "connector": "civicrm", "api_key": CRM_KEY}
    headers = staff | {"Idempotency-Key": "another-crm"}
    app.test_client().delete(f"{API}/{crm.subscription_id}", headers=staff)

    with crm_connections.one_check():
        refused = app.test_client().post(API, json=wish, headers=headers)
    taken = app.test_client().post(API, json=wish, headers=headers)

    assert (refused.status_code, refused.json["code"], taken.status_code) == (409, "crm_being_checked", 201)


def test_a_check_that_is_refused_leaves_room_for_the_next(app, crm, staff):
    crm.sandbox.switch(crm_off=True)
    refused = [_checked(app, crm, staff) for _ in range(2)]
    crm.sandbox.behave()

    assert [each.json["code"] for each in refused] == ["crm_not_reached"] * 2
    assert _checked(app, crm, staff).status_code == 204


def test_a_slow_crm_is_given_up_after_one_time_for_all_questions(app, crm, staff, monkeypatch):
    monkeypatch.setattr(preparation, "TOGETHER_S", 0.5)
    crm.sandbox.switch(crm_slow_s=0.3)
    began = time.monotonic()

    answer = _checked(app, crm, staff)

    assert answer.json["code"] == "crm_not_reached" and time.monotonic() - began < 1.5


def test_each_of_the_staff_asks_so_often_and_no_more(app, crm, staff, monkeypatch):
    monkeypatch.setattr(crm_connections, "CHECKS_MOST", 2)
    asked = [_checked(app, crm, staff) for _ in range(3)]

    assert [each.status_code for each in asked] == [204, 204, 429]
    assert _checked(app, crm, tokens.bearer(uuid7(), rights=["integrations.manage"])).status_code == 204
