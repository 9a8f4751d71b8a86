"""Gifts in the console: what a refund will give back to whom, and how long the path of a gift took."""

import html
import re

import pytest

from tests.web.fake_services import PERSON, record
from web.console.gifts import _from_payment


@pytest.fixture
def officer(browser, world):
    """Somebody of the office who reads gifts and may refund them."""
    return browser.hold(world.sign_in(PERSON, ["giving.read", "giving.refund"]))


def words(answer):
    """What the page says, without its marks."""
    plain = re.sub(r"<[^>]*>", " ", answer.text.split("<main", 1)[-1])
    return " ".join(html.unescape(plain).replace("\u202f", " ").replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    ("method", "named"),
    [
        ({"kind": "card", "brand": "visa", "last4": "4242"}, "Visa •••• 4242"),
        ({"kind": "sepa_debit", "brand": None, "last4": "3000"}, "Prélèvement SEPA •••• 3000"),
        ({"kind": "card", "brand": None, "last4": None}, "Carte"),
        (None, "En ligne"),
    ],
)
def test_before_a_refund_the_page_says_whose_gift_it_is_and_how_it_was_paid(officer, world, method, named):
    world.records = [record(settled_at="2026-03-02T09:12:00+00:00", method=method)]

    said = words(officer.get(f"/console/gifts/{world.records[0]['id']}/refund"))

    assert "Hélène D’Aubigné" in said
    assert "Montant 120,00 €" in said
    assert "Encaissé le 2 mars 2026, 10:12" in said
    assert f"Payé par {named} Campagne" in said
    assert "Personne ne devrait renoncer" in said


def step(second, kind):
    return {"at": f"2026-03-14T09:00:{second:06.3f}+00:00", "kind": kind}


def test_the_seconds_count_from_the_confirmation_not_from_an_earlier_refusal():
    refused = [step(1, "form_filled"), step(5, "payment_declined"), step(5.2, "provider_event")]
    paid = [
        step(30, "provider_event"),
        step(30.1, "settled"),
        step(30.4, "published"),
        step(30.75, "email_sent"),
    ]

    assert _from_payment(refused) is None
    assert _from_payment(refused + paid) == 0.75


def test_a_message_of_the_provider_after_the_payment_does_not_begin_the_count_anew():
    steps = [
        step(30, "provider_event"),
        step(30.1, "settled"),
        step(30.2, "provider_event"),
        step(31, "heard"),
    ]

    assert _from_payment(steps) == 1.0
