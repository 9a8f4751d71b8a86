"""The giving form: one wish is one gift, errors are said where they are, nothing typed is lost."""

import json
import re
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import pytest

from tests.support.marks import MARKS, soon
from tests.web.fake_server import problem
from tests.web.samples import PERSON, campaign
from web.portal.campaigns import after_tax
from web.ui.forms import Filled, key_of, minor_units
from web.ui.returns import send_back

PAGE = "/campaigns/bourses-2026"
GUEST = {
    "choice": "12000",
    "given_name": "Zoé",
    "family_name": "Le Goff",
    "email": "zoe@example.org",
    "key": "k1",
}


def wishes(world):
    return [body for method, path, body, _ in world.asked if path.endswith("/donations") and method == "POST"]


def test_a_guest_is_led_to_the_payment_page(browser, world):
    answer = browser.post(PAGE, GUEST)

    assert answer.status_code == 303
    assert "/sandbox/pay/" in answer.location
    assert wishes(world) == [
        {
            "campaign_id": world.campaigns[0]["id"],
            "amount_minor": 12000,
            "currency": "EUR",
            "locale": "fr",
            "given_name": "Zoé",
            "family_name": "Le Goff",
            "email": "zoe@example.org",
        }
    ]


def test_a_double_tap_is_one_gift(browser, world):
    first, second = browser.post(PAGE, GUEST), browser.post(PAGE, GUEST)

    assert first.location == second.location
    assert len(world.donations) == 1


@pytest.mark.parametrize(
    ("language", "changed"),
    [
        ("en", {}),
        ("fr", {"given_name": "ZOÉ", "family_name": " le  goff"}),
        ("fr", {"email": "Zoe@Example.org"}),
    ],
)
def test_the_same_person_in_another_language_or_case_goes_on_with_the_same_gift(
    browser, world, language, changed
):
    first = browser.post(PAGE, GUEST)
    browser.headers["Accept-Language"] = language

    second = browser.post(PAGE, GUEST | changed)

    assert (second.status_code, second.location) == (303, first.location)
    assert len(world.donations) == 1


def test_somebody_else_who_gives_as_much_begins_another_gift(browser, world):
    browser.post(PAGE, GUEST)
    browser.post(PAGE, {**GUEST, "given_name": "Nour"})
    browser.post(PAGE, {**GUEST, "email": "nour@example.org"})

    assert len(world.donations) == 3


def test_the_same_form_with_another_amount_is_another_gift(browser, world):
    browser.post(PAGE, GUEST)
    browser.post(PAGE, {**GUEST, "choice": "6000"})

    assert sorted(each["amount_minor"] for each in world.donations.values()) == [6000, 12000]


def test_coming_back_to_a_gift_that_was_paid_shows_it_instead_of_paying_again(browser, world):
    browser.post(PAGE, GUEST)
    [(link, gift)] = world.donations.items()
    gift["status"] = "settled"
    next(iter(world.by_key.values()))[1]["status"] = "settled"

    answer = browser.post(PAGE, GUEST)

    assert answer.location == f"/l/gift/{link}"


def test_who_taps_while_the_first_request_is_served_gets_the_same_gift(browser, world):
    import time

    browser.post(PAGE, GUEST)
    [key] = world.by_key
    world.claims[key] = time.monotonic() + 0.4

    assert browser.post(PAGE, GUEST).status_code == 303
    assert len(world.donations) == 1


def test_every_missing_answer_is_said_beside_its_field_and_at_the_top(browser, world):
    page = browser.corrected(PAGE, {"choice": "6000", "key": "k1"})

    assert "3 réponses sont à revoir" in page.text
    for name in ("given_name", "family_name", "email"):
        assert f'href="#{name}"' in page.text
        assert f'id="{name}-wrong"' in page.text
        assert f'aria-describedby="{name}-wrong' in page.text
    assert not wishes(world)


