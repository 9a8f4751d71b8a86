"""What protects the person: no forged act, and headers on every answer."""

import re
from dataclasses import replace

import pytest

from tests.web.samples import PERSON
from tests.web.test_giving_form import GUEST, PAGE
from web.app import create_app


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8080"},
    ],
)
def test_an_act_from_another_site_is_refused(browser, world, headers):
    assert browser.post(PAGE, GUEST, headers=headers).status_code == 403
    assert not world.donations


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8080", 303),
        ("https://127.0.0.1:8080", 403),
        ("http://127.0.0.1:8081", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_older_browsers_are_judged_by_their_origin(browser, origin, status):
    del browser.headers["Sec-Fetch-Site"]

    assert browser.post(PAGE, GUEST, headers={"Origin": origin} if origin else {}).status_code == status


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "x" * 9000])
def test_an_act_without_our_token_is_refused_and_says_that_nothing_was_paid(browser, world, token):
    browser.get(PAGE)

    answer = browser.post(PAGE, GUEST, csrf=token)

    assert answer.status_code == 403
    assert "rien n’a été payé" in answer.text
    assert not world.donations


def test_the_token_of_another_browser_does_not_do(open_browser):
    theirs = open_browser().token()
    mine = open_browser()
    mine.get(PAGE)

    assert mine.post(PAGE, GUEST, csrf=theirs).status_code == 403


def test_the_token_may_come_in_a_header(browser):
    token = browser.token()

    assert browser.post(PAGE, GUEST, csrf="", headers={"X-Csrf-Token": token}).status_code == 303


def test_every_script_of_a_page_bears_its_nonce_and_none_is_inline(browser):
    first, second = browser.get(PAGE), browser.get(PAGE)
    policy = first.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)[1]

    assert nonce not in second.headers["Content-Security-Policy"]
    scripts = re.findall(r"<script[^>]*>([^<]*)</script>", first.text)
    assert scripts and not any(scripts)
    assert first.text.count("<script") == first.text.count(f'<script nonce="{nonce}" src="/assets/')
    assert not re.search(r"\son\w+=|style=|javascript:", first.text)
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"):
        assert part in policy
    assert "unsafe" not in policy


def test_headers_stand_on_every_answer_errors_included(browser):
    for answer in (browser.get("/"), browser.get("/nope"), browser.post(PAGE, GUEST, csrf="")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "Content-Security-Policy" in answer.headers
        assert answer.headers["X-Request-Id"] in answer.text or answer.status_code == 200


def test_a_site_on_https_is_asked_for_on_https_alone_for_a_year(settings):
    for public_url, told in ((settings.public_url, None), ("https://alumni.example.edu", "max-age=31536000")):
        client = create_app(replace(settings, public_url=public_url)).test_client()

        for path in ("/legal", "/nope"):
            assert client.get(path).headers.get("Strict-Transport-Security") == told


def test_what_a_page_may_do_is_said_whole(browser):
    headers = browser.get("/").headers

    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Permissions-Policy"] == "camera=(), geolocation=(), microphone=(), payment=()"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_private_answers_are_never_stored(browser, world):
    browser.hold(world.sign_in(PERSON))

    for path in ("/", PAGE, "/my/gifts", "/my/account"):
        assert browser.get(path).headers["Cache-Control"] == "no-store"


def test_a_public_page_may_be_gone_back_to_but_is_never_shared(browser):
    assert browser.get(PAGE).headers["Cache-Control"] == "private, no-cache"


def test_cookies_are_bound_to_this_host_and_out_of_reach_of_scripts(browser, world):
    answers = [browser.get(PAGE), browser.post(PAGE, GUEST)]
    answers.append(browser.post("/sign-in/password", {"email": "a@b.fr", "password": "right horse"}))

    cookies = [cookie for answer in answers for cookie in answer.headers.getlist("Set-Cookie")]

    assert {cookie.split("=")[0] for cookie in cookies} == {
        "__Host-visitor",
        "__Host-gifts",
        "__Host-session",
    }
    for cookie in cookies:
        assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/" in cookie and "SameSite=Lax" in cookie
        assert "Domain" not in cookie


def test_a_huge_body_begins_nothing(browser, world):
    answer = browser.post(PAGE, {**GUEST, "given_name": "x" * 600_000})

    assert answer.status_code in {413, 303}
    assert not world.donations
