"""Subscriptions at the provider: they come again, pause, change, are missed, and end."""

import time

import httpx
import pytest

from tests.sandbox.test_means import get, intent_of, post, told
from tests.sandbox.test_provider import PRICE, WISH
from tests.support.provider import provider

MONTHLY = {
    **WISH,
    "mode": "subscription",
    f"{PRICE}[recurring][interval]": "month",
    "allowed_payment_method_types[0]": "card",
    "allowed_payment_method_types[1]": "sepa_debit",
    "subscription_data[metadata][recurring_gift_id]": "g-1",
    "subscription_data[description]": "Bourses",
}


@pytest.fixture
def bank(tmp_path):
    with provider(tmp_path) as running:
        yield running


def begun(bank, means="visa", **wish):
    page = post(bank, **(MONTHLY | wish)).json()["id"]
    bank.pay(page, means)
    return get(bank, f"checkout/sessions/{page}").json()


def subscription(bank, session):
    return get(bank, f"subscriptions/{session['subscription']}").json()


def change(bank, session, **wish):
    return post(bank, f"subscriptions/{session['subscription']}", **wish)


def invoices(bank, session):
    """The oldest first."""
    listed = get(bank, "invoices", customer=session["customer"], limit=100).json()["data"]
    return [(each["billing_reason"], each["status"], each["amount_paid"]) for each in reversed(listed)]


def test_the_first_payment_is_made_on_the_page(bank):
    session = begun(bank)

    assert (session["status"], session["payment_status"], session["payment_intent"]) == (
        "complete",
        "paid",
        None,
    )
    found = subscription(bank, session)
    assert (found["status"], found["metadata"]) == ("active", {"recurring_gift_id": "g-1"})
    assert "sandbox" not in found
    assert invoices(bank, session) == [("subscription_create", "paid", 5000)]
    (payment,) = get(bank, "invoice_payments", invoice=session["invoice"]).json()["data"]
    paid = get(bank, f"payment_intents/{payment['payment']['payment_intent']}").json()
    assert (payment["status"], paid["status"], paid["customer"]) == ("paid", "succeeded", session["customer"])
    assert {"customer.subscription.created", "invoice.paid", "checkout.session.completed"} <= set(told(bank))


def test_it_comes_again_each_month_until_it_is_ended(bank):
    session = begun(bank)
    bank.let_pass(days=95)
    assert invoices(bank, session)[1:] == [("subscription_cycle", "paid", 5000)] * 3

    where = f"{bank.url}/v1/subscriptions/{session['subscription']}"
    key = {"Authorization": "Bearer sk_test_foundation"}
    assert httpx.delete(where, headers=key).json()["status"] == "canceled"
    assert httpx.delete(where, headers=key).status_code == 404
    bank.let_pass(days=95)
    assert len(invoices(bank, session)) == 4
    assert told(bank).count("invoice.paid") == 4


@pytest.mark.parametrize(
    ("interval", "count", "in_a_year"), [("month", 3, 5), ("year", 1, 2), ("month", 1, 13)]
)
def test_a_year_has_as_many_payments_as_its_interval_says(bank, interval, count, in_a_year):
    session = begun(bank, **{
        f"{PRICE}[recurring][interval]": interval, f"{PRICE}[recurring][interval_count]": str(count)
    })  # fmt: skip
    bank.let_pass(days=366)

    assert len(invoices(bank, session)) == in_a_year


def test_a_paused_subscription_asks_for_nothing_and_goes_on_by_itself(bank):
    session = begun(bank)
    until = int(time.time()) + 50 * 86_400
    change(
        bank, session, **{"pause_collection[behavior]": "void", "pause_collection[resumes_at]": str(until)}
    )
    bank.let_pass(days=95)

    assert [status for _, status, _ in invoices(bank, session)] == ["paid", "void", "paid", "paid"]
    assert subscription(bank, session)["pause_collection"] is None


def test_another_amount_counts_from_the_next_payment_on(bank):
    session = begun(bank)
    item = subscription(bank, session)["items"]["data"][0]
    wish = {
        "items[0][id]": item["id"],
        "items[0][price_data][currency]": "eur",
        "items[0][price_data][product]": item["price"]["product"],
        "items[0][price_data][unit_amount]": "8000",
        "items[0][price_data][recurring][interval]": "month",
    }
    assert change(bank, session, **wish).status_code == 400
    assert change(bank, session, **wish, proration_behavior="none").status_code == 200
    bank.let_pass(days=32)

    assert [paid for _, _, paid in invoices(bank, session)] == [5000, 8000]


def test_a_payment_that_is_missed_is_tried_again_and_then_the_subscription_ends(bank):
    session = begun(bank, "expiring")
    bank.let_pass(days=32)
    assert subscription(bank, session)["status"] == "past_due"
    bank.let_pass(days=16)

    assert subscription(bank, session)["status"] == "canceled"
    assert told(bank).count("invoice.payment_failed") == 4
    assert "customer.subscription.deleted" in told(bank)


def test_another_card_left_on_a_page_saves_a_missed_payment(bank):
    session = begun(bank, "expiring")
    bank.let_pass(days=32)
    setup = {
        "mode": "setup",
        "customer": session["customer"],
        "currency": "eur",
        "setup_intent_data[metadata][subscription_id]": session["subscription"],
        **{name: WISH[name] for name in ("success_url", "cancel_url", "locale")},
    }
    page = post(bank, **setup).json()["id"]
    assert "Rien n’est débité" in bank.look(page).text
    bank.pay(page, "mastercard")
    left = get(bank, f"setup_intents/{get(bank, f'checkout/sessions/{page}').json()['setup_intent']}").json()
    assert left["metadata"] == {"subscription_id": session["subscription"]}

    assert change(bank, session, default_payment_method=left["payment_method"]).status_code == 200
    bank.let_pass(days=3)

    assert subscription(bank, session)["status"] == "active"
    assert [status for _, status, _ in invoices(bank, session)] == ["paid", "paid"]
    bank.let_pass(days=28)
    assert len(invoices(bank, session)) == 3


def test_debits_of_a_subscription_settle_days_later(bank):
    session = begun(bank, "taken")
    assert (session["payment_status"], invoices(bank, session)[0][1]) == ("unpaid", "open")
    bank.let_pass(days=6)
    assert invoices(bank, session)[0][1] == "paid"
    bank.let_pass(days=32)

    assert [status for _, status, _ in invoices(bank, session)] == ["paid", "paid"]


def test_a_debit_that_its_bank_refuses_is_a_missed_payment(bank):
    session = begun(bank, "refused")
    bank.let_pass(days=6)

    assert subscription(bank, session)["status"] == "past_due"


@pytest.mark.parametrize(
    "wish",
    [
        {"payment_intent_data[description]": "x"},
        {"submit_type": "donate"},
        {"mode": "payment"},
        {"setup_intent_data[description]": "x"},
        {"mode": "setup"},
        {"customer": "cus_nobody"},
    ],
)
def test_what_a_mode_does_not_take_is_refused(bank, wish):
    assert post(bank, **(MONTHLY | wish)).status_code in {400, 404}


def test_the_page_says_how_often(bank):
    page = post(bank, **MONTHLY).json()["id"]

    assert "50\xa0€ par mois" in bank.look(page).text


def test_a_one_off_payment_has_no_customer(bank):
    page = post(bank, **WISH).json()["id"]
    bank.pay(page)

    assert intent_of(bank, page)["customer"] is None
