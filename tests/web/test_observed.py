"""What web says of itself: enough to operate it, nothing about persons."""

import json

from tests.web.samples import PERSON, record
from tests.web.test_giving_form import GUEST, PAGE


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_a_request_is_one_line_with_its_route_and_never_what_was_typed(browser, capsys):
    answer = browser.post(PAGE + "?utm=Zoe-secret", GUEST)

    told = [line for line in lines(capsys) if line["event"] == "request"][-1]
    assert told["route"] == "/campaigns/<slug>"
    assert (told["method"], told["status"]) == ("POST", 303)
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert "Zoe" not in json.dumps(told) and "zoe" not in json.dumps(told)


def test_every_page_about_a_gift_names_it_in_the_log(browser, world, capsys):
    browser.post(PAGE, GUEST)
    (link, begun), told = next(iter(world.donations.items())), record()
    world.records = [told]
    browser.hold(world.sign_in(PERSON, ["giving.read", "giving.refund"]))

    for path in (f"/l/gift/{link}", f"/console/gifts/{told['id']}", f"/console/gifts/{told['id']}/refund"):
        browser.get(path)

    named = {
        line["route"]: line.get("correlation_id") for line in lines(capsys) if line["event"] == "request"
    }
    assert named["/l/gift/<link>"] == begun["id"]
    assert named["/console/gifts/<donation_id>"] == named["/console/gifts/<donation_id>/refund"] == told["id"]


def test_a_link_is_never_logged(browser, capsys):
    browser.get("/l/gift/secret-link")

    assert "secret-link" not in capsys.readouterr().out


def test_a_fault_is_noted_by_class_and_place_without_its_words(browser, app, capsys, monkeypatch):
    def fall(*_, **__):
        raise ValueError("zoe@example.org")

    monkeypatch.setattr("web.portal.home.render_template", fall)
    page = browser.get("/legal")
    told = [line for line in lines(capsys) if line["event"] == "page failed"]

    assert page.status_code == 500
    assert told[0]["error"] == "ValueError" and told[0]["place"].startswith("test_observed.py:")
    assert "zoe@example.org" not in json.dumps(told)


def test_the_trace_goes_on_to_the_services(browser, world):
    trace = "0af7651916cd43dd8448eb211c80319c"
    browser.get(PAGE, traceparent=f"00-{trace}-b7ad6b7169203331-01")

    assert all(trace in headers["traceparent"] for _, path, _, headers in world.asked if "campaigns" in path)


def test_numbers_are_for_those_inside(browser):
    browser.get("/legal")

    assert 'route="/legal"' in browser.get("/metrics").text
    assert browser.get("/metrics", **{"X-Forwarded-For": "203.0.113.9"}).status_code == 404
