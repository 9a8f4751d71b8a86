"""What programs of others may build on, as a page shows it."""

import json
import re
from pathlib import Path

import pytest

from web.portal import docs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("language", "title"), [("fr", "Pour les développeurs"), ("en", "For developers")])
def test_the_index_leads_to_every_document_in_both_languages(browser, language, title):
    page = browser.get("/docs", **{"Accept-Language": language}).text

    assert f'<html lang="{language}">' in page
    assert f">{title}</h1>" in page
    services = sorted(path.parent.name for path in (ROOT / "services").glob("*/app.py"))
    for service in services:
        assert f'href="/api/v1/{service}/docs"' in page
        assert f'href="/api/v1/{service}/openapi.json"' in page
    own = set(re.findall(r'href="(/docs/[\w.-]+)', page))
    assert own == {"/docs/topics", *(f"/docs/{name}" for name in docs.FILES)}
    assert all(browser.get(address).status_code == 200 for address in own)


@pytest.mark.parametrize("name", sorted(docs.FILES))
def test_a_document_is_given_as_it_is(browser, name):
    answer = browser.get(f"/docs/{name}")

    assert answer.data == (ROOT / "docs" / name).read_bytes()
    assert answer.headers["Content-Type"] == docs.FILES[name]


def test_every_document_goes_into_the_image():
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8").split()

    for name in docs.FILES:
        assert f"!docs/{name}" in kept and f"docs/{name}" in copied


def test_a_guide_leads_to_no_document_that_is_not_given():
    for name in docs.FILES:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert set(re.findall(r"\]\(([\w-]+\.md)\)", text)) <= set(docs.FILES)


def test_nothing_else_of_the_folder_is_given(browser):
    for name in ("architecture.md", "../README.md", "%2e%2e/README.md", "asyncapi.json/"):
        assert browser.get(f"/docs/{name}").status_code == 404


def test_every_message_can_be_read_with_its_fields(browser):
    page = browser.get("/docs/topics").text

    told = json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
    for name in told["components"]["messages"]:
        assert f'id="{name}"' in page
    assert "<code>contact.email</code>" in page
    assert "`" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)
    assert "<code>contact.attendees[].given_name</code>" in page


def test_a_portal_page_leads_to_the_documents(browser):
    assert 'href="/docs"' in browser.get("/legal").text