def test_nothing_typed_is_lost(browser):
    page = browser.corrected(
        PAGE, {**GUEST, "other": "37,50", "given_name": 'Zoé "Z" <b>', "email": "zoe@"}
    ).text

    assert 'value="37,50"' in page
    assert 'value="Zoé &#34;Z&#34; &lt;b&gt;"' in page
    assert 'value="zoe@"' in page
    assert 'value="Le Goff"' in page
    assert 'name="key" value="k1"' in page


def test_reloading_shows_the_same_and_opening_the_page_anew_an_empty_form(browser):
    sent_back = browser.post(PAGE, {**GUEST, "email": "zoe@"}).location
    first, again = browser.get(sent_back).text, browser.get(sent_back).text

    assert 'value="zoe@"' in first and 'value="zoe@"' in again
    assert 'value="zoe@"' not in browser.get(PAGE).text
    assert 'value="zoe@"' not in browser.get(f"{PAGE}?form=another").text


def test_what_was_typed_is_shown_in_no_other_browser(browser, open_browser):
    sent_back = browser.post(PAGE, {**GUEST, "email": "zoe@"}).location

    assert 'value="zoe@"' not in open_browser().get(sent_back).text


def test_a_very_long_answer_still_comes_back_with_what_is_wrong(browser):
    page = browser.corrected(PAGE, {**GUEST, "given_name": "é" * 5000, "family_name": "漢" * 5000})

    assert 'id="given_name-wrong"' in page.text and "ééé" in page.text and "漢漢" in page.text
    assert len(browser.client.get_cookie("__Host-form", "127.0.0.1").value) < 4000


def test_a_form_full_of_marks_holds_up_nobody(browser, world):
    with soon():
        page = browser.corrected(PAGE, {**GUEST, "given_name": MARKS, "family_name": MARKS})

    assert all(f'id="{name}-wrong">C’est trop long' in page.text for name in ("given_name", "family_name"))
    assert wishes(world) == []


@pytest.mark.parametrize(
    ("language", "said"), [("fr", "Écrivez-le en lettres"), ("en", "Write it in letters")]
)
def test_a_name_that_could_be_a_link_is_refused_beside_its_field(browser, world, language, said):
    browser.headers["Accept-Language"] = language
    page = browser.corrected(PAGE, {**GUEST, "family_name": "www.primes.test"})

    assert re.search(rf'id="family_name-wrong">[^<]*{said}', page.text)
    assert wishes(world) == []


@pytest.mark.parametrize("name", ["\u200b", "Ann\u202eeirA"])
@pytest.mark.parametrize(
    ("language", "said"),
    [("fr", "ne peut pas être"), ("en", "This last name cannot be used as it is written")],
)
def test_a_name_that_shows_nothing_or_turns_the_rest_is_refused_beside_its_field(
    browser, world, name, language, said
):
    browser.headers["Accept-Language"] = language
    page = browser.corrected(PAGE, {**GUEST, "family_name": name})

    assert re.search(rf'id="family_name-wrong">[^<]*{said}', page.text)
    assert wishes(world) == []


@pytest.mark.parametrize(
    "cookie", ["x", "..", "a.b.c.d.e", "eyJhbGciOiJkaXIiLCJlbmMiOnt9fQ....", "é", "5" * 3000]
)
def test_a_damaged_cookie_of_a_form_is_as_good_as_none(browser, cookie):
    browser.client.set_cookie("__Host-form", cookie, domain="127.0.0.1", secure=True)

    assert browser.get(f"{PAGE}?form=x").status_code == 200


def test_a_sealed_form_always_fits_in_a_cookie(app):
    form = Filled({f"field{n}": "漢" * n * 40 for n in range(40)}, {"field1": "no", "field2": "é" * 3000}, "")

    with app.test_request_context("/?form=x"):
        answer = send_back("/", form, keep=list(form.values))

    cookie = SimpleCookie(answer.headers["Set-Cookie"])["__Host-form"].value
    assert len(cookie) <= 4000


