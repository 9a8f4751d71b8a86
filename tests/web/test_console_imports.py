"""The console's page of imports: a refused file is explained in the reader's language, with what to do."""

import html
import io

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, imported
from tests.web.test_campaign_page import text_of


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


def said(answer):
    return text_of(html.unescape(answer.text))


def test_a_checked_import_is_discarded_and_no_longer_waits(officer, world):
    world.imports = [imported(), imported(status="done")]
    page = f"/console/imports/{world.imports[0]['id']}"
    assert "Imports à confirmer 1" in said(officer.get("/console/"))
    assert "Abandonner cet import" in said(officer.get(page))

    answer = officer.post(f"{page}/discard", {"key": "once"})
    after = said(officer.get(answer.location))

    assert "Import abandonné : rien n’en a été écrit" in after
    assert "Abandonner cet import" not in after
    assert "Imports à confirmer" not in said(officer.get("/console/"))
    assert "abandonné" in said(officer.get("/console/imports/"))


@pytest.mark.parametrize("decision", ["confirm", "discard"])
def test_what_a_colleague_decided_meanwhile_is_said(officer, world, decision):
    world.imports = [imported()]
    world.next_problem = problem(409, "import_already_discarded")

    answer = officer.post(f"/console/imports/{world.imports[0]['id']}/{decision}", {"key": "once"})

    assert answer.status_code == 303
    assert "Quelqu’un en a déjà décidé autrement" in said(officer.get(answer.location))


def test_a_refused_row_is_known_by_its_number_and_its_name(officer, world):
    world.imports = [imported()]

    page = said(officer.get(f"/console/imports/{world.imports[0]['id']}"))

    assert "4 72100009 Petit Le prénom est vide." in page


def test_an_import_that_is_being_written_is_not_told_as_if_it_were_over(officer, world):
    world.imports = [imported(status="running")]

    page = said(officer.get(f"/console/imports/{world.imports[0]['id']}/progress"))

    assert "Ajoutées jusqu’ici." in page
    assert "elles ont été ajoutées" not in page


@pytest.mark.parametrize(
    ("code", "name"), [("fr", "amicale-lignes-refusees"), ("en", "amicale-refused-rows")]
)
def test_the_file_of_refused_rows_is_named_in_the_readers_language(officer, world, code, name):
    world.imports = [imported()]
    world.instead = [("GET", ".*/refusals.csv", lambda *_: {})]

    officer.hold(world.sign_in(PERSON | {"locale": code}, ["people.import"]))

    file = officer.get(f"/console/imports/{world.imports[0]['id']}/refused.csv")

    assert f'filename="{name}.csv"' in file.headers["Content-Disposition"]
