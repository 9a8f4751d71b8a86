"""The page of a campaign: its numbers agree, it stays live, and everyone shares the same answers."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.samples import campaign

PAGE = "/campaigns/bourses-2026"


def asked(world, ending):
    return sum(path.endswith(ending) for _, path, _, _ in world.asked)


def text_of(page):
    """The words of a page, without tags, spaces made plain."""
    bare = re.sub(r"<[^>]+>", " ", page)
    return re.sub(r"[\s\u00a0\u202f]+", " ", bare)


def test_the_numbers_on_the_page_agree_with_each_other(browser, world):
    world.campaigns = [campaign(raised_minor=8_764_000, goal_minor=12_000_000, donors_count=412)]

    page = text_of(browser.get(PAGE).text)

    assert "87 640 €" in page
    assert "sur 120 000 € · 73 %" in page
    assert "412 donateurs" in page
    assert "38 jours restants" in page


@pytest.mark.parametrize(
    ("raised", "goal", "shown"),
    [(11_999_999, 12_000_000, "99 %"), (15_000_000, 12_000_000, "125 %"), (0, 100, "0 %")],
)
def test_a_goal_is_never_shown_as_reached_before_it_is_and_over_it_is_shown(
    browser, world, raised, goal, shown
):
    world.campaigns = [campaign(raised_minor=raised, goal_minor=goal)]

    assert f"· {shown}" in text_of(browser.get(PAGE).text)


def test_each_amount_has_its_cost_after_tax_with_the_condition(browser):
    page = text_of(browser.get(PAGE).text)

    for cost in ("20,40 €", "40,80 €", "102 €"):
        assert (
            f"votre don vous revient à {cost} si vous êtes imposable en France (66 %, dans la limite de 20 %"
            in page
        )


def test_without_a_tax_receipt_no_reduction_is_promised(browser, world):
    world.campaigns = [campaign(tax=None)]

    assert "imposable" not in browser.get(PAGE).text


def test_who_receives_and_what_becomes_of_a_surplus_stand_on_the_page(browser):
    page = text_of(browser.get(PAGE).text)

    assert "Bénéficiaire : Fondation de l’université de Valmont" in page
    assert "le surplus finance les bourses de 2027" in page


def test_the_last_day_is_a_day(browser, world):
    world.campaigns = [campaign(ends_on=str((datetime.now(UTC) + timedelta(hours=1)).date()))]

    assert "dernier jour" in text_of(browser.get(PAGE).text)


def test_the_wall_shows_only_what_was_chosen(browser):
    page = text_of(browser.get(PAGE).text)

    assert "Claire L. Promotion 2009 · à l’instant" in page
    assert "Un·e ancien·ne de 1998" in page
    assert "Thanh N." in page and "300 €" in page


def test_an_empty_wall_says_what_will_be_there(browser, world):
    world.wall = []

    assert "Soyez la première personne à donner" in browser.get(PAGE).text


def test_what_moves_is_one_answer_for_everyone_and_asked_once_a_second(open_browser, world):
    for _ in range(5):
        assert open_browser().get(f"{PAGE}/now/fr").status_code == 200

    assert asked(world, "/total") == 1
    assert asked(world, "/wall") == 1


def test_what_did_not_move_is_not_sent_again(browser):
    first = browser.get(f"{PAGE}/now/fr")
    again = browser.get(f"{PAGE}/now/fr", **{"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "public, max-age=1"
    assert "Set-Cookie" not in first.headers and "Vary" not in first.headers
    assert again.status_code == 304


def test_what_moves_is_in_the_language_of_its_address(browser):
    assert "donors" in browser.get(f"{PAGE}/now/en").text
    assert browser.get(f"{PAGE}/now/de").status_code == 404


def test_a_draft_is_not_there(browser, world):
    world.campaigns = [campaign(status="draft")]

    assert browser.get(PAGE).status_code == 404


@pytest.mark.parametrize("slug", ["nope", "..", "%2e%2e%2fdonations", "x" * 4000, "%00"])
def test_what_is_not_a_campaign_is_404(browser, slug):
    assert browser.get(f"/campaigns/{slug}").status_code == 404


def test_with_giving_down_the_page_is_shown_as_it_was(browser, world, app):
    browser.get(PAGE)
    world.down.add("giving")
    app.extensions["shared_answers"].fresh_s = 0

    assert browser.get(PAGE).status_code == 200


def test_with_giving_unable_to_answer_the_page_is_shown_as_it_was(browser, world, app):
    browser.get(PAGE)
    world.ill.add("giving")
    app.extensions["shared_answers"].fresh_s = 0

    assert browser.get(PAGE).status_code == 200


def test_words_of_a_campaign_are_never_taken_for_markup(browser, world):
    world.campaigns = [
        campaign(
            title={"fr": "<script>alert(1)</script>", "en": "x"}, story={"fr": "<b>a</b>\n\nb", "en": ""}
        )
    ]

    page = browser.get(PAGE).text

    assert "<script>alert" not in page
    assert "<p>&lt;b&gt;a&lt;/b&gt;</p><p>b</p>" in page


def test_the_home_page_lists_what_is_under_way_and_what_ended(browser, world):
    world.campaigns += [
        campaign("b", title={"fr": "Autre", "en": ""}),
        campaign("c", status="closed", title={"fr": "Finie", "en": ""}),
    ]

    page = text_of(browser.get("/").text)

    assert "Également en cours" in page and "Autre" in page
    assert "Ce que vous avez rendu possible" in page and "Finie" in page


def test_without_any_campaign_the_home_page_says_so(browser, world):
    world.campaigns = []

    assert "Aucune campagne en cours" in browser.get("/").text


def test_search_engines_read_campaigns_and_nothing_of_anybody(browser):
    told = browser.get("/robots.txt").text

    assert "Disallow: /l/" in told and "Disallow: /my/" in told and "campaigns" not in told


def test_a_demonstration_says_that_no_money_moves(browser, app):
    import dataclasses

    assert "aucun argent ne bouge" not in browser.get("/").text
    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], demo=True)
    assert "aucun argent ne bouge" in browser.get("/").text


def test_the_french_name_of_a_fund_is_marked_as_french_on_an_english_page(browser, world):
    world.campaigns.append(campaign("deuxieme"))

    for path, times in ((PAGE, 1), ("/", 2)):
        english = browser.get(path, **{"Accept-Language": "en"}).text
        assert english.count('<span lang="fr">Fonds de bourses</span>') == times
        french = browser.get(path, **{"Accept-Language": "fr"}).text
        assert french.count("Fonds de bourses") == times and '<span lang="fr">' not in french
