"""Home: what happened since I last came, in this browser, and what waits."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.samples import PERSON, event
from tests.web.test_campaign_page import text_of
from web.console import visits

RIGHTS = ["giving.read", "people.read"]


@pytest.fixture
def clock(monkeypatch):
    """A clock of the visits that a test may move."""

    class Clock:
        at = time.time()

        def time(self):
            return self.at

    moved = Clock()
    monkeypatch.setattr(visits, "time", moved)
    return moved


@pytest.fixture
def officer(browser, world):
    return browser.hold(world.sign_in(PERSON, RIGHTS))


def asked_since(world):
    """Since when the services were asked, the last time."""
    return datetime.fromisoformat(world.since[-1])


def test_the_first_time_the_last_day_is_told(officer, world):
    words = text_of(officer.get("/console/").text)

    assert "Ces dernières 24 heures" in words
    assert abs(datetime.now(UTC) - timedelta(hours=24) - asked_since(world)) < timedelta(minutes=1)
    for told in ("3 dons encaissés 150,00 €", "1 don remboursé −50,00 €", "0 paiement", "2 nouvelles"):
        assert told in words


def test_home_tells_what_happened_since_the_end_of_the_visit_before(officer, world, clock):
    officer.get("/console/")
    clock.at += 600
    officer.get("/console/gifts/")
    left = clock.at
    clock.at += 3 * 24 * 3600

    words = text_of(officer.get("/console/").text)

    assert "Depuis votre dernière visite" in words
    assert int(asked_since(world).timestamp()) == int(left)


def test_going_about_the_console_does_not_make_the_news_old(officer, world, clock):
    officer.get("/console/")
    left = clock.at
    clock.at += 86_400
    for _ in range(3):
        officer.get("/console/")
        clock.at += 900

    officer.get("/console/")

    assert int(asked_since(world).timestamp()) == int(left)


def test_a_colleague_at_the_same_browser_has_visits_of_their_own(officer, world, clock):
    officer.get("/console/")
    clock.at += 86_400
    colleague = PERSON | {"id": "0198f000-0000-7000-8000-000000000002"}

    words = text_of(officer.hold(world.sign_in(colleague, RIGHTS)).get("/console/").text)

    assert "Ces dernières 24 heures" in words


@pytest.mark.parametrize("kept", ["", "x", "a.b.c", "0.0.0.0", f"{'0' * 16}.99999999999.99999999999"])
def test_a_cookie_of_any_content_is_no_harm(officer, kept):
    officer.client.set_cookie("__Host-visit", kept, domain="127.0.0.1", secure=True)

    assert officer.get("/console/").status_code == 200


def test_a_page_that_asks_by_itself_does_not_prolong_a_visit(officer):
    asked = officer.get("/console/", **{"HX-Request": "true"})

    assert "__Host-visit=" not in str(asked.headers.getlist("Set-Cookie"))
    assert "__Host-visit=" in str(officer.get("/console/").headers.getlist("Set-Cookie"))


def test_a_visit_in_the_future_counts_as_unknown(officer, clock):
    clock.at += 86_400
    officer.get("/console/")
    clock.at -= 86_400

    assert "Ces dernières 24 heures" in text_of(officer.get("/console/").text)


def test_this_month_has_its_curve_and_the_numbers_behind_it(officer):
    page = officer.get("/console/").text

    assert 'aria-label="Dons du mois, cumulés par jour"' in page
    assert "le mois dernier au même jour : 90 €" in text_of(page)
    assert text_of(page).count("150,00 €") >= 2  # in the list and in the table


def test_what_does_not_answer_is_said_and_the_rest_is_there(officer, world):
    world.down = {"giving"}

    words = text_of(officer.get("/console/").text)

    assert "2 nouvelles personnes dans l’annuaire" in words
    assert "encaissé" not in words


def test_a_count_that_ends_at_a_hundred_says_so(browser, world):
    world.findings = [{}] * 100

    page = browser.hold(world.sign_in(PERSON, RIGHTS)).get("/console/").text

    assert "99+" in page


def test_each_piece_of_news_leads_to_the_gifts_that_it_tells_of(officer, world):
    links = re.findall(r'href="(/console/gifts/[^"]*)"><span>\d', officer.get("/console/").text)
    world.queries.clear()

    for link in links:
        officer.get(link)

    asked = [dict(query).get("standing") for path, query in world.queries if path.endswith("/donations")]
    assert asked == [None, "refunded", "unpaid"]


def test_the_next_events_stand_there_with_how_full_they_are(browser, world):
    reader = browser.hold(world.sign_in(PERSON, ["events.read"]))
    world.events = [event(seats_taken=12, seats_max=40)]

    page = reader.get("/console/").text

    assert "Prochains événements" in text_of(page) and "12 places prises sur 40" in text_of(page)
    assert f'href="/console/events/{world.events[0]["id"]}"' in page
    without = browser.hold(world.sign_in(PERSON, RIGHTS)).get("/console/").text
    assert "Prochains événements" not in text_of(without)
