"""Events in the console: how full they are, who comes, and nothing of it without the right."""

import pytest

from tests.web.samples import PERSON, email, event


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
    kept = next(iter(world.registrations.values()))["id"]
    assert "Yann Petit" in page and "export.csv" not in page
    assert f'href="/console/events/registrations/{kept}"' in page


def test_who_may_not_read_events_has_no_entry_in_the_menu(browser, world):
    browser.hold(world.sign_in(PERSON, ["giving.read"]))

    assert "/console/events/" not in browser.get("/console/").text


@pytest.fixture
def taken(officer, world):
    """A registration of somebody, and its page."""
    guest = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org", "key": "k"}
    officer.post("/events/retrouvailles", guest)
    return next(iter(world.registrations.values()))["id"]


def test_a_registration_shows_its_path_and_names_who_is_silent(officer, world, taken):
    world.down = {"notify"}

    page = officer.get(f"/console/events/registrations/{taken}").text

    assert "Places réservées" in page and "Pas de réponse" in page and "Courriels" in page
    moving = officer.get(f"/console/events/registrations/{taken}/path").text
    assert "Places réservées" in moving and "<html" not in moving


def test_the_emails_of_a_registration_are_for_who_may_read_them(open_browser, world, officer, taken):
    world.emails = [email(template="registration_confirmed", correlation_id=taken)]
    writer = open_browser().hold(world.sign_in(PERSON, ["events.read", "mailings.read"]))
    here = f"/console/events/registrations/{taken}"

    assert world.emails[0]["subject"] in writer.get(here).text
    assert world.emails[0]["subject"] not in officer.get(here).text
    assert f'href="{here}"' in writer.get(f"/console/emails/{world.emails[0]['id']}").text


def test_an_email_of_a_registration_is_sent_again_from_its_page(open_browser, world, taken):
    sender = open_browser().hold(world.sign_in(PERSON, ["events.read", "mailings.read", "mailings.send"]))
    world.emails = [
        email(template="registration_confirmed", outdated=True),
        email(template="registration_rescheduled"),
    ]

    page = sender.get(f"/console/events/registrations/{taken}").text

    assert [each["id"] for each in world.emails if f"{each['id']}/resend" in page] == [world.emails[1]["id"]]


def test_the_story_of_a_person_leads_to_the_registration(open_browser, world, officer, taken):
    world.directory_of(PERSON)
    told = {"kind": "registered", "ref": taken, "at": "2026-11-20T10:00:00+00:00", "source": "events"}
    told |= {
        "text": {"fr": "S’est inscrite", "en": "Registered"},
        "correlation_id": taken,
        "amount_minor": None,
    }
    world.instead = [("GET", "/api/v1/notify/timelines/.*", lambda *_: {"items": [told], "next": None})]
    reader = open_browser().hold(world.sign_in(PERSON, ["people.read", "events.read"]))

    page = reader.get(f"/console/people/{PERSON['id']}").text

    assert f'href="/console/events/registrations/{taken}"' in page


def test_the_search_finds_events_and_a_registration_by_its_reference(officer, world, taken):
    assert f"/console/events/{world.events[0]['id']}" in officer.get("/console/search?q=retrouvailles").text

    assert officer.get(f"/console/search?q={taken}").location.endswith(f"/events/registrations/{taken}")


def test_the_search_finds_who_registered_and_what_they_were_written(open_browser, world, taken):
    world.emails = [email(template="registration_confirmed", subject="À bientôt")]
    reader = open_browser().hold(world.sign_in(PERSON, ["events.read", "mailings.read"]))
    name = world.registrations[next(iter(world.registrations))]["attendees"][0]["family_name"]

    page = reader.get(f"/console/search?q={name}").text

    assert f'href="/console/events/registrations/{taken}"' in page
    assert f'href="/console/emails/{world.emails[0]["id"]}"' in page


def test_who_comes_is_exported_for_who_may_export(open_browser, world, officer, taken):
    exporter = open_browser().hold(world.sign_in(PERSON, ["events.read", "people.export"]))
    file = f"/console/events/{world.events[0]['id']}/export.csv"

    assert "Prénom;Nom" in exporter.get(file).text
    assert "Prénom;Nom" in exporter.get(f"{file}?q=zoe&status=confirmed").text
    assert officer.get(file).status_code == 403
    assert exporter.get(file, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
