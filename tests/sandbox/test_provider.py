"""The provider's API and webhooks, where the SDK alone would not show the difference."""

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import pytest

from sandbox.provider import answers, payouts
from sandbox.provider.errors import ApiError
from tests.support.provider import ROOT, entry, provider, provider_process

PRICE = "line_items[0][price_data]"
WISH = {
    "mode": "payment",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "5000",
    "line_items[0][price_data][product_data][name]": "Bourses",
    "success_url": "https://school.example/yes?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://school.example/no",
    "customer_email": "zoe@example.org",
    "locale": "fr",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def bank(running):
    running.behave()
    running.settle()
    running.webhooks.clear()
    return running


def post(bank, path="checkout/sessions", key=None, **form):
    headers = {"Authorization": "Bearer sk_test_foundation"} | ({"Idempotency-Key": key} if key else {})
    return httpx.post(f"{bank.url}/v1/{path}", data=form, headers=headers, timeout=10)


def get(bank, path, **query):
    return httpx.get(
        f"{bank.url}/v1/{path}?{urlencode(query)}", headers={"Authorization": "Bearer sk_test_foundation"}
    )


def paid(bank):
    session = post(bank, **WISH).json()
    bank.pay(session["id"])
    return get(bank, f"checkout/sessions/{session['id']}").json()


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        (
            {"line_items[0][price_data][color]": "red"},
            "line_items[0][price_data][color]",
            "parameter_unknown",
        ),
        ({"payment_method_types[0]": "card"}, "payment_method_types", "parameter_unknown"),
        ({"idempotency_key": "x"}, "idempotency_key", "parameter_unknown"),
        ({f"{PRICE}[unit_amount]": "5.5"}, f"{PRICE}[unit_amount]", None),
        ({f"{PRICE}[unit_amount]": "49"}, "line_items", "amount_too_small"),
        ({"line_items[1][quantity]": "1"}, "line_items", None),
        ({"line_items[7][quantity]": "1"}, "line_items", None),
        ({"mode": "gift"}, "mode", None),
        ({"mode": "subscription"}, "line_items", None),
        ({"locale": "xx"}, "locale", None),
        ({"success_url": ""}, "success_url", "parameter_invalid_empty"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"success_url": "https://shop.test/" + "a" * 5000}, "success_url", "url_invalid"),
        ({"customer_email": "nobody"}, "customer_email", "email_invalid"),
        ({"metadata": "x"}, "metadata", None),
        ({"metadata[a][b]": "x"}, "metadata", None),
        ({"expires_at": "1"}, "expires_at", None),
        ({"tax_id_collection[enabled]": "true"}, "tax_id_collection", None),
    ],
)
def test_what_the_sdk_does_not_know_and_what_the_provider_would_refuse_is_a_400(bank, change, param, code):
    answer = post(bank, **WISH | change)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    if code:
        assert answer.json()["error"]["code"] == code


def test_a_missing_parameter_is_named(bank):
    answer = post(bank, **{name: value for name, value in WISH.items() if "currency" not in name})

    assert answer.json()["error"]["param"] == "line_items[0][price_data][currency]"


@pytest.mark.parametrize("key", [None, "Bearer", "Bearer sk_test_other", "Basic x"])
def test_without_a_known_key_nothing_is_answered(bank, key):
    headers = {"Authorization": key} if key else {}

    assert httpx.get(f"{bank.url}/v1/events", headers=headers).status_code == 401


def test_an_unknown_path_is_answered_as_the_api_does(bank):
    assert get(bank, "nonsense").json()["error"]["type"] == "invalid_request_error"


def test_the_same_key_gives_the_same_answer_and_says_so(bank):
    first, second = (post(bank, key="once", **WISH) for _ in range(2))

    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_refusal_of_the_work_sticks_to_its_key_and_a_refused_parameter_does_not(bank):
    checkout = paid(bank)
    refund = {"payment_intent": checkout["payment_intent"]}

    too_much = [post(bank, "refunds", key="much", amount="5001", **refund).status_code for _ in range(2)]
    malformed = post(bank, "refunds", key="typo", amount="x", **refund)
    mended = post(bank, "refunds", key="typo", amount="1", **refund)

    assert too_much == [400, 400]
    assert (malformed.status_code, mended.status_code) == (400, 200)


