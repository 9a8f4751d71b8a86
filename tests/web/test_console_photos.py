"""The photo of a campaign in the console: what is wrong with it is said, and what was typed stays."""

import io

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON
from tests.web.test_campaign_page import PAGE, text_of
from tests.web.test_console_campaigns import RIGHTS, only
from web.console import photos

ALT = {"alt_fr": "des étudiants sous un arbre", "alt_en": "students under a tree"}


@pytest.fixture
def officer(browser, world):
    return browser.hold(world.sign_in(PERSON, RIGHTS))


def send(officer, here, content=b"x", **typed):
    return officer.post(f"{here}/picture", {"file": (io.BytesIO(content), "photo.jpg"), **ALT, **typed})


def test_a_photo_shows_on_the_public_page_with_its_words_and_goes_when_removed(officer, world):
    here = only(world)

    assert send(officer, here).status_code == 303

    page = officer.get(PAGE).text
    assert 'alt="des étudiants sous un arbre"' in page and "1280w" in page
    assert officer.post(f"{here}/picture/remove").status_code == 303
    assert world.campaigns[0]["pictures"] == []


def test_a_preview_shows_the_photo_of_a_draft(officer, world):
    here = only(world, status="draft", launched_at=None)
    send(officer, here)

    assert 'alt="des étudiants sous un arbre"' in officer.get("/campaigns/bourses-2026/preview").text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("picture_unreadable", "Ce n’est pas une photo en JPEG, PNG ou WebP"),
        ("picture_animated", "Cette image est animée."),
        ("picture_too_large", "plus de 25 millions de pixels"),
        ("picture_too_small", "trop petite pour être nette"),
        ("something_new", "Cette photo n’a pas pu être prise."),
    ],
)
def test_each_refusal_has_its_words_beside_the_file_and_what_was_typed_stays(officer, world, code, words):
    here = only(world)
    world.next_problem = problem(422, code)

    answer = send(officer, here)

    assert answer.status_code == 422
    assert words in text_of(answer.text) and 'id="file-wrong"' in answer.text
    assert all(text in answer.text for text in ALT.values())


@pytest.mark.parametrize("typed", ["", "  ", "x" * 301, "x" * 10_000])
def test_words_are_needed_in_both_languages(officer, world, typed):
    answer = send(officer, only(world), alt_en=typed)

    assert answer.status_code == 422
    assert 'id="alt_en-wrong"' in answer.text and ALT["alt_fr"] in answer.text
    assert world.campaigns[0]["pictures"] == []


def test_without_a_file_there_is_nothing_to_save_unless_a_photo_is_there(officer, world):
    here = only(world)
    assert 'id="file-wrong"' in officer.post(f"{here}/picture", ALT).text

    send(officer, here)
    officer.post(f"{here}/picture", ALT | {"alt_en": "a tree"})

    assert world.campaigns[0]["picture_alt"]["en"] == "a tree"
    assert len(world.campaigns[0]["pictures"]) == 2


def test_a_file_that_is_too_heavy_is_refused_before_it_is_sent_on(officer, world):
    here = only(world)

    answer = send(officer, here, b"x" * (photos.FILE_MAX_BYTES + 1))

    assert "dépasse 8 Mo" in text_of(answer.text)
    assert not [each for each in world.asked if each[0] == "PUT"]


def test_when_gifts_do_not_answer_the_words_stay(officer, world):
    here = only(world)
    officer.get(here)
    world.next_problem = problem(503, "pictures_busy")

    answer = send(officer, here)

    assert answer.status_code == 503
    assert "Rien n’a été enregistré" in text_of(answer.text) and ALT["alt_en"] in answer.text


def test_words_missing_before_a_launch_lead_to_the_photo(officer, world):
    here = only(world, status="draft", launched_at=None)
    send(officer, here)
    world.campaigns[0]["picture_alt"] = {"fr": "un arbre", "en": ""}

    assert f'href="{here}/picture#alt_en"' in officer.get(f"{here}/launch").text


def test_who_may_only_read_uploads_nothing_large(browser, world):
    reader = browser.hold(world.sign_in(PERSON, ["giving.read"]))

    assert send(reader, only(world), b"x" * 600_000).status_code == 403
