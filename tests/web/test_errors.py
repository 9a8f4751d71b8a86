"""Errors say what happened, what is safe and what to do, with a reference, in the person's language."""

import httpx
import pytest

from tests.web.fake_giving import ID, G
from tests.web.fake_server import problem
from tests.web.samples import PERSON
from web.clients import Problem, Service, ServiceDown


def test_a_page_that_does_not_exist(browser):
    page = browser.get("/nope")

    assert page.status_code == 404
    assert "Cette page n’existe pas" in page.text
    assert page.headers["X-Request-Id"] in page.text


def test_errors_speak_english_too(browser):
    assert "This page does not exist" in browser.get("/nope", **{"Accept-Language": "en"}).text


def test_what_we_did_not_foresee_is_our_fault_and_tells_nothing_of_the_inside(browser, app, monkeypatch):
    monkeypatch.setattr("web.portal.home.render_template", lambda *_, **__: 1 / 0)
    app.testing = False

    page = browser.get("/legal")

    assert page.status_code == 500
    assert "La faute est nôtre" in page.text
    assert "ZeroDivisionError" not in page.text


def test_a_silent_service_is_said_and_tried_again_soon(browser, world):
    world.down.add("giving")

    page = browser.get("/")

    assert page.status_code == 503
    assert page.headers["Retry-After"]
    assert "Rien n’est perdu" in page.text


def test_a_service_that_cannot_answer_now_is_no_fault_of_ours(browser, world, capsys):
    world.ill.add("giving")

    page = browser.get("/campaigns/bourses-2026")

    assert page.status_code == 503
    assert page.headers["Retry-After"] == "2"
    assert "Rien n’est perdu" in page.text and "La faute est nôtre" not in page.text
    said = capsys.readouterr().out
    assert "service down" in said and '"level": "error"' not in said


@pytest.mark.parametrize(("status", "raised"), [(502, ServiceDown), (503, ServiceDown), (500, Problem)])
def test_a_service_that_says_itself_that_it_cannot_answer_is_as_good_as_silent(status, raised):
    said = {"content-type": "application/problem+json"}
    answer = httpx.Response(status, json={"code": "provider_silent"}, headers=said)

    with pytest.raises(raised):
        Service("giving", "http://giving", httpx.Client()).check(answer)


def test_a_file_of_a_service_that_cannot_answer_now_is_no_fault_of_ours(browser, world):
    browser.hold(world.sign_in(PERSON, ["giving.read", "giving.export"]))
    world.ill.add("giving")

    assert browser.get("/console/gifts/export.csv").status_code == 503


def test_a_service_that_hangs_does_not_hold_us(browser, world, app):
    world.slow_s["giving"] = 30
    app.extensions["services"]["giving"].silent_until = 0

    import time

    began = time.monotonic()
    from web import clients

    with app.test_request_context("/"), pytest.raises(clients.ServiceDown):
        from web import guard

        guard.name_the_request()
        clients.giving().call("GET", "/campaigns", timeout_s=0.2)
    with app.test_request_context("/"), pytest.raises(clients.ServiceDown):
        guard.name_the_request()
        clients.giving().call("GET", "/campaigns", timeout_s=0.2)

    assert time.monotonic() - began < 3


def test_a_session_that_ended_in_between_leads_to_sign_in(browser, world):
    secret = world.sign_in(PERSON)
    browser.hold(secret)
    browser.get("/")
    world.sessions.clear()

    assert browser.get("/my/gifts").location.startswith("/sign-in?next=")


def test_too_many_requests_say_how_long_to_wait(browser, world):
    def refuse(*_):
        raise problem(429, "x", Retry_After=7)

    world.instead = [("GET", f"{G}/campaigns/{ID}", refuse)]

    page = browser.get("/campaigns/bourses-2026")

    assert page.status_code == 429
    assert "7 secondes" in page.text
    assert page.headers["Retry-After"] == "7"


def test_a_fragment_s_error_is_one_sentence(browser, world):
    world.down.add("giving")

    page = browser.get("/campaigns/bourses-2026/now/fr", **{"HX-Request": "true"})

    assert page.status_code == 503
    assert "<html" not in page.text


def test_a_wrong_method_is_not_a_crash(browser):
    assert browser.post("/legal").status_code == 405
    assert browser.client.open("/", method="PROPFIND", base_url="http://127.0.0.1:8080").status_code in {
        403,
        405,
    }


@pytest.mark.parametrize("path", ["/campaigns/%2E", "/campaigns/%2E%2E", "/l/gift/%2E"])
def test_a_name_of_dots_is_no_page(browser, path):
    assert browser.get(path).status_code == 404


def test_a_strange_reference_is_not_taken(browser):
    answer = browser.get("/legal", **{"X-Request-Id": "\xe9" * 10})

    assert answer.status_code == 200
    assert answer.headers["X-Request-Id"].isascii()


def test_a_service_that_is_silent_leaves_staff_in_the_console_with_its_menu(browser, world):
    browser.hold(world.sign_in(PERSON, ["giving.read", "people.read"]))
    world.down.add("giving")

    page = browser.get("/console/gifts/")

    assert page.status_code == 503
    assert "Rien n’est perdu" in page.text
    assert 'href="/console/people/"' in page.text
    assert page.headers["X-Request-Id"] in page.text
    assert "Mentions légales" not in page.text


def test_a_page_of_the_console_that_is_not_there_is_said_in_its_frame_to_staff_alone(browser, world):
    assert 'href="/console/people/"' not in browser.get("/console/gifts/nobody").text
    browser.hold(world.sign_in(PERSON, ["giving.read", "people.read"]))

    page = browser.get("/console/gifts/nobody")

    assert page.status_code == 404
    assert 'href="/console/people/"' in page.text


def test_a_fault_of_ours_in_the_console_needs_nothing_of_the_console_to_be_told(
    browser, world, app, monkeypatch
):
    browser.hold(world.sign_in(PERSON, ["giving.read"]))
    monkeypatch.setattr("web.console.shell.menu", lambda: 1 / 0)
    app.testing = False

    page = browser.get("/console/gifts/")

    assert page.status_code == 500
    assert "La faute est nôtre" in page.text
