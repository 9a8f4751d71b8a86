"""The console's page of imports: a refused file is explained in the reader's language, with what to do."""

import html
import io

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON


@pytest.fixture
def officer(browser, world):
    return browser.hold(world.sign_in(PERSON, ["people.import"]))


def send(officer, world, refused):
    """The page after the directory refused a file."""
    world.next_problem = refused
    sent = {"file": (io.BytesIO(b"x"), "people.csv"), "key": "one-file"}
    answer = officer.post("/console/imports/", sent)
    assert answer.status_code == refused.status
    return html.unescape(answer.text).replace("\u00a0", " ").replace("\u202f", " ")


def test_a_missing_column_is_named_with_those_that_were_found(officer, world):
    refused = problem(422, "column_missing")
    refused.body |= {"columns": ["school_id", "family_name"], "found": ["Prénom", "Ville"]}

    page = send(officer, world, refused)

    assert "Il manque à ce fichier : numéro d’étudiant, nom." in page
    assert "Colonnes trouvées dans sa première ligne : Prénom, Ville." in page


def test_a_workbook_is_told_to_be_saved_as_csv(officer, world):
    page = send(officer, world, problem(422, "not_text"))

    assert "Enregistrez la feuille au format CSV, puis choisissez ce fichier." in page


def test_a_refusal_without_words_of_its_own_is_told_in_french_all_the_same(officer, world):
    page = send(officer, world, problem(409, "something_new"))

    assert "Ce fichier n’a pas pu être pris." in page
