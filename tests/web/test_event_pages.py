"""The pages of events: each state says its sentence, nothing typed is lost, seats go back in two steps."""

import re

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, event

PAGE = "/events/retrouvailles"
GUEST = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org", "key": "k1"}


def wishes(world):
    return [
        body for method, path, body, _ in world.asked if (method, path[-14:]) == ("POST", "/registrations")
    ]


@pytest.fixture(autouse=True)
def one_event(world):
    """Something to register for."""
    world.events = [event()]


def test_the_agenda_and_the_home_page_lead_to_the_event(browser):
    for page in (browser.get("/events"), browser.get("/")):
        assert f'href="{PAGE}"' in page.text


def test_an_empty_agenda_says_what_will_be_there(browser, world):
    world.events = []

    assert "Aucun événement n’est prévu" in browser.get("/events").text
    assert "Prochains événements" not in browser.get("/").text


def test_a_silent_service_leaves_the_home_page_standing(browser, world):
    world.down = {"events"}

    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seats_left": 0, "seats_taken": 80}, "Toutes les places sont prises"),
        ({"is_open": False}, "Les inscriptions ont fermé le"),
        ({"status": "cancelled", "is_open": False}, "Cet événement est annulé"),
        ({"is_over": True, "is_open": False}, "Cet événement a eu lieu"),
    ],
)
def test_an_event_that_takes_nobody_says_why_and_leads_on(browser, world, changes, sentence):
    world.events = [event(**changes)]

    page = browser.get(PAGE).text
    assert sentence in page and 'id="register"' not in page
    assert '<a class="button wide" href="/events">' in page


def test_an_event_is_told_in_its_own_zone(browser, world):
    there = {"starts_at": "2027-01-01T23:30:00+00:00", "ends_at": "2027-01-02T01:00:00+00:00"}
    world.events = [event(time_zone="America/Montreal", **there)]

    page = browser.get(PAGE).text
    assert "vendredi 1er janvier 2027, 18:30–20:00" in page.replace("\u2060", "")


def test_an_event_of_alumni_asks_to_sign_in_and_leads_back(browser, world):
    world.events = [event(visibility="alumni")]

    hidden = browser.get(PAGE)
    assert hidden.status_code == 404 and "/sign-in?next=/events/retrouvailles" in hidden.text
    browser.hold(world.sign_in(PERSON))
    assert "Retrouvailles" in browser.get(PAGE).text


def test_what_is_left_is_answered_once_while_it_stays_the_same(browser):
    first = browser.get(f"{PAGE}/seats/fr")

    again = browser.get(f"{PAGE}/seats/fr", **{"If-None-Match": first.headers["ETag"]})
    assert "7 places restantes" in first.text and again.status_code == 304


def test_a_guest_brings_somebody_without_losing_a_word(browser, world):
    more = browser.post(PAGE, {**GUEST, "more": "1", "companions": "0"})
    page = browser.get(more.location).text
    assert 'name="given_name_1"' in page and 'value="Le Goff"' in page and not wishes(world)

    ours = {**GUEST, "companions": "2", "given_name_1": "Yann", "family_name_1": "Petit"}
    done = browser.post(PAGE, ours)

    assert wishes(world)[0]["companions"] == [{"given_name": "Yann", "family_name": "Petit"}]
    told = browser.get(done.location)
    assert "Vous êtes inscrit" in told.text and "Yann Petit" in told.text
    assert told.headers["Referrer-Policy"] == "no-referrer"


def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(browser, world):
    page = browser.corrected(PAGE, {**GUEST, "email": "", "companions": "1", "given_name_1": "Yann"}).text

    assert "2 réponses" in page and 'href="#family_name_1"' in page and 'href="#email"' in page
    assert 'value="Yann"' in page and not wishes(world)


def test_a_member_types_nothing_and_the_same_form_sent_twice_registers_once(browser, world):
    browser.hold(world.sign_in(PERSON))
    key = re.search(r'name="key" value="(\w+)"', browser.get(PAGE).text)[1]

    first, second = (browser.post(PAGE, {"key": key}) for _ in range(2))

    assert first.location == second.location and len(world.registrations) == 1
    assert "given_name" not in wishes(world)[0]


def test_seats_that_were_given_back_can_be_taken_anew_with_the_same_form(browser, world):
    link = browser.post(PAGE, GUEST).location
    browser.post(f"{link}/withdrawal")

    anew = browser.post(PAGE, GUEST).location
    assert anew != link and "Vous êtes inscrit" in browser.get(anew).text


def test_many_seats_from_one_network_are_refused_in_words_that_help(browser, world):
    world.next_problem = problem(429, "too_many_seats")

    page = browser.corrected(PAGE, GUEST).text

    assert "Connectez-vous, ou réessayez dans dix minutes" in page


def test_a_hall_that_fills_meanwhile_is_said_and_nothing_typed_is_lost(browser, world):
    world.next_problem = problem(409, "sold_out")
    world.events = [event(seats_left=0)]

    page = browser.corrected(PAGE, GUEST).text
    assert "La dernière place vient d’être prise" in page and 'value="Le Goff"' in page


def test_giving_a_place_back_takes_two_steps(browser, world):
    link = browser.post(PAGE, GUEST).location

    assert "Rendre votre place" in browser.get(f"{link}/withdrawal").text
    assert next(iter(world.registrations.values()))["status"] == "confirmed"
    done = browser.post(f"{link}/withdrawal")
    assert done.location == link and "Votre place a été rendue" in browser.get(link).text


def test_a_place_given_back_too_late_is_said(browser, world):
    link = browser.post(PAGE, GUEST).location
    world.next_problem = problem(409, "withdrawal_closed")

    browser.post(f"{link}/withdrawal")
    assert "le délai est passé" in browser.get(link).text


def test_only_who_is_registered_is_told_where_to_join(browser, world):
    world.events = [event(is_online=True, place="")]
    assert "meet.example.org" not in browser.get(PAGE).text

    assert "https://meet.example.org/valmont" in browser.get(browser.post(PAGE, GUEST).location).text


def test_my_registrations_stand_in_the_account(browser, world):
    browser.hold(world.sign_in(PERSON))
    assert "Pas encore d’inscription" in browser.get("/my/registrations").text

    link = browser.post(PAGE, {"key": "k"}).location
    assert link in browser.get("/my/registrations").text


def test_who_is_registered_already_is_led_to_their_registrations(browser, world):
    browser.hold(world.sign_in(PERSON))
    world.next_problem = problem(409, "already_registered")

    page = browser.corrected(PAGE, {"key": "k1"}).text

    assert "Vous êtes déjà inscrit" in page
    assert 'class="button wide" href="/my/registrations"' in page


def test_the_event_comes_as_a_calendar_file(browser):
    file = browser.get(f"{PAGE}/calendar")

    assert file.text.startswith("BEGIN:VCALENDAR") and file.headers["Content-Type"].startswith(
        "text/calendar"
    )