def test_of_many_identical_requests_at_once_one_does_the_work(bank):
    checkout = paid(bank)

    def refund(_):
        return post(bank, "refunds", key="crowd", payment_intent=checkout["payment_intent"], amount="10")

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(refund, range(24)))

    assert {each.status_code for each in answers} <= {200, 409}
    assert len({each.json()["id"] for each in answers if each.status_code == 200}) == 1
    charge = get(bank, "charges", payment_intent=checkout["payment_intent"]).json()["data"][0]
    assert charge["amount_refunded"] == 10


def test_a_key_in_use_is_a_409():
    with answers.alone("foundation", "busy"):
        with pytest.raises(ApiError) as refused, answers.alone("foundation", "busy"):
            raise AssertionError("two at once")
        with answers.alone("foundation", "other"):
            pass

    assert (refused.value.status, refused.value.body["code"]) == (409, "idempotency_key_in_use")
    with answers.alone("foundation", "busy"):
        pass


def test_a_list_is_paged_and_filtered(bank):
    ids = [post(bank, **WISH).json()["id"] for _ in range(5)]

    first = get(bank, "checkout/sessions", limit=2).json()
    second = get(bank, "checkout/sessions", limit=2, starting_after=first["data"][-1]["id"]).json()
    back = get(bank, "checkout/sessions", limit=2, ending_before=second["data"][0]["id"]).json()
    later = get(bank, "checkout/sessions", **{"created[gt]": int(time.time()) + 5}).json()

    assert [each["id"] for each in first["data"] + second["data"]] == ids[:0:-1]
    assert first["has_more"]
    assert back["data"] == first["data"]
    assert later["data"] == []
    assert get(bank, "events", **{"types[0]": "refund.created", "limit": 0}).status_code == 400
    assert get(bank, "events", starting_after="evt_none").status_code == 404


def test_events_can_be_asked_by_type(bank):
    paid(bank)

    listed = get(
        bank, "events", **{"types[0]": "charge.updated", "types[1]": "payment_intent.succeeded"}
    ).json()
    wild = get(bank, "events", type="checkout.session.*").json()

    assert {each["type"] for each in listed["data"]} == {"charge.updated", "payment_intent.succeeded"}
    assert {each["type"] for each in wild["data"]} == {"checkout.session.completed"}


def test_money_in_and_out_adds_up_to_the_balance(bank):
    before = sum(each["amount"] for each in get(bank, "balance").json()["pending"])
    checkout = paid(bank)
    post(bank, "refunds", payment_intent=checkout["payment_intent"], amount="1000")

    after = sum(each["amount"] for each in get(bank, "balance").json()["pending"])

    assert after - before == 5000 - 100 - 1000


@pytest.mark.parametrize(("outcome", "balance"), [("won", 5000 - 100 - 2000), ("lost", -100 - 2000)])
def test_a_dispute_takes_the_money_until_it_is_won(bank, outcome, balance):
    before = sum(each["amount"] for each in get(bank, "balance").json()["pending"])
    checkout = paid(bank)

    dispute = bank.dispute(checkout["payment_intent"])
    refused = post(bank, "refunds", payment_intent=checkout["payment_intent"])
    closed = bank.close_dispute(dispute["id"], outcome)
    bank.settle()

    after = sum(each["amount"] for each in get(bank, "balance").json()["pending"])
    assert (dispute["status"], dispute["amount"], closed["status"]) == ("needs_response", 5000, outcome)
    assert refused.json()["error"]["code"] == "charge_disputed"
    assert after - before == balance
    assert [each["type"] for each in bank.events()][5:8] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    assert get(bank, f"disputes/{dispute['id']}").json()["status"] == outcome


def test_only_what_was_paid_can_be_disputed_and_once(bank):
    checkout = paid(bank)
    bank.dispute(checkout["payment_intent"])

    for payment in (checkout["payment_intent"], "pi_none"):
        with pytest.raises(httpx.HTTPStatusError):
            bank.dispute(payment)


