"""Languages: chosen once, everywhere, and written as their readers write."""

import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages import pofile
from babel.messages.extract import extract_from_dir

from tests.web.samples import PERSON

ROOT = Path(__file__).parents[2]
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {
    "**/templates/**.html": {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
}


def catalogue():
    """Every French translation that web reads, by its English source."""
    found = {}
    for path in (ROOT / "web").glob("*/words/fr.po"):
        with path.open("rb") as file:
            found |= {message.id: message for message in pofile.read_po(file, locale="fr") if message.id}
    return {(key if isinstance(key, str) else key[0]): message for key, message in found.items()}


def sources():
    """Every sentence that code and templates ask for."""
    keywords = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
    for _, _, message, _, _ in extract_from_dir(ROOT / "web", METHODS, OPTIONS, keywords):
        yield message if isinstance(message, str) else message[0]


def test_every_sentence_is_written_in_french_too():
    known = catalogue()

    assert not sorted({source for source in sources() if source not in known or not known[source].string})


def test_no_sentence_is_translated_that_nobody_says():
    assert not sorted(set(catalogue()) - set(sources()))


def test_translations_use_the_same_variables():
    for source, message in catalogue().items():
        assert not list(message.check()), source


@pytest.mark.parametrize(
    ("accepts", "html"),
    [
        ("fr-FR,fr;q=0.9", "fr"),
        ("en-US,en;q=0.9", "en"),
        ("de,en;q=0.5,fr;q=0.4", "en"),
        ("de", "fr"),
        ("", "fr"),
        ("*", "fr"),
    ],
)
def test_the_browser_s_language_is_spoken(browser, accepts, html):
    assert f'<html lang="{html}">' in browser.get("/", **{"Accept-Language": accepts}).text


def test_a_choice_is_kept_and_the_page_stays_the_same(browser):
    answer = browser.get("/campaigns/bourses-2026?lang=en&from=mail")

    assert answer.location == "/campaigns/bourses-2026?from=mail"
    assert "lang=en" in answer.headers["Set-Cookie"]
    assert "Nobody should give up studying" in browser.get("/campaigns/bourses-2026").text


def test_an_unknown_language_changes_nothing(browser):
    assert browser.get("/?lang=xx").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example"])
def test_choosing_a_language_leads_nowhere_else(app, path):
    answer = app.test_client().get("/", environ_overrides={"PATH_INFO": path, "QUERY_STRING": "lang=en"})

    assert answer.status_code in {303, 308, 404}
    assert "evil.example" not in answer.headers.get("Location", "").split("/")[2:3]


def test_a_signed_in_person_s_language_is_spoken_unless_they_chose_another(browser, world):
    browser.hold(world.sign_in(PERSON | {"locale": "en"}))

    assert '<html lang="en">' in browser.get("/my/gifts").text
    browser.get("/?lang=fr")
    assert '<html lang="fr">' in browser.get("/my/gifts").text


def test_after_an_error_the_other_language_leads_back_to_the_page(browser):
    page = browser.corrected("/campaigns/bourses-2026", {"key": "k"}).text

    assert 'href="/campaigns/bourses-2026?lang=en"' in page


def test_no_compiled_catalogue_is_kept():
    kept = subprocess.run(
        ["git", "ls-files", "*.mo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert not kept.stdout.strip(), sys.version
