"""Comparisons over HTTP: asked for, followed, read by who may, repaired."""

import pytest
from sqlalchemy import text

from services.notify import schedule
from services.notify.app import create_app
from services.notify.models import Transaction
from shared.clock import now
from shared.db import uuid7
from tests.support import facts, tokens
from tests.support.crm_changes import Clock, push, run_dry, settle

API = "/api/v1/notify/crm-comparisons"


@pytest.fixture
def client(demo, crm):
    app = create_app(demo)
    tokens.trust(app)
    return app.test_client()


@pytest.fixture
def staff():
    return tokens.bearer(rights=["integrations.manage", "people.read"])


def _ask(client, crm, staff):
    return client.post(API, json={"subscription_id": str(crm.subscription_id)}, headers=staff)


def _finish():
    while schedule.go_on_comparing(now()):
        pass


@pytest.fixture
def compared(demo, crm, client, staff):
    """A finished comparison with a name that differs and a gift that is missing."""
    message = facts.settled()
    settle(demo, message)
    push()
    crm.change(message.party_id, first_name="Clarisse")
    crm.call("Contribution", "delete", where=[["id", ">", 0]])
    asked = _ask(client, crm, staff).json
    _finish()
    return client.get(f"{API}/{asked['id']}", headers=staff).json


def test_a_comparison_is_asked_for_once_and_followed(demo, crm, client, staff):
    first, second = _ask(client, crm, staff), _ask(client, crm, staff)
    assert (first.status_code, first.json["status"], first.json["step"]) == (201, "running", "parties")
    assert second.json["id"] == first.json["id"]

    _finish()

    shown = client.get(f"{API}?subscription_id={crm.subscription_id}", headers=staff).json["items"]
    assert [(each["id"], each["status"]) for each in shown] == [(first.json["id"], "finished")]


def test_differences_are_paged_and_of_one_kind(client, staff, compared):
    assert (compared["differing_count"], compared["missing_count"]) == (1, 1)
    path = f"{API}/{compared['id']}/differences"

    first = client.get(f"{path}?limit=1", headers=staff).json
    second = client.get(f"{path}?limit=1&after={first['next']}", headers=staff).json
    missing = client.get(f"{path}?kind=missing", headers=staff).json["items"]

    assert len({each["id"] for each in first["items"] + second["items"]}) == 2 and second["next"] is None
    assert [each["entity"] for each in missing] == ["contribution"]


def test_values_are_shown_to_who_may_read_people_alone(client, staff, compared):
    path = f"{API}/{compared['id']}/differences?kind=differing"
    [full] = client.get(path, headers=staff).json["items"]
    answer = client.get(path, headers=tokens.bearer(rights=["integrations.manage"]))

    assert (full["ours"], full["theirs"]) == ("Claire", "Clarisse")
    assert answer.json["items"][0]["field"] == "first_name" and "ours" not in answer.json["items"][0]
    assert "Clarisse" not in answer.text and "Claire" not in answer.text


def test_a_repair_is_asked_for_and_the_second_comparison_finds_nothing(crm, client, staff, compared):
    asked = client.post(f"{API}/{compared['id']}/repairs", headers=staff)
    assert (asked.status_code, asked.json["repaired_parties_count"]) == (202, 0)
    _finish()
    clock = Clock()
    clock.at = now()
    run_dry(clock)

    again = _ask(client, crm, staff).json
    _finish()

    again = client.get(f"{API}/{again['id']}", headers=staff).json
    counts = ("missing_count", "extra_count", "differing_count", "doubled_count", "in_conflict_count")
    assert [again[each] for each in counts] == [0, 0, 0, 0, 1]
    assert client.post(f"{API}/{compared['id']}/repairs", headers=staff).json["code"] == "comparison_outdated"
    with Transaction() as session:
        audited = session.execute(text("select action from audit_entries order by at")).scalars().all()
    assert "crm_comparison.repair_asked" in audited


def test_only_a_crm_that_is_connected_is_compared(client, staff):
    wish = {"subscription_id": str(uuid7())}

    assert client.post(API, json=wish, headers=staff).status_code == 404


def test_no_log_says_what_differs(crm, client, staff, compared, capfd):
    client.post(f"{API}/{compared['id']}/repairs", headers=staff)
    _ask(client, crm, staff)
    _finish()
    push(now)

    told = "".join(capfd.readouterr())
    assert "comparison ended" in told and "delivery attempted" in told
    assert "Clarisse" not in told and "Claire" not in told
