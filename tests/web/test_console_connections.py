"""The console's pages of connected tools: a CiviCRM beside webhooks, what was refused, the last answer."""

import re
from pathlib import Path

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, delivery, subscription
from web.clients import Problem
from web.console import connections

ROOT = Path(__file__).parents[2]
CRM = {"crm_url": "https://crm.valmont.example", "crm_key": "a key of the school", "key": "one"}


@pytest.fixture
def office(world, browser):
    """A browser of who looks after connections."""
    return browser.hold(world.sign_in(PERSON, ["integrations.manage"]))


def test_a_crm_is_connected_by_its_address_and_key(world, office):
    answer = office.post("/console/connections/civicrm", CRM)

    assert answer.location.endswith(f"/console/connections/{world.subscriptions[0]['id']}")
    sent = next(body for method, path, body, _ in world.asked if path.endswith("/subscriptions") and body)
    assert sent == {"connector": "civicrm", "url": CRM["crm_url"], "api_key": CRM["crm_key"]}
    assert "Connecté" in office.get(answer.location).text


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("crm_not_reached", "crm_url"),
        ("crm_key_refused", "crm_key"),
        ("crm_financial_type_missing", "crm_url"),
        ("crm_status_missing", "crm_url"),
        ("crm_event_type_missing", "crm_url"),
        ("crm_custom_field_missing", "crm_url"),
        ("address_needs_tls", "crm_url"),
        ("address_refused", "crm_url"),
    ],
)
def test_a_refusal_says_what_to_do_beside_its_field_and_the_key_is_not_shown(world, office, code, field):
    world.next_problem = problem(422, code)

    answer = office.post("/console/connections/civicrm", CRM)

    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text and f'href="#{field}"' in answer.text
    assert CRM["crm_url"] in answer.text and CRM["crm_key"] not in answer.text


def test_a_crm_that_is_connected_already_is_said_to_be_in_the_list(world, office):
    world.next_problem = problem(409, "crm_already_connected")

    answer = office.post("/console/connections/civicrm", CRM)

    assert answer.status_code == 409
    assert "déjà relié" in answer.text and 'href="#crm_url"' in answer.text


def test_every_refusal_of_a_crm_has_words(app):
    source = (ROOT / "services/notify/connectors/civicrm/preparation.py").read_text()
    names = re.findall(r"class (\w+)\((?:Refused|Conflict)\)", source)
    codes = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() for name in names]

    with app.test_request_context():
        told = [connections._crm_refusal(Problem("notify", 422, {"code": code}))[1] for code in codes]
        other = connections._crm_refusal(Problem("notify", 422, {"code": "something_new"}))[1]

    assert len(codes) > 3
    assert len({*told, other}) == len(codes) + 1


def test_the_list_tells_kind_last_answer_and_what_waits(world, office):
    crm, tool = subscription(), subscription(connector="webhooks", url="https://tool.example/hook")
    world.subscriptions = [crm, tool]
    queued = {"status": "queued", "delivered_at": None, "answer_code": 503, "attempts": 3}
    world.deliveries = [delivery(crm), delivery(tool, **queued), delivery(tool, **queued)]

    page = office.get("/console/connections/").text

    of_crm, of_tool = page[page.index("crm.valmont.example</a>") :].split("tool.example</a>")
    assert "CiviCRM · " in of_crm and "transmis<span" in of_crm and "rien</span>" in of_crm
    assert "Webhook · " in of_tool and "HTTP 503 · 3 essais" in of_tool and "2 changements" in of_tool


@pytest.mark.parametrize(
    ("status", "refused", "said"),
    [
        (204, None, "Vérifié"),
        (422, "crm_key_refused", "cette clé"),
        (409, "crm_being_checked", "en cours de vérification"),
        (429, "too_many", "dans dix minutes"),
    ],
)
def test_a_crm_is_checked_again_and_the_answer_is_a_sentence(world, office, status, refused, said):
    world.subscriptions = [crm := subscription()]
    world.next_problem = refused and problem(status, refused)

    answer = office.post(f"/console/connections/{crm['id']}/check")

    assert said in office.get(answer.location).text


def test_a_webhook_has_nothing_to_check(world, office):
    world.subscriptions = [tool := subscription(connector="webhooks")]

    assert "/check" not in office.get(f"/console/connections/{tool['id']}").text
