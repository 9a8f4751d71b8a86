"""Who is at the browser: one opaque cookie, a token for half a minute, and nothing trusted but that."""

import time

import pytest

from shared.settings import SettingsMissing
from tests.web.samples import PERSON
from web import session
from web.settings import WebSettings


def exchanges(world):
    return [headers for _, path, _, headers in world.asked if path.endswith("/tokens")]


def test_a_session_is_exchanged_once_in_half_a_minute(browser, world):
    secret = world.sign_in(PERSON)
    browser.hold(secret)

    for _ in range(3):
        assert "Claire Lemoine" in browser.get("/").text

    assert [each["Authorization"] for each in exchanges(world)] == [f"Session {secret}"]


def test_after_half_a_minute_the_directory_is_asked_again(browser, world, monkeypatch):
    secret = world.sign_in(PERSON)
    browser.hold(secret)
    browser.get("/")
    world.sessions.clear()
    later = time.monotonic() + 31
    monkeypatch.setattr(session.time, "monotonic", lambda: later)

    assert "Claire Lemoine" not in browser.get("/").text


def test_without_a_session_the_directory_is_not_asked(browser, world):
    browser.get("/")

    assert not exchanges(world)


@pytest.mark.parametrize("secret", ["forged", "é", "x" * 5000, "a b"])
def test_a_forged_session_is_nobody(browser, secret):
    browser.hold(secret)

    page = browser.get("/")

    assert page.status_code == 200
    assert "Se connecter" in page.text


def test_the_services_get_the_token_the_one_address_and_a_reference(browser, world):
    browser.hold(world.sign_in(PERSON))

    browser.get("/my/gifts", **{"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "X-User-Id": "1"})

    [headers] = [headers for _, path, _, headers in world.asked if path.endswith("/my-donations")]
    assert headers["Authorization"].startswith("Bearer token-")
    assert headers["X-Forwarded-For"] == "203.0.113.9"
    assert headers["X-Request-Id"]
    assert "X-User-Id" not in headers


def test_signing_out_ends_the_session_at_the_directory_and_here(browser, world):
    secret = world.sign_in(PERSON)
    browser.hold(secret)

    answer = browser.post("/sign-out")

    assert secret not in world.sessions
    assert "__Host-session=;" in answer.headers["Set-Cookie"]
    assert any(line.startswith("__Host-gifts=;") for line in answer.headers.getlist("Set-Cookie"))
    assert "Se connecter" in browser.hold(secret).get("/").text


def test_signing_out_works_here_while_the_directory_is_down(browser, world):
    browser.hold(world.sign_in(PERSON))
    world.down.add("directory")

    assert browser.post("/sign-out").status_code == 303
    assert browser.client.get_cookie("__Host-session", domain="127.0.0.1") is None


def test_while_the_directory_is_down_private_pages_say_so_and_public_ones_stand(browser, world):
    browser.hold("somebody")
    world.down.add("directory")

    assert browser.get("/").status_code == 200
    assert browser.get("/my/gifts").status_code == 503


@pytest.mark.parametrize("path", ["/my/gifts", "/my/account"])
def test_private_pages_lead_to_sign_in_and_back(browser, path):
    answer = browser.get(path)

    assert answer.status_code == 303
    assert answer.location == f"/sign-in?next={path.replace('/', '%2F')}"


@pytest.mark.parametrize(
    ("public_url", "starts"),
    [
        ("https://alumni.example.org", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://alumni.example.org", False),
        ("http://10.0.0.7:8080", False),
        ("http://localhost.evil.example", False),
    ],
)
def test_web_starts_only_where_browsers_keep_the_session(public_url, starts):
    def start():
        return WebSettings(
            service="web",
            public_url=public_url,
            directory_url="http://d",
            events_url="http://e",
            giving_url="http://g",
            notify_url="http://n",
            contact_email="office@example.org",
        )

    if starts:
        assert start().public_url == public_url
    else:
        with pytest.raises(SettingsMissing, match="PUBLIC_URL"):
            start()