def test_a_typed_amount_wins_over_a_button(browser, world):
    browser.post(PAGE, {**GUEST, "other": "37,50"})

    assert wishes(world)[0]["amount_minor"] == 3750


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("50", 5000),
        ("1 234,50", 123450),
        ("1\u202f234,5 €", 123450),
        ("€12.5", 1250),
        ("0,01", 1),
        ("-5", None),
        ("1e3", None),
        ("٥٠", None),
        ("12,345", None),
        ("NaN", None),
        ("", None),
        ("9999999999", None),
    ],
)
def test_amounts_are_read_as_people_write_them(typed, minor):
    assert minor_units(typed) == minor


@pytest.mark.parametrize("typed", ["0,50", "0", "100000,01", "abc", "-12"])
def test_an_amount_that_cannot_be_given_is_refused_beside_the_field(browser, world, typed):
    page = browser.corrected(PAGE, {**GUEST, "other": typed})

    assert 'id="other-wrong"' in page.text
    assert not wishes(world)


@pytest.mark.parametrize("choice", ["", "other", "12000x", "²", "-5", "9" * 30])
def test_a_forged_choice_is_refused(browser, world, choice):
    assert browser.corrected(PAGE, {**GUEST, "choice": choice})
    assert not wishes(world)


def test_what_the_service_refuses_is_said_beside_the_field(browser):
    page = browser.corrected(PAGE, {**GUEST, "email": "zoe@nowhere.invalid"})

    assert 'id="email-wrong"' in page.text
    assert "Nous ne pouvons pas écrire à cette adresse" in page.text


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (problem(429, "too_many", Retry_After=60), "Cela fait beaucoup d’un coup"),
        (problem(422, "campaign_closed"), "ne reçoit plus de dons"),
        (problem(503, "provider_down"), "Les paiements ne répondent pas"),
        (problem(500, "internal"), "Rien n’a été prélevé"),
    ],
)
def test_a_refusal_says_that_nothing_was_taken_and_keeps_the_answers(browser, world, refusal, said):
    world.next_problem = refusal

    page = browser.corrected(PAGE, GUEST)

    assert said in page.text
    assert "Rien n’a été prélevé" in page.text
    assert 'value="zoe@example.org"' in page.text


def test_with_giving_down_the_answers_are_kept_and_nothing_is_taken(browser, world):
    browser.get(PAGE)
    world.down.add("giving")

    page = browser.corrected(PAGE, GUEST)

    assert "Rien n’a été prélevé" in page.text
    assert 'value="zoe@example.org"' in page.text


def test_the_log_of_a_gift_begun_names_it(browser, world, capsys):
    browser.post(PAGE, GUEST)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    [begun] = [line for line in lines if line.get("method") == "POST"]
    assert begun["correlation_id"] in {donation["id"] for donation in world.donations.values()}


def test_with_the_directory_down_a_guest_still_gives(browser, world):
    browser.hold("somebody")
    world.down.add("directory")

    assert browser.post(PAGE, GUEST).status_code == 303


def test_who_is_signed_in_gives_without_typing_who_they_are(browser, world):
    browser.hold(world.sign_in(PERSON))

    page = browser.get(PAGE).text
    answer = browser.post(PAGE, {"choice": "6000", "key": "k1"})

    assert "Vous donnez en tant que <b>Claire Lemoine</b>" in page
    assert 'name="email"' not in page
    assert answer.status_code == 303
    assert set(wishes(world)[0]) == {"campaign_id", "amount_minor", "currency", "locale"}


def test_what_was_begun_here_is_found_again_on_the_campaign(browser, world):
    browser.post(PAGE, GUEST)
    [(link, gift)] = world.donations.items()
    gift["status"] = "settled"

    page = browser.get(PAGE).text

    assert f'href="/l/gift/{link}"' in page
    assert "Votre don de 120\u00a0€" in page
    assert "encaissé" in page


