"""The widget: the one page that others may frame, which holds nothing of anybody."""

import html
import re

import pytest

from tests.web.samples import PERSON, campaign
from tests.web.test_campaign_page import text_of
from tests.web.test_console_campaigns import RIGHTS, only
from web.ui import assets

WIDGET = "/widget/bourses-2026"


def test_it_says_how_far_the_campaign_is_and_leads_to_its_page_with_an_appeal(browser):
    page = browser.get(WIDGET)

    words = text_of(page.text)
    for told in ("87 640 €", "sur 120 000 € · 73 %", "412 donateurs", "38 jours restants", "Donner"):
        assert told in words
    assert 'href="/campaigns/bourses-2026?lang=fr&amp;appeal=widget" target="_blank"' in page.text


@pytest.mark.parametrize(
    ("query", "tongue", "code"),
    [
        ("?lang=en", "en", "widget"),
        ("?lang=fr&appeal=asso-1998", "fr", "asso-1998"),
        ("?lang=de&appeal=%22%3E%3Cscript%3E", "fr", "widget"),
        ("?appeal=" + "x" * 4000, "fr", "widget"),
    ],
)
def test_language_and_appeal_are_those_of_its_address(browser, query, tongue, code):
    page = browser.get(WIDGET + query, **{"Accept-Language": "en"}).text

    assert f'<html lang="{tongue}">' in page
    assert f"?lang={tongue}&amp;appeal={code}" in page


def test_anybody_may_frame_it_and_nothing_else(browser):
    framed = browser.get(WIDGET)
    paths = ("/", "/campaigns/bourses-2026", "/widget/nope", f"{WIDGET}/now/fr")
    others = [browser.get(path) for path in paths]

    assert "frame-ancestors *" in framed.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in framed.headers
    for each in others:
        assert each.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in each.headers["Content-Security-Policy"]


def test_it_sets_no_cookie_keeps_no_language_and_is_the_same_for_who_is_signed_in(open_browser, world):
    stranger, claire = open_browser(), open_browser().hold(world.sign_in(PERSON))

    pages = [each.get(f"{WIDGET}?lang=en") for each in (stranger, claire)]

    assert all("Set-Cookie" not in each.headers for each in pages)
    assert all(each.headers["Cache-Control"] == "public, max-age=5" for each in pages)
    plain = [re.sub(r'nonce="[^"]+"', "", each.text) for each in pages]
    assert plain[0] == plain[1] and "csrf" not in plain[0].lower()


def test_all_of_it_weighs_less_than_thirty_kilobytes_and_works_without_its_script(browser):
    page = browser.get(WIDGET).text

    parts = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    found = {each.address: len(each.body) for each in assets.read().values()}
    assert len(page.encode()) + sum(found[each] for each in parts) < 30_000
    assert "onclick" not in page and "<form" not in page


def test_what_moves_is_asked_again_and_not_sent_twice(browser):
    first = browser.get(f"{WIDGET}/now/en")
    again = browser.get(f"{WIDGET}/now/en", **{"If-None-Match": first.headers["ETag"]})

    assert "donors" in first.text and "Set-Cookie" not in first.headers
    assert again.status_code == 304
    assert browser.get(f"{WIDGET}/now/de").status_code == 404


def test_a_draft_has_none_and_a_closed_campaign_says_that_it_ended(browser, world):
    world.campaigns = [campaign(status="draft"), campaign("finie", status="closed")]

    assert browser.get(WIDGET).status_code == 404
    page = browser.get("/widget/finie").text
    assert "campagne terminée" in text_of(page) and "Voir la campagne" in page and "data-now" not in page


def test_the_console_gives_the_code_to_copy_for_public_campaigns_only(browser, world):
    officer = browser.hold(world.sign_in(PERSON, RIGHTS))
    here = only(world, title={"fr": 'Une "nuit" & <b>', "en": "A night"})

    copied = re.findall(r'data-copy="([^"]*widget[^"]*)"', officer.get(here).text)

    assert html.unescape(copied[0]) == (
        '<iframe src="http://127.0.0.1:8080/widget/bourses-2026?lang=fr&amp;appeal=widget"'
        ' title="Une &#34;nuit&#34; &amp; &lt;b&gt;" width="400" height="330" loading="lazy"'
        ' style="border:0;max-width:100%"></iframe>'
    )
    world.campaigns[0]["status"] = "draft"
    assert "/widget/" not in officer.get(here).text
