"""The partner's side of our webhooks: verified when it can be, kept, and made into contacts."""

import json
import time
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from tests.support.provider import provider

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.fixture
def crm(running, request):
    running.behave()
    return f"{running.url}/sandbox/receiver/{request.node.name.replace('[', '-').strip(']')}"


def told(party, type="party.changed", **state):
    return json.dumps(
        {"type": type, "timestamp": "2026-11-23T09:00:00Z", "data": {"party_id": party, **state}}
    )


def post(crm, body, id="msg_1", secret=SECRET, timeout=10):
    now = datetime.now(UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body),
    }
    return httpx.post(crm, content=body, headers=headers, timeout=timeout)


def kept(crm):
    return httpx.get(f"{crm}/receptions.json").json()


def test_without_a_secret_everything_is_taken_and_marked_unverified(crm):
    assert post(crm, told("p1", name="Zoé")).status_code == 204

    (reception,) = kept(crm)["items"]
    assert (reception["type"], reception["subject"], reception["verified"]) == ("party.changed", "p1", None)


def test_with_its_secret_a_forged_signature_is_a_401(crm):
    httpx.post(f"{crm}/secrets", data={"secret": SECRET})

    right = post(crm, told("p1", name="Zoé"))
    forged = post(crm, told("p1", name="Mallory"), id="msg_2", secret="whsec_" + "A" * 32)

    assert (right.status_code, forged.status_code) == (204, 401)
    assert [each["verified"] for each in kept(crm)["items"]] == [False, True]
    assert kept(crm)["contacts"]["p1"]["name"] == "Zoé"


def test_the_last_state_is_the_contact_and_an_erased_one_is_gone(crm):
    post(crm, told("p1", total=1), id="msg_1")
    post(crm, told("p2", total=5), id="msg_2")
    post(crm, told("p1", total=2), id="msg_3")
    post(crm, told("p2", type="party.erased"), id="msg_4")

    assert kept(crm)["contacts"] == {"p1": {"party_id": "p1", "total": 2}}


def test_a_delivery_that_comes_again_is_one_change(crm):
    post(crm, told("p1", total=1), id="msg_1")
    post(crm, told("p1", total=2), id="msg_2")
    post(crm, told("p1", total=1), id="msg_1")

    assert kept(crm)["contacts"]["p1"]["total"] == 2
    assert len(kept(crm)["items"]) == 3


@pytest.mark.parametrize("status", [429, 500])
def test_it_can_refuse_without_taking(running, crm, status):
    running.switch(receiver_fail_next=1, receiver_fail_status=status)

    refused, taken = post(crm, told("p1")), post(crm, told("p1"))

    assert (refused.status_code, taken.status_code) == (status, 204)
    assert (refused.headers.get("Retry-After") == "1") is (status == 429)
    assert [each["answered"] for each in kept(crm)["items"]] == [204, status]


def test_it_can_take_and_answer_when_the_sender_has_left(running, crm):
    running.switch(receiver_late_next=1, receiver_late_s=0.5)

    with pytest.raises(httpx.ReadTimeout):
        post(crm, told("p1", total=7), timeout=0.1)

    assert kept(crm)["contacts"]["p1"]["total"] == 7
    time.sleep(0.5)


@pytest.mark.parametrize("body", ["", "[1]", "nonsense", '{"type": 1}', '{"data": 1}', "\x00"])
def test_what_is_no_webhook_is_kept_all_the_same(crm, body):
    assert httpx.post(crm, content=body.encode()).status_code == 204

    assert (kept(crm)["items"][0]["body"], kept(crm)["contacts"]) == (body, {})
    assert httpx.get(f"{crm}/{kept(crm)['items'][0]['seq']}").status_code == 200


def test_a_receiver_can_be_forgotten(crm):
    post(crm, told("p1"))

    assert httpx.delete(crm).status_code == 204
    assert kept(crm) == {"items": [], "contacts": {}}