def test_a_gift_that_was_begun_is_said_to_be_unpaid_and_is_gone_on_with(browser, world):
    browser.post(PAGE, GUEST)
    [link] = world.donations

    for path in (PAGE, f"{PAGE}/kept"):
        page = browser.get(path).text
        assert (
            "Votre don de 120\u00a0€ est commencé\u202f: aucun paiement ne nous est encore parvenu." in page
        )
        assert f'action="/l/gift/{link}/checkouts"' in page
    assert browser.get(f"{PAGE}/kept").headers["Cache-Control"] == "private, no-cache"


def test_an_older_gift_that_was_begun_is_said_to_be_unpaid_too(browser, world):
    browser.post(PAGE, GUEST)
    browser.post(PAGE, GUEST | {"choice": "6000"})

    page = browser.get(f"{PAGE}/kept").text

    assert "Votre don de 60\u00a0€ est commencé" in page
    assert "Votre don de 120\u00a0€\u202f:" in page and "commencé, non payé" in page
    assert "en attente d’encaissement" not in page


@pytest.mark.parametrize(
    ("minutes", "status", "said"),
    [(1, "pending", True), (29, "pending", True), (31, "pending", False), (1, "settled", False)],
)
def test_while_a_payment_may_be_on_its_way_one_is_asked_not_to_pay_again(
    browser, world, minutes, status, said
):
    browser.post(PAGE, GUEST)
    [gift] = world.donations.values()
    begun = datetime.now(UTC) - timedelta(minutes=minutes)
    gift |= {"status": status, "created_at": begun.isoformat()}

    for path in (PAGE, f"{PAGE}/kept"):
        page = browser.get(path).text
        assert ("Si vous venez de payer, ne recommencez pas" in page) is said
        assert (f'hx-get="{PAGE}/kept"' in page) is said


def test_a_campaign_that_ended_offers_no_form(browser, world):
    world.campaigns.append(campaign("finie", status="closed", ends_on="2025-06-30"))

    page = browser.get("/campaigns/finie").text

    assert '<form class="give"' not in page
    assert "Cette campagne est terminée" in page


def test_the_key_of_a_wish_depends_on_the_form_and_on_the_wish():
    wish = {"amount_minor": 100, "email": "a@b.fr"}

    assert key_of("form", wish) == key_of("form", dict(reversed(wish.items())))
    assert key_of("form", wish) != key_of("other form", wish)
    assert key_of("form", wish) != key_of("form", wish | {"amount_minor": 200})
    assert key_of("x" * 9999 + "\ud800", wish)


@pytest.mark.parametrize(
    ("minor", "rate", "cost"), [(12000, 66, 4080), (3750, 66, 1275), (101, 66, 34), (100, 75, 25)]
)
def test_the_cost_after_tax_is_exact_to_the_cent(minor, rate, cost):
    assert after_tax(minor, rate) == cost


def form_key(browser):
    return browser.get(PAGE).text.split("data-give")[1].split('name="key" value="')[1].split('"')[0]


def test_the_page_opened_again_sends_the_same_gift_until_it_is_received(browser, open_browser, world):
    first = form_key(browser)
    browser.post(PAGE, GUEST | {"key": first})
    again = form_key(browser)
    next(iter(world.donations.values()))["status"] = "settled"

    assert again == first
    assert form_key(browser) != first
    assert form_key(open_browser()) != first


@pytest.mark.parametrize(
    ("told", "kept"),
    [("widget", "widget"), ("lettre-2026", "lettre-2026"), ("<b>", None), ("a" * 41, None), ("", None)],
)
def test_the_appeal_of_a_link_goes_with_the_gift(browser, world, told, kept):
    page = browser.get(f"{PAGE}?appeal={told}").text
    assert (f'name="appeal" value="{told}"' in page) is (kept is not None)

    refused = browser.post(PAGE, GUEST | {"email": "nobody", "appeal": told})
    corrected = browser.get(refused.location).text
    assert (f'name="appeal" value="{told}"' in corrected) is (kept is not None)
    browser.post(PAGE, GUEST | {"appeal": told})

    assert [wish.get("appeal") for wish in wishes(world)] == [kept]
