"""After paying: the person always knows whether they gave, and how much."""

import html
import re
from pathlib import Path

import pytest

from tests.web.test_giving_form import GUEST, PAGE

DEBIT = {
    "debit_on": "2026-11-25",
    "last4": "2606",
    "mandate_reference": "8F3A91C2D4E5F607",
    "creditor_id": "FR72ZZZ123456",
    "announced_at": "2026-11-23T10:00:02+00:00",
}


@pytest.fixture
def gift(browser, world):
    """A gift just begun in this browser."""
    browser.post(PAGE, GUEST)
    [(link, kept)] = world.donations.items()
    return kept | {"address": f"/l/gift/{link}", "kept": kept}


@pytest.mark.parametrize(
    ("changes", "query", "said"),
    [
        ({"status": "pending"}, "?paid=1", "Nous attendons votre banque"),
        ({"status": "pending"}, "", "Aucun paiement ne nous est parvenu"),
        (
            {"status": "pending", "processing_at": "2026-11-23T10:00:00+00:00"},
            "",
            "Nous attendons votre banque",
        ),
        (
            {"status": "pending", "processing_at": "2026-11-23T10:00:00+00:00"},
            "?cancelled=1",
            "Nous attendons votre banque",
        ),
        (
            {"status": "pending", "processing_at": "2026-11-23T10:00:00+00:00", "debit": DEBIT},
            "?paid=1",
            "seront prélevés à partir du 25 novembre",
        ),
        ({"status": "settled"}, "", "est bien encaissé, une seule fois"),
        ({"status": "settled"}, "?cancelled=1", "est bien encaissé, une seule fois"),
        ({"status": "pending"}, "?cancelled=1", "Vous avez quitté la page de paiement"),
        ({"status": "failed"}, "", "Vous n’avez <b>pas</b> donné"),
        (
            {"status": "pending", "declined_at": "2026-11-23T10:00:00+00:00"},
            "",
            "a refusé un premier essai",
        ),
        ({"status": "refunded"}, "", "Ce don vous a été rendu"),
        ({"status": "settled", "refunded_minor": 1250}, "", "12,50\u00a0€</b> vous ont été rendus"),
        ({"status": "disputed", "disputed_minor": 6000}, "", "Votre banque a repris ce don"),
    ],
)
def test_each_state_is_said_first_with_the_amount(browser, gift, changes, query, said):
    gift["kept"].update(changes)

    page = browser.get(gift["address"] + query).text

    assert said in page
    assert "120\u00a0€" in page


LETTERS = Path(__file__).parents[2] / "services" / "notify" / "letters"


def receipt_sentence(language, *, expected, entity):
    """What the email that thanks says of the tax receipt, first sentence."""
    letter = (LETTERS / f"gift_received.{language}.txt").read_text()
    both = re.search(r"{% if receiptable %}(.*?){% else %}(.*?){% endif %}", letter)
    sentence = both[1 if expected else 2].replace("{{ entity }}", entity)
    return re.match(r".*?\.(?= |$)", sentence)[0]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("expected", [True, False])
def test_page_and_email_say_the_same_of_the_tax_receipt(browser, gift, world, language, expected):
    gift["kept"]["status"] = "settled"
    entity = world.campaigns[0]["entity"]
    entity["can_issue_receipts"] = expected

    page = html.unescape(browser.get(gift["address"], **{"Accept-Language": language}).text)

    said = receipt_sentence(language, expected=expected, entity=entity["name"].replace("'", "’"))
    spaces = {ord(space): " " for space in "\u00a0\u202f"}
    assert said.replace("’", "'") in page.translate(spaces).replace("’", "'")


def test_while_it_waits_the_page_asks_again_and_warns_not_to_pay_twice(browser, gift):
    for address in (f"{gift['address']}?paid=1", f"{gift['address']}/state?paid=1"):
        page = browser.get(address).text
        assert f'hx-get="{gift["address"]}/state?paid=1"' in page
        assert "Ne payez pas une seconde fois" in page
    assert '<noscript><meta http-equiv="refresh"' in browser.get(f"{gift['address']}?paid=1").text


def test_a_gift_that_nobody_paid_is_not_said_to_be_with_the_bank_and_can_be_paid_at_once(browser, gift):
    page = browser.get(gift["address"]).text

    assert "Si vous venez de payer, <b>ne recommencez pas</b>" in page
    assert "Sinon, rien n’a été prélevé." in page
    assert "spinner" not in page and "courriel vous préviendra" not in page
    assert f'action="{gift["address"]}/checkouts"' in page and '<details class="fold"' not in page
    assert f'hx-get="{gift["address"]}/state"' in page


def test_a_payment_that_the_bank_takes_its_time_with_is_not_paid_again(browser, gift):
    gift["kept"]["processing_at"] = "2026-11-23T10:00:00+00:00"

    for page in (browser.get(gift["address"]).text, browser.get(PAGE).text):
        assert "en attente d’encaissement" in page
        assert f'action="{gift["address"]}/checkouts"' not in page


def test_the_return_from_the_bank_is_not_forgotten_by_a_change_of_language(browser, gift):
    assert "paid=1" in browser.get(f"{gift['address']}?paid=1").text.split("data-tongue")[0]


def test_once_it_knows_the_page_asks_no_more(browser, gift):
    gift["kept"]["status"] = "settled"

    assert "hx-get" not in browser.get(f"{gift['address']}/state").text


def test_a_gift_that_was_left_can_be_paid_after_all(browser, gift):
    answer = browser.post(f"{gift['address']}/checkouts", {"key": "k"})

    assert answer.status_code == 303
    assert "/sandbox/pay/" in answer.location


def test_the_wall_is_chosen_after_paying_unticked_and_changed_at_will(browser, gift):
    gift["kept"]["status"] = "settled"

    page = browser.get(gift["address"]).text
    answer = browser.post(f"{gift['address']}/wall", {"shows_name": "1"})
    after = browser.get(gift["address"]).text

    assert " checked" not in page
    assert answer.location.startswith(gift["address"])
    assert gift["kept"]["wall"] == {"shows_name": True, "shows_amount": False}
    assert 'name="shows_name" value="1" checked' in after
    assert "C’est noté" in after and "votre promotion" not in after
    assert "C’est noté" not in browser.get(gift["address"]).text


def test_the_address_of_a_gift_is_neither_stored_nor_passed_on(browser, gift):
    for answer in (
        browser.get(gift["address"]),
        browser.get(f"{gift['address']}/state"),
        browser.get("/l/gift/forged"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_forged_link_is_404(browser):
    assert browser.get("/l/gift/forged").status_code == 404
    assert browser.get("/l/gift/a%2f..%2f..%2fcampaigns").status_code == 404


def test_with_giving_down_the_page_says_that_a_payment_is_safe(browser, gift, world):
    world.down.add("giving")

    page = browser.get(gift["address"])

    assert page.status_code == 503
    assert "un paiement déjà fait est en sécurité" in page.text
