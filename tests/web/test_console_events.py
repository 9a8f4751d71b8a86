"""Events in the console: how full they are, who comes, and nothing of it without the right."""

import pytest

from tests.web.samples import PERSON, event


@pytest.fixture
def officer(browser, world):
    """Somebody of the office who reads events."""
    world.events = [event()]
    return browser.hold(world.sign_in(PERSON, ["events.read"]))


def test_the_list_leads_to_the_event_and_says_how_full_it_is(officer, world):
    page = officer.get("/console/events/").text

    assert f"/console/events/{world.events[0]['id']}" in page and "73 / 80" in page


def test_an_empty_list_says_what_will_be_there(officer):
    assert "Aucun événement ici" in officer.get("/console/events/?shown=past").text


def test_the_page_of_an_event_shows_who_comes(officer, world):
    here = f"/console/events/{world.events[0]['id']}"
    assert "Personne ici" in officer.get(here).text
    guest = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org", "key": "k"}
    officer.post(
        "/events/retrouvailles", guest | {"companions": "1", "given_name_1": "Yann", "family_name_1": "Petit"}
    )

    page = officer.get(here).text
    assert "Yann Petit" in page and "export.csv" not in page


def test_who_may_not_read_events_has_no_entry_in_the_menu(browser, world):
    browser.hold(world.sign_in(PERSON, ["giving.read"]))

    assert "/console/events/" not in browser.get("/console/").text
