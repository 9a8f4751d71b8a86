"""What we ask of the provider, through its real SDK, answered by the sandbox."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.payments import gateway, webhook
from shared.payments.gateway import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from tests.support.provider import entry, provider

CAMPAIGN = uuid4()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("provider"), [entry(), entry("association")]) as running:
        yield running


@pytest.fixture
def bank(running):
    running.behave()
    running.webhooks.clear()
    return running


def opened(bank, **changes):
    wish = {
        "checkout_id": uuid4(),
        "donation_id": uuid4(),
        "campaign_id": CAMPAIGN,
        "amount_minor": 5000,
        "currency": "EUR",
        "description": "Bourses 2026",
        "email": "zoe@example.org",
        "locale": "fr",
        "success_url": "https://school.example/l/gift/x",
        "cancel_url": "https://school.example/l/gift/x?cancelled=1",
    } | changes
    return gateway.open_checkout(bank.account, **wish)


def paid(bank, **changes):
    page = opened(bank, **changes)
    bank.pay(page.url)
    return gateway.fetch_checkout(bank.account, page.id)


def refunded(bank, checkout, refund_id, amount_minor):
    return gateway.refund(
        bank.account,
        refund_id=refund_id,
        payment_intent=checkout.payment_intent,
        amount_minor=amount_minor,
        reason="error",
    )


def just_before():
    return datetime.now(UTC) - timedelta(seconds=2)


def test_a_page_opens_and_carries_our_ids(bank):
    checkout_id, donation_id = uuid4(), uuid4()

    page = opened(bank, checkout_id=checkout_id, donation_id=donation_id)

    kept = gateway.fetch_checkout(bank.account, page.id)
    assert (kept.checkout_id, kept.donation_id) == (str(checkout_id), str(donation_id))
    assert (kept.status, kept.payment_status, kept.amount_minor, kept.currency) == (
        "open",
        "unpaid",
        5000,
        "EUR",
    )
    assert page.url == kept.url
    assert page.expires_at > datetime.now(UTC) + timedelta(hours=23)


def test_the_same_checkout_asked_twice_is_one_page(bank):
    wish = {"checkout_id": uuid4(), "donation_id": uuid4()}

    assert opened(bank, **wish).id == opened(bank, **wish).id


def test_the_same_key_for_another_amount_is_refused(bank):
    wish = {"checkout_id": uuid4(), "donation_id": uuid4()}
    opened(bank, **wish)

    with pytest.raises(ProviderRefused) as refused:
        opened(bank, **wish, amount_minor=6000)

    assert refused.value.facts == {"provider_code": "idempotency_error"}


def test_a_payment_is_told_with_its_fee_and_card(bank):
    checkout = paid(bank)

    payment = gateway.fetch_payment(bank.account, checkout.payment_intent)

    assert (checkout.status, checkout.payment_status) == ("complete", "paid")
    assert (payment.status, payment.received_minor) == ("succeeded", 5000)
    assert payment.checkout_id == checkout.checkout_id
    assert (payment.charge.method.kind, payment.charge.method.brand, payment.charge.method.last4) == (
        "card",
        "visa",
        "4242",
    )
    movement = payment.charge.movement
    assert (movement.amount_minor, movement.fee_minor, movement.net_minor) == (5000, 100, 4900)


def test_a_declined_card_leaves_the_page_open(bank):
    page = opened(bank)

    bank.decline(page.url)
    refused = gateway.fetch_checkout(bank.account, page.id)
    attempt = gateway.fetch_payment(bank.account, refused.payment_intent).charge
    bank.pay(page.url, card="mastercard")

    assert (refused.status, refused.payment_status) == ("open", "unpaid")
    assert (attempt.status, attempt.failure_code, attempt.movement) == ("failed", "card_declined", None)
    assert gateway.fetch_checkout(bank.account, page.id).payment_intent == refused.payment_intent
    assert gateway.fetch_payment(bank.account, refused.payment_intent).status == "succeeded"


def test_a_refund_is_made_once_for_our_id(bank):
    checkout, refund_id = paid(bank), uuid4()

    made = [refunded(bank, checkout, refund_id, 5000) for _ in range(2)]

    assert made[0] == made[1]
    assert (made[0].status, made[0].amount_minor, made[0].refund_id) == ("succeeded", 5000, str(refund_id))
    assert gateway.fetch_payment(bank.account, checkout.payment_intent).charge.refunded_minor == 5000


def test_more_than_was_paid_is_never_refunded(bank):
    checkout = paid(bank)
    refund = {"payment_intent": checkout.payment_intent, "reason": "duplicate"}

    gateway.refund(bank.account, refund_id=uuid4(), amount_minor=3000, **refund)
    with pytest.raises(ProviderRefused):
        gateway.refund(bank.account, refund_id=uuid4(), amount_minor=2001, **refund)
    gateway.refund(bank.account, refund_id=uuid4(), amount_minor=2000, **refund)

    with pytest.raises(ProviderRefused) as refused:
        gateway.refund(bank.account, refund_id=uuid4(), amount_minor=1, **refund)
    assert refused.value.facts == {"provider_code": "charge_already_refunded"}


def test_what_was_done_is_found_again_without_its_key(bank):
    since = just_before()
    checkout, refund_id = paid(bank), uuid4()
    refunded(bank, checkout, refund_id, 100)

    until = datetime.now(UTC) + timedelta(seconds=1)
    assert gateway.find_checkout(bank.account, checkout.checkout_id, since=since, until=until) == checkout
    assert gateway.find_checkout(bank.account, uuid4(), since=since, until=until) is None
    found = gateway.find_refund(bank.account, refund_id, payment_intent=checkout.payment_intent)
    assert found.amount_minor == 100
    assert gateway.find_refund(bank.account, uuid4(), payment_intent=checkout.payment_intent) is None


def test_a_closed_page_can_no_longer_be_paid(bank):
    page = opened(bank)

    closed = bank.expire(page.id)
    bank.pay(page.url)

    assert closed.json()["status"] == "expired"
    assert gateway.fetch_checkout(bank.account, page.id).payment_intent is None
    assert bank.expire(page.id).status_code == 400


def test_events_are_listed_as_their_webhooks_told_them(bank):
    since = just_before()
    checkout = paid(bank)
    bank.settle()

    listed = {each["id"]: each for each in gateway.events(bank.account, since)}

    sent = bank.events("checkout.session.completed")
    assert [each["data"]["object"]["id"] for each in sent] == [checkout.id]
    for event in bank.events():
        assert listed[event["id"]] == event


def test_lists_are_read_past_their_first_page(bank):
    since = just_before()
    with ThreadPoolExecutor(4) as donors:
        list(donors.map(lambda _: paid(bank), range(26)))

    assert len({each["id"] for each in gateway.events(bank.account, since)}) >= 26 * 5
    assert sum(each.kind == "charge" for each in gateway.balance_transactions(bank.account, since)) >= 26


def test_one_account_never_sees_another(bank):
    checkout = paid(bank)

    with pytest.raises(ProviderRefused) as refused:
        gateway.fetch_payment(bank.accounts["association"], checkout.payment_intent)

    assert refused.value.facts == {"provider_code": "resource_missing"}


def test_webhooks_carry_a_signature_that_our_door_accepts(bank):
    paid(bank)
    bank.settle()

    for account, body, headers in bank.webhooks:
        assert account == "foundation"
        verified = webhook.verify(
            body,
            headers["Stripe-Signature"],
            bank.account.webhook_secrets,
            now=datetime.now(UTC),
            livemode=False,
        )
        assert verified["type"]


def test_one_failure_of_the_provider_is_retried_by_itself(bank):
    bank.switch(api_fail_next=1)

    assert opened(bank).id


def test_a_provider_that_keeps_failing_is_unavailable(bank):
    bank.switch(api_fail_percent=100)

    with pytest.raises(ProviderUnavailable) as unavailable:
        opened(bank)

    assert (unavailable.value.status, unavailable.value.retry_after_s) == (503, 2)


def test_a_provider_that_is_not_there_is_unavailable(bank):
    account = type(bank.account)(**{**vars(bank.account), "api_base": "http://127.0.0.1:9"})

    with pytest.raises(ProviderUnavailable):
        gateway.fetch_checkout(account, "cs_test_x")


def test_a_key_that_the_provider_does_not_know_is_our_mistake(bank):
    account = type(bank.account)(**{**vars(bank.account), "api_key": "sk_test_other"})

    with pytest.raises(ProviderMisconfigured) as misconfigured:
        gateway.fetch_checkout(account, "cs_test_x")
    assert misconfigured.value.status == 503


def test_a_refund_that_timed_out_after_it_was_made_is_not_made_again(bank, monkeypatch):
    checkout, refund_id = paid(bank), uuid4()
    impatient = type(bank.account)(**{**vars(bank.account), "webhook_secrets": ("impatient",)})
    monkeypatch.setattr(gateway, "READ_TIMEOUT_S", 0.3)
    bank.switch(api_late_next=2, api_late_s=1)
    refund = {"payment_intent": checkout.payment_intent, "amount_minor": 700, "reason": "error"}

    with pytest.raises(ProviderUnavailable):
        gateway.refund(impatient, refund_id=refund_id, **refund)
    gateway.refund(impatient, refund_id=refund_id, **refund)

    assert gateway.fetch_payment(bank.account, checkout.payment_intent).charge.refunded_minor == 700
    time.sleep(0.8)
