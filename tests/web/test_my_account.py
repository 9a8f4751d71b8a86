"""My password and my authenticator: nothing typed is shown again, and each step says what is wrong."""

import re

import pytest

from tests.web.fake_directory import AUTHENTICATOR_KEY, D
from tests.web.fake_server import Answer
from tests.web.samples import PERSON


@pytest.fixture
def claire(browser, world):
    """Somebody signed in."""
    return browser.hold(world.sign_in(PERSON))


def given(world, ending):
    """What the directory was given at a door."""
    return [body for _, path, body, _ in world.asked if path.endswith(ending)]


def test_a_password_is_changed(claire, world):
    answer = claire.post("/my/password", {"current_password": "", "password": "une phrase assez longue"})

    assert answer.location == "/my/account"
    assert given(world, "/password") == [{"current_password": "", "password": "une phrase assez longue"}]
    assert "Votre mot de passe est changé" in claire.get("/my/account").text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"password": "court"}, "password"),
        ({"password": "aaaaaaaaaaaa"}, "password"),
        ({"password": "une phrase assez longue", "current_password": "not mine"}, "current_password"),
    ],
)
def test_a_refused_password_is_said_beside_its_field_and_never_shown_again(claire, typed, field):
    page = claire.corrected("/my/password", {"current_password": "", **typed})

    assert f'id="{field}-wrong"' in page.text
    assert typed["password"] not in page.text and "not mine" not in page.text


def test_an_authenticator_is_added_in_two_steps(claire, world):
    page = claire.post("/my/authenticator", {"password": "right horse"})
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)[1]

    assert "JBSW Y3DP EHPK 3PXP" in page.text
    assert "<svg" in page.text and " style=" not in page.text
    assert page.headers["Cache-Control"] == "no-store"

    wrong = claire.post("/my/authenticator/code", {"sealed": sealed, "totp": "000000"})
    assert wrong.status_code == 422
    assert "Ce code n’est pas le bon" in wrong.text and "JBSW Y3DP" in wrong.text

    done = claire.post("/my/authenticator/code", {"sealed": sealed, "totp": "123 456"})
    assert "abcd-efgh" in done.text and "ijkl-mnop" in done.text


def test_an_authenticator_needs_the_password(claire, world):
    page = claire.corrected("/my/authenticator", {"password": "wrong horse"})

    assert "Ce n’est pas votre mot de passe" in page.text
    assert AUTHENTICATOR_KEY not in page.text


def test_a_forged_step_begins_again(claire, world):
    page = claire.corrected("/my/authenticator/code", {"sealed": "forged", "totp": "123456"})

    assert "Recommencez" in page.text
    assert not given(world, "/confirmations")


def test_staff_without_an_authenticator_are_led_to_add_one(browser, world):
    def opened(self, world, query, body):
        secret = world.sign_in(PERSON)
        told = {"secret": secret, "expires_at": "2099-01-01T00:00:00+00:00", "person_id": PERSON["id"]}
        raise Answer(201, {**told, "authenticator_missing": True})

    world.instead = [("POST", f"{D}/sessions", opened)]

    answer = browser.post("/sign-in/password", {"email": "staff@example.org", "password": "right horse"})

    assert answer.location == "/my/authenticator"


@pytest.mark.parametrize("path", ["/my/password", "/my/authenticator"])
def test_only_who_is_signed_in_sees_these_pages(browser, path):
    assert browser.get(path).location.startswith("/sign-in?next=")
    assert browser.post(path, {"password": "x"}).location.startswith("/sign-in")
