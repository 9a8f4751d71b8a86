"""The console's pages of what the CRM holds against what ours says."""

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, comparison, differences
from tests.web.test_campaign_page import text_of

COUNTED = ("missing_count", "extra_count", "differing_count", "doubled_count", "in_conflict_count")


@pytest.fixture
def found(world, crm):
    """Last night's comparison, with a difference of each kind."""
    world.comparisons, world.differences = [comparison(crm)], differences()
    return f"/console/crm/comparisons/{world.comparisons[0]['id']}"


def test_the_desk_tells_last_nights_result(office, found):
    page = office.get("/console/crm/").text

    words = text_of(page)
    assert found in page and "comme chaque nuit" in words and "6 438 personnes" in words
    assert "1 manque · 1 diffère · 1 seulement là-bas · 1 en double" in words


def test_each_difference_says_who_what_both_sides_and_what_to_do(world, office, found):
    page = office.get(found).text

    gift = world.differences[0]["record_id"]
    assert f'href="/console/gifts/{gift}"' in page and "Claire Lemoine</a>" in page
    assert "<b>Lemoine</b>" in page and "<b>Lemoyne</b>" in page and "n° 4512" in page
    assert page.count("se répare</span>") == 2 and "À regarder dans le CRM" in page


def test_an_event_that_is_there_twice_leads_to_ours(world, office, found):
    page = office.get(f"{found}?kind=doubled").text

    event = world.differences[3]["record_id"]
    assert f'href="/console/events/{event}"' in page and "Ouvrir l’événement" in page
    assert "n° 77" in page and "Événement" in page


def test_differences_of_one_kind_are_shown_alone(office, found):
    page = office.get(f"{found}?kind=differing").text

    assert "Lemoyne" in page and "n° 4601" not in page


def test_names_and_values_are_hidden_from_who_may_not_read_people(world, found, browser):
    keeper = browser.hold(world.sign_in(PERSON | {"given_name": "Paul"}, ["integrations.manage"]))

    page = keeper.get(found).text

    assert "Lemoyne" not in page and "Claire" not in page and "Non affiché" in page


def test_comparing_now_leads_to_its_progress_which_the_desk_finds_again(world, crm, office):
    answer = office.post("/console/crm/comparisons/", {"subscription_id": crm["id"]})

    page = office.get(answer.location).text
    assert "0 personnes comparées sur 6" in text_of(page) and "hx-get" in page
    assert answer.location.rpartition("/")[2] in office.get("/console/crm/").text


def test_the_progress_asks_for_the_whole_page_once_the_comparison_has_ended(world, office, found):
    progress = office.get(f"{found}/progress")
    world.comparisons[0] |= {"status": "running", "step": "contacts"}
    running = office.get(f"{found}/progress")

    assert progress.headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in running.headers and "6 436 contacts du CRM lus" in text_of(running.text)


def test_a_repair_is_asked_for_once_and_told(world, office, found):
    answer = office.post(f"{found}/repair")

    page = office.get(answer.location).text
    assert "La réparation a commencé" in page and "Réparation demandée" in page
    assert f"{found}/repair" not in page


def test_a_repair_that_is_too_late_says_so(world, office, found):
    world.next_problem = problem(409, "comparison_outdated")

    answer = office.post(f"{found}/repair")

    assert "plus récente" in office.get(answer.location).text


def test_a_comparison_that_stopped_says_what_is_safe(world, crm, office):
    failed = {"status": "failed", "finished_at": None, "failed_at": crm["created_at"], "error": "HTTP 503"}
    world.comparisons = [one := comparison(crm, **failed)]

    page = office.get(f"/console/crm/comparisons/{one['id']}").text

    assert "Rien n’a été changé" in page and "HTTP 503" in page and "/repair" not in page


def test_a_comparison_without_a_difference_says_so(world, crm, office):
    world.comparisons = [one := comparison(crm, **dict.fromkeys(COUNTED, 0))]

    page = office.get(f"/console/crm/comparisons/{one['id']}").text

    assert "Aucun écart" in page and "/repair" not in page


def test_the_amount_of_a_gift_is_hidden_from_who_may_not_read_gifts(world, crm, found, browser):
    of_gift = {"entity": "contribution", "field": "total_amount", "ours": "120.0000", "theirs": "99.0000"}
    world.differences = [differences()[1] | of_gift]
    reader = browser.hold(world.sign_in(PERSON, ["integrations.manage", "people.read"]))

    page = reader.get(found).text

    assert "Claire Lemoine" in page and "99,00" not in page and "Non affiché" in page