def test_the_past_can_be_told_and_is_listed_in_its_place(bank):
    now = int(time.time())
    recent = paid(bank)
    price = {"currency": "eur", "unit_amount": 2000, "product_data": {"name": "Bourses"}}
    wish = {"mode": "payment", "line_items": [{"price_data": price}], "success_url": "https://a.example"}
    items = [{"at": now - 3600, "card": "visa", "wish": wish}]

    (told,) = httpx.post(f"{bank.url}/sandbox/history/foundation/payments", json={"items": items}).json()[
        "items"
    ]
    back = {"at": now - 1800, "wish": {"payment_intent": told["charge"]["payment_intent"]}}
    httpx.post(f"{bank.url}/sandbox/history/foundation/refunds", json={"items": [back]}).raise_for_status()
    bank.settle()

    assert told["movement"]["fee"] == 55
    assert [each["type"] for each in told["events"]] == ["checkout.session.completed"]
    listed = [each["payment_intent"] for each in get(bank, "charges", limit=100).json()["data"]]
    assert listed[0] == recent["payment_intent"]
    assert listed[-1] == told["charge"]["payment_intent"]
    assert told["events"][0]["id"] not in {each["id"] for each in bank.events()}


def test_a_gift_tells_its_story_in_order(bank):
    checkout = paid(bank)
    bank.settle()

    assert [each["type"] for each in bank.events()] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]
    (completed,) = bank.events("checkout.session.completed")
    assert completed["data"]["object"] == checkout
    assert "sandbox" not in checkout


def test_only_the_wanted_types_are_sent(tmp_path):
    wanting = entry(webhook_events=["checkout.session.completed"])
    with provider(tmp_path, [wanting]) as bank:
        paid(bank)
        bank.settle()

        assert [each["type"] for each in bank.events()] == ["checkout.session.completed"]


def test_webhooks_can_be_doubled(bank):
    bank.switch(webhook_duplicate_percent=100, webhook_duplicate_copies=2)
    paid(bank)
    bank.settle()

    assert set(Counter(each["id"] for each in bank.events()).values()) == {3}


def test_webhooks_can_be_lost_and_are_still_listed(bank):
    bank.switch(webhook_drop_percent=100)
    checkout = paid(bank)
    bank.settle()

    assert bank.events() == []
    listed = get(bank, "events", type="checkout.session.completed", limit=1).json()["data"]
    assert listed[0]["data"]["object"]["id"] == checkout["id"]
    bank.send_again(listed[0]["id"])
    bank.settle()
    assert bank.events() == listed


def test_webhooks_can_change_their_order(bank):
    bank.switch(webhook_spread_s=0.2)
    for _ in range(10):
        paid(bank)
    bank.settle()

    created = [each["created"] for each in bank.events()]
    types = [each["type"] for each in bank.events()]
    assert len(created) == 50
    assert types != types[:5] * 10


def test_webhooks_can_be_held_back(bank):
    bank.switch(webhook_paused=True)
    paid(bank)
    time.sleep(0.1)
    held = len(bank.webhooks)
    bank.switch(webhook_paused=False)
    bank.settle()

    assert (held, len(bank.webhooks)) == (0, 5)


def test_a_webhook_is_sent_until_it_is_taken(tmp_path):
    answers = iter([500, 302, 404])

    with provider(tmp_path, deliver=lambda *_: next(answers, 204)) as bank:
        post(bank, "checkout/sessions", **WISH)
        session = post(bank, **WISH).json()
        post(bank, f"checkout/sessions/{session['id']}/expire")
        bank.settle()

        assert [each["type"] for each in bank.events()] == ["checkout.session.expired"] * 4
        assert len({body for _, body, _ in bank.webhooks}) == 1
        assert [(each["attempts"], each["status"]) for each in bank.deliveries()] == [(4, 204)]


