"""Means of payment whose end comes later: a card whose bank asks who pays, a debit that takes days."""

import httpx
import pytest

from tests.sandbox.test_provider import WISH, get, post
from tests.support.provider import provider

BOTH = {**WISH, "allowed_payment_method_types[0]": "card", "allowed_payment_method_types[1]": "sepa_debit"}


@pytest.fixture
def bank(tmp_path):
    """A provider of the test's own, since its clock goes ahead."""
    with provider(tmp_path) as running:
        yield running


def opened(bank, **wish):
    return post(bank, **(wish or BOTH)).json()["id"]


def told(bank):
    bank.settle()
    return [each["type"] for each in bank.events()]


def intent_of(bank, page):
    session = get(bank, f"checkout/sessions/{page}").json()
    return get(bank, f"payment_intents/{session['payment_intent']}", **{"expand[0]": "latest_charge"}).json()


def promised(bank, account):
    page = opened(bank)
    assert bank.pay(page, account).headers["Location"].startswith("https://school.example/yes")
    return page


def test_a_debit_is_processing_until_its_bank_pays_days_later(bank):
    page = promised(bank, "taken")
    told(bank)

    session = get(bank, f"checkout/sessions/{page}").json()
    intent = intent_of(bank, page)
    assert (session["status"], session["payment_status"]) == ("complete", "unpaid")
    assert (intent["status"], intent["amount_received"]) == ("processing", 0)
    assert (intent["latest_charge"]["status"], intent["latest_charge"]["paid"]) == ("pending", False)
    assert "sandbox" not in intent["latest_charge"]

    bank.let_pass(days=4.9)
    assert intent_of(bank, page)["status"] == "processing"
    bank.webhooks.clear()
    bank.let_pass(days=0.2)

    assert told(bank) == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
        "charge.updated",
    ]
    intent = intent_of(bank, page)
    assert intent["amount_received"] == 5000
    moved = get(bank, f"balance_transactions/{intent['latest_charge']['balance_transaction']}").json()
    assert (moved["type"], moved["amount"], moved["fee"]) == ("payment", 5000, 35)


def test_the_mandate_of_a_debit_has_a_reference(bank):
    details = intent_of(bank, promised(bank, "taken"))["latest_charge"]["payment_method_details"]

    assert (details["sepa_debit"]["country"], details["sepa_debit"]["last4"]) == ("FR", "2606")
    mandate = get(bank, f"mandates/{details['sepa_debit']['mandate']}").json()
    assert mandate["single_use"] == {"amount": 5000, "currency": "eur"}
    assert len(mandate["payment_method_details"]["sepa_debit"]["reference"]) == 16
    assert get(bank, "mandates").status_code == 404


def test_a_debit_may_be_refused_after_days(bank):
    page = promised(bank, "refused")
    told(bank)
    bank.webhooks.clear()
    bank.let_pass(days=6)

    assert told(bank) == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]
    intent = intent_of(bank, page)
    assert (intent["amount_received"], intent["latest_charge"]["failure_code"]) == (0, "insufficient_funds")


def test_a_debit_may_come_back_after_it_was_paid(bank):
    page = promised(bank, "returned")
    bank.let_pass(days=16)

    dispute = get(bank, "disputes", payment_intent=intent_of(bank, page)["id"]).json()["data"][0]
    assert (dispute["amount"], dispute["status"]) == (5000, "lost")


@pytest.mark.parametrize(
    ("fates", "status"), [(["taken"], 201), (["taken", "returned"], 201), (["taken", "taken"], 400)]
)
def test_a_bank_decides_now_when_it_is_told_to(bank, fates, status):
    payment = intent_of(bank, promised(bank, "taken"))["id"]
    where = f"{bank.url}/sandbox/control/foundation/debits/{payment}/decisions"

    assert [httpx.post(where, json={"fate": each}).status_code for each in fates][-1] == status


@pytest.mark.parametrize("days", [0, -1, 401, "5", True, None])
def test_time_passes_by_days_and_never_back(bank, days):
    where = f"{bank.url}/sandbox/control/clock"

    assert httpx.post(where, json={"days": days}).status_code == 422


def test_a_page_for_cards_shows_and_takes_no_bank_account(bank):
    page = opened(bank, **WISH)
    bank.pay(page, "taken")

    assert "FR14" not in bank.look(page).text
    assert get(bank, f"checkout/sessions/{page}").json()["status"] == "open"
    assert "FR14" in bank.look(opened(bank)).text


def test_a_bank_that_asks_who_pays_is_answered_on_its_own_page(bank):
    page = opened(bank)
    bank.pay(page, "secure")

    assert "Votre banque veut vous reconnaître" in bank.look(page).text
    assert intent_of(bank, page)["status"] == "requires_action"
    assert "payment_intent.requires_action" in told(bank)
    assert bank.authenticate(page).headers["Location"].startswith("https://school.example/yes")
    assert intent_of(bank, page)["status"] == "succeeded"


def test_who_is_not_recognised_may_pay_by_another_means(bank):
    page = opened(bank)
    bank.pay(page, "secure")
    bank.authenticate(page, seen=False)

    intent = intent_of(bank, page)
    assert intent["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert "La banque n’a pas pu vous reconnaître" in bank.look(page).text
    assert "payment_intent.payment_failed" in told(bank)
    assert bank.authenticate(page).headers["Location"].endswith(page)
    bank.pay(page)
    assert intent_of(bank, page)["status"] == "succeeded"


def test_the_control_page_lets_a_bank_decide_by_hand(bank):
    payment = intent_of(bank, promised(bank, "taken"))["id"]
    page = httpx.get(f"{bank.url}/sandbox/control/?lang=fr").text
    where = f"/sandbox/control/foundation/debits/{payment}/decisions"
    assert where in page and "50\xa0€" in page and "Prélever maintenant" in page

    assert httpx.post(f"{bank.url}{where}", data={"fate": "taken"}).status_code == 303

    page = httpx.get(f"{bank.url}/sandbox/control/?lang=fr").text
    assert "Prélever maintenant" not in page and "Rejeter après coup" in page
