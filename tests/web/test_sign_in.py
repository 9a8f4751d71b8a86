"""Signing in: by an emailed link, by a password, and by a code for the staff."""

import time

import pytest

from tests.support.marks import MARKS, soon
from tests.web.fake_directory import D
from tests.web.fake_server import problem
from tests.web.samples import PERSON


def test_a_link_is_sent_in_the_language_of_the_page(browser, world):
    page = browser.corrected("/sign-in", {"email": "claire@example.org", "next": "/my/account"})

    assert world.links_sent == [{"email": "claire@example.org", "locale": "fr", "next": "/my/account"}]
    assert "Regardez vos courriels" in page.text and "claire@example.org" in page.text


def test_the_page_after_the_link_was_sent_leads_back_once_it_is_forgotten(browser):
    assert browser.get("/sign-in/sent").location == "/sign-in"


def test_an_incomplete_address_is_said_and_kept(browser, world):
    page = browser.corrected("/sign-in", {"email": "claire@"})

    assert 'value="claire@"' in page.text
    assert "Cette adresse semble incomplète" in page.text
    assert not world.links_sent


def test_opening_the_emailed_link_changes_nothing(browser, world):
    page = browser.get("/l/sign-in/good")

    assert page.status_code == 200
    assert 'action="/l/sign-in/good"' in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert not [path for _, path, _, _ in world.asked if path.endswith("/sessions")]


def test_pressing_its_button_signs_in(browser, world):
    answer = browser.post("/l/sign-in/good")

    assert answer.location == "/my/gifts"
    assert "Claire Lemoine" in browser.get("/my/gifts").text


def test_a_spent_link_offers_a_new_one(browser):
    page = browser.post("/l/sign-in/spent")

    assert page.status_code == 422
    assert "Recevoir un nouveau lien" in page.text


@pytest.mark.parametrize("way", ["", "?by=password"])
def test_there_is_one_field_for_the_address_whichever_way_one_signs_in(browser, way):
    assert browser.get(f"/sign-in{way}").text.count('type="email"') == 1


def test_each_way_leads_to_the_other_and_on_to_the_page_that_was_asked_for(browser):
    by_link = browser.get("/sign-in?next=/my/account").text
    by_password = browser.get("/sign-in?by=password&next=/my/account").text

    assert 'href="/sign-in?by=password&amp;next=/my/account"' in by_link
    assert 'name="password"' not in by_link
    assert 'href="/sign-in?next=/my/account"' in by_password
    assert 'action="/sign-in/password"' in by_password


def test_a_password_signs_in_and_leads_where_one_wanted_to_go(browser):
    answer = browser.post(
        "/sign-in/password", {"email": "claire@example.org", "password": "right horse", "next": "/my/account"}
    )

    assert answer.location == "/my/account"


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/x\r\ny: z",
    ],
)
def test_nobody_is_led_to_another_site(browser, where):
    form = {"email": "claire@example.org", "password": "right horse", "next": where}

    assert browser.post("/sign-in/password", form).location == "/my/gifts"


def test_a_page_to_go_on_to_that_is_full_of_marks_holds_up_nobody(browser):
    form = {"email": "claire@example.org", "password": "right horse", "next": f"//{MARKS}"}

    with soon():
        assert browser.post("/sign-in/password", form).location == "/my/gifts"


def test_a_wrong_password_is_said_and_the_address_kept_but_not_the_password(browser):
    page = browser.corrected(
        "/sign-in/password", {"email": "claire@example.org", "password": "wrong horse", "by": "password"}
    )

    assert 'name="password"' in page.text
    assert "ne vont pas ensemble" in page.text
    assert 'value="claire@example.org"' in page.text
    assert "wrong horse" not in page.text
    assert "__Host-session" not in str(page.headers)


@pytest.fixture
def at_code(browser):
    """A member of the staff who gave address and password; the sealed field of the page."""
    page = browser.post("/sign-in/password", {"email": "staff@example.org", "password": "right horse"})
    return page.text.split('name="sealed" value="')[1].split('"')[0], page


