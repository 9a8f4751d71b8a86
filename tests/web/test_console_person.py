"""The page of a person in the console: what staff correct there, and what they are told of it."""

import html

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, record

OFFICER = PERSON | {"id": "0198f000-0000-7000-8000-000000000009", "given_name": "Hélène"}
RIGHTS = ["people.read", "people.manage", "rights.manage"]
PAGE = f"/console/people/{PERSON['id']}"


@pytest.fixture
def officer(browser, world):
    world.directory_of(PERSON)
    return browser.hold(world.sign_in(OFFICER, RIGHTS))


def asked(world, method):
    return [(path.rpartition("/directory")[2], body) for verb, path, body, _ in world.asked if verb == method]


def told_after(browser, answer):
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["Location"]).text


def test_a_corrected_address_is_said_to_be_unconfirmed(officer, world):
    email = world.people[PERSON["id"]]["emails"][0]

    answer = officer.post(f"{PAGE}/emails/{email['id']}", {"address": "claire.l@example.org"})

    path = f"/people/{PERSON['id']}/emails/{email['id']}"
    assert asked(world, "PATCH") == [(path, {"address": "claire.l@example.org"})]
    assert "L’adresse est corrigée. Elle compte comme non confirmée" in told_after(officer, answer)


def test_a_corrected_address_that_somebody_else_has_too_is_said_to_be(officer, world):
    email = world.people[PERSON["id"]]["emails"][0]
    world.people[OFFICER["id"]] = world.people[PERSON["id"]] | OFFICER

    answer = officer.post(f"{PAGE}/emails/{email['id']}", {"address": "shared@example.org"})

    assert "Une autre personne l’a aussi" in told_after(officer, answer)


def test_a_refused_address_is_explained_beside_what_was_typed(officer, world):
    email = world.people[PERSON["id"]]["emails"][0]
    world.next_problem = problem(409, "email_of_another")

    answer = officer.post(f"{PAGE}/emails/{email['id']}", {"address": "taken@example.org"})

    assert answer.status_code == 409
    assert "Une autre personne a confirmé que cette adresse est la sienne" in answer.text
    assert 'value="taken@example.org"' in answer.text


def test_names_and_language_are_corrected_together(officer, world):
    form = {"civil_given_name": "Claire", "preferred_name": "", "family_name": "Petit", "locale": "en"}

    answer = officer.post(PAGE, form | {"version": "1"})

    wish = {"civil_given_name": "Claire", "preferred_name": None, "family_name": "Petit", "locale": "en"}
    assert asked(world, "PATCH") == [(f"/people/{PERSON['id']}", wish)]
    assert "Enregistré." in told_after(officer, answer)


def test_a_refused_name_is_explained_beside_what_was_typed(officer, world):
    world.next_problem = problem(422, "fields_refused", {"family_name": ["Write letters, …"]})

    page = officer.post(PAGE, {"family_name": "t.co", "version": "1"})

    assert page.status_code == 422
    assert (
        'id="family_name-wrong">En lettres, 100 au plus' in html.unescape(page.text)
        and 'value="t.co"' in page.text
    )


def test_saving_without_a_change_says_so(officer):
    answer = officer.post(PAGE, {"family_name": PERSON["family_name"], "version": "1"})

    assert "Rien n’était différent" in told_after(officer, answer)


@pytest.mark.parametrize(("act", "sentence"), [("close", "Le compte est fermé"), ("reopen", "rouvert")])
def test_an_account_is_closed_and_opened_again(officer, world, act, sentence):
    answer = officer.post(f"{PAGE}/account/{act}")

    route = {"close": "disablings", "reopen": "reopenings"}[act]
    assert (f"/accounts/{world.accounts[0]['id']}/{route}", None) in asked(world, "POST")
    assert sentence in told_after(officer, answer)


def test_an_account_with_more_rights_than_ones_own_stays_open(officer, world):
    world.next_problem = problem(403, "rights_beyond_own")

    answer = officer.post(f"{PAGE}/account/close")

    assert "Ce compte a des droits que vous n’avez pas" in told_after(officer, answer)


def test_a_refusal_that_the_page_has_no_words_for_is_not_said_to_have_worked(officer, world):
    world.next_problem = problem(409, "account_of_another_kind")

    answer = officer.post(f"{PAGE}/account/close")

    assert answer.status_code >= 400 and "Le compte est fermé" not in answer.text


def test_who_may_only_read_is_shown_no_form(browser, world):
    world.directory_of(PERSON)
    reader = browser.hold(world.sign_in(OFFICER, ["people.read"]))

    page = reader.get(PAGE).text

    assert "confirmée par son titulaire" in page
    assert "Corriger" not in page and "Fermer le compte" not in page


def test_gifts_are_summed_over_all_of_them_and_not_over_those_shown(browser, world):
    world.directory_of(PERSON)
    donor = record()["donor"] | {"party_id": PERSON["id"], "person_id": PERSON["id"]}
    world.records = [record(donor=donor, amount_minor=1_000) for _ in range(3)]
    reader = browser.hold(world.sign_in(OFFICER, ["people.read", "giving.read"]))

    page = html.unescape(reader.get(PAGE).text)

    assert "3 encaissés : 30,00 €" in page.replace("\u202f", " ").replace("\u00a0", " ")


def test_a_name_of_birth_takes_nobody_for_a_woman(browser, world):
    browser.hold(world.sign_in(PERSON, ["people.read"]))
    world.directory_of(PERSON)

    assert "né(e) Dupont" in browser.get("/console/people/").text