def test_a_page_is_closed_when_its_time_is_over(bank):
    session = post(bank, **WISH | {"expires_at": str(int(time.time()) + 1800)}).json()
    with bank.sandbox.world.store.transaction() as db:
        db.execute(
            "UPDATE objects SET body = json_set(body, '$.expires_at', 1) WHERE id = ?", (session["id"],)
        )

    bank.sandbox.world.courier.sweep_once()

    assert get(bank, f"checkout/sessions/{session['id']}").json()["status"] == "expired"


def test_an_unknown_switch_or_value_is_refused(bank):
    for wish in ({"color": 1}, {"api_fail_percent": 101}, {"api_fail_next": 1.5}, {"webhook_paused": 1}, []):
        assert httpx.put(f"{bank.url}/sandbox/control/switches", json=wish).status_code == 422


LOADING = """
import time
from concurrent.futures import ThreadPoolExecutor
from sandbox.provider.courier import signature
from sandbox.provider.parameters import sdk_types

def each(number):
    time.sleep(number * 0.05)
    return sdk_types("checkout").SessionCreateParams if number % 2 else signature("{}", ("s",), at=1)

with ThreadPoolExecutor(12) as pool:
    list(pool.map(each, range(12)))
"""


def test_the_sdk_may_be_loaded_by_several_threads_at_once():
    told = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, cwd=ROOT)

    assert (told.returncode, told.stderr) == (0, "")


def test_a_kill_loses_nothing(tmp_path):
    with provider_process(tmp_path, [entry(webhook_url="http://127.0.0.1:9/none")]) as bank:
        checkout = paid(bank)
        key = post(bank, "refunds", key="k", payment_intent=checkout["payment_intent"]).json()
        waiting = len([each for each in bank.deliveries() if each["due_at"]])

        bank.kill()
        bank.start()

        assert get(bank, f"checkout/sessions/{checkout['id']}").json() == checkout
        assert post(bank, "refunds", key="k", payment_intent=checkout["payment_intent"]).json() == key
        assert len([each for each in bank.deliveries() if each["due_at"]]) == waiting == 8


def test_a_payout_takes_the_balance_to_the_bank_and_lists_what_it_is_made_of(bank):
    bank.pay_out()
    paid(bank)

    [payout] = bank.pay_out()

    listed = get(bank, "balance_transactions", payout=payout["id"]).json()["data"]
    assert {each["type"]: each["amount"] for each in listed} == {"charge": 5000, "payout": -4900}
    assert (payout["amount"], payout["status"], payout["automatic"]) == (4900, "paid", True)
    told = get(bank, "balance").json()
    assert sum(each["amount"] for each in (*told["available"], *told["pending"])) == 0
    assert get(bank, "payouts", status="paid", limit=1).json()["data"] == [payout]
    assert get(bank, "balance_transactions", payout="po_none").status_code == 404
    assert get(bank, "payouts", state="paid").json()["error"]["param"] == "state"
    assert get(bank, "payouts", destination="ba_1").status_code == 400
    bank.settle()
    assert [each["type"] for each in bank.events()][-2:] == ["payout.created", "payout.paid"]


def test_a_payout_that_the_bank_refuses_is_in_the_balance_again_and_in_the_next_one(bank):
    bank.pay_out()
    paid(bank)
    [first] = bank.pay_out(arrives=False)

    failed = bank.end_payout(first["id"], "failures")

    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    [second] = bank.pay_out()
    listed = get(bank, "balance_transactions", payout=second["id"]).json()["data"]
    assert {each["type"]: each["amount"] for each in listed} == {"payout_failure": 4900, "payout": -4900}


def test_each_day_what_is_available_is_paid_out_and_arrives_the_day_after(tmp_path):
    with provider(tmp_path) as bank:
        paid(bank)
        world, start, day = bank.sandbox.world, time.time(), 86_400
        merchant = world.merchants["foundation"]

        def after(days):
            with world.store.transaction() as db:
                payouts.daily(db, merchant, began=start, at=start + days * day)
            return [each["status"] for each in get(bank, "payouts").json()["data"]]

        assert [after(days) for days in (0, 1, 3, 3, 4)] == [[], [], ["in_transit"], ["in_transit"], ["paid"]]