def test_the_staff_are_asked_for_a_code_and_their_password_is_not_on_the_page(at_code, browser):
    sealed, page = at_code

    assert "Code à six chiffres" in page.text
    assert "right horse" not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert browser.post("/sign-in/code", {"sealed": sealed, "totp": "123 456"}).location == "/console/"


def test_a_wrong_code_may_be_written_again(at_code, browser):
    sealed, _ = at_code

    page = browser.post("/sign-in/code", {"sealed": sealed, "totp": "000000"})

    assert page.status_code == 422
    assert "Ce code n’est pas le bon" in page.text
    assert 'name="sealed"' in page.text


def test_what_was_sealed_opens_in_no_other_browser(at_code, open_browser, world):
    sealed, _ = at_code

    page = open_browser().corrected("/sign-in/code", {"sealed": sealed, "totp": "123456"})

    assert "Cette étape a pris trop de temps" in page.text
    assert not world.sessions


def test_what_was_sealed_opens_for_five_minutes(at_code, browser, world, monkeypatch):
    sealed, _ = at_code
    later = time.time() + 301
    monkeypatch.setattr("web.sealed.time.time", lambda: later)

    assert "trop de temps" in browser.corrected("/sign-in/code", {"sealed": sealed, "totp": "123456"}).text


@pytest.mark.parametrize("sealed", ["", "x", "a.b.c.d.e", "é", "." * 5000])
def test_a_forged_seal_is_refused(browser, sealed):
    assert "trop de temps" in browser.corrected("/sign-in/code", {"sealed": sealed, "totp": "123456"}).text


def test_with_the_directory_down_signing_in_says_so(browser, world):
    world.down.add("directory")

    for path, form in (("/sign-in", {}), ("/sign-in/password", {"password": "x"})):
        page = browser.corrected(path, {"email": "claire@example.org", **form})
        assert "La connexion ne fonctionne pas" in page.text


def test_who_is_signed_in_already_goes_on(browser, world):
    browser.hold(world.sign_in(PERSON))

    assert browser.get("/sign-in?next=/my/account").location == "/my/account"


def test_the_device_is_named_for_the_list_of_sessions(browser, world):
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Safari/604"

    browser.post("/l/sign-in/good", headers={"User-Agent": agent})

    [body] = [body for _, path, body, _ in world.asked if path.endswith("/sessions")]
    assert body == {"link": "good", "device": "Safari · iPhone"}


def test_my_account_lists_where_i_am_signed_in(browser, world):
    browser.hold(world.sign_in(PERSON))

    page = browser.get("/my/account").text

    assert "claire.lemoine@example.org" in page
    assert "Chrome · Linux" in page and "cet appareil" in page
    assert "Safari · iPhone" in page and "/my/sessions/" in page


def test_my_gifts_are_summed_only_when_all_are_shown(browser, world):
    browser.hold(world.sign_in(PERSON))
    title = {"fr": "Bourses", "en": "Grants"}
    made = {
        "campaign": {"slug": "b", "title": title},
        "created_at": "2026-01-05T10:00:00+00:00",
        "settled_at": None,
    }
    made |= {"currency": "EUR", "link": "x.y", "refunded_minor": 0, "disputed_minor": 0}
    money = [("settled", 5000), ("settled", 2550), ("refunded", 9900), ("pending", 100)]
    world.my_gifts = [{**made, "status": status, "amount_minor": minor} for status, minor in money]
    world.my_gifts.append(world.my_gifts[0] | {"refunded_minor": 4000})

    page = browser.get("/my/gifts").text

    assert "<b>85,50\u00a0€</b> encaissés en tout" in page
    assert "encaissés en tout" not in browser.get("/my/gifts?after=cursor").text


def test_without_gifts_the_page_says_what_will_be_there(browser, world):
    browser.hold(world.sign_in(PERSON))

    assert "Pas encore de don" in browser.get("/my/gifts").text


def test_too_many_tries_say_how_long_to_wait(browser, world):
    def refuse(*_):
        raise problem(429, "too_many", Retry_After=600)

    world.instead = [("POST", f"{D}/sessions", refuse)]

    page = browser.corrected("/sign-in/password", {"email": "claire@example.org", "password": "x"})

    assert "Patientez 10 min" in page.text
