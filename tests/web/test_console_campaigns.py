"""Campaigns in the console: seen before their launch, launched and closed knowingly, never typed twice."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.marks import MARKS, soon
from tests.web.fake_server import problem
from tests.web.samples import FUND_ID, PERSON, campaign
from tests.web.test_campaign_page import text_of

RIGHTS = ["giving.read", "giving.manage"]
TYPED = {
    "title_fr": "Un orchestre pour le campus",
    "title_en": "An orchestra for the campus",
    "summary_fr": "Des mots à ne pas perdre",
    "summary_en": "Words not to lose",
    "story_fr": "Une histoire",
    "story_en": "A story",
    "surplus_use_fr": "Aux bourses",
    "surplus_use_en": "To grants",
    "goal": "12000",
    "suggested": "60; 1 200",
    "starts_on": "2026-10-01",
    "ends_on": "2026-12-31",
    "picture": "music",
    "fund_id": FUND_ID,
}


@pytest.fixture
def officer(browser, world):
    """A member of staff who runs campaigns."""
    return browser.hold(world.sign_in(PERSON, RIGHTS))


def only(world, **changes):
    """The one campaign of the world, and its page in the console."""
    world.campaigns = [campaign(**changes)]
    return f"/console/campaigns/{world.campaigns[0]['id']}"


def day(ahead):
    return str(datetime.now(UTC).date() + timedelta(days=ahead))


def test_staff_see_the_page_of_a_draft_and_nothing_can_be_given_there(officer, world):
    only(world, status="draft", launched_at=None)

    page = officer.get("/campaigns/bourses-2026/preview")

    words = text_of(page.text)
    assert "Aperçu" in words
    assert "Personne ne devrait renoncer" in words
    assert "Donner 120 €" in words
    assert 'method="post" action="/campaigns/' not in page.text
    assert re.search(r"<button[^>]*data-once[^>]*disabled", page.text)
    assert page.headers["Cache-Control"] == "no-store"


def test_for_others_the_preview_of_a_draft_does_not_exist(open_browser, world):
    only(world, status="draft", launched_at=None)
    nobody, alumna = open_browser(), open_browser().hold(world.sign_in(PERSON))
    elsewhere = open_browser().hold(world.sign_in(PERSON, ["people.read"]))

    for each in (nobody, alumna, elsewhere):
        assert each.get("/campaigns/bourses-2026/preview").status_code == 404
        assert each.get("/campaigns/bourses-2026").status_code == 404


def test_the_preview_of_what_is_public_is_the_public_page(officer, world):
    only(world)

    answer = officer.get("/campaigns/bourses-2026/preview")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/campaigns/bourses-2026")


def test_a_launch_sums_up_what_the_world_will_be_told(officer, world):
    here = only(world, status="draft", launched_at=None)

    words = text_of(officer.get(f"{here}/launch").text)

    for told in (
        "Nobody should give up studying because of a rent",
        "120 000 €",
        "Fondation de l’université de Valmont",
        "Beyond the goal, the surplus pays for the grants of 2027.",
        "/campaigns/bourses-2026",
    ):
        assert told in words
    assert world.campaigns[0]["status"] == "draft"

    officer.post(f"{here}/launch", {"key": "1"})
    assert world.campaigns[0]["status"] == "live"


def test_the_french_name_of_a_fund_is_marked_as_french_in_an_english_console(browser, world):
    officer = browser.hold(world.sign_in(PERSON | {"locale": "en"}, RIGHTS))
    here = only(world, status="draft", launched_at=None)

    assert 'fund “<span lang="fr">Fonds de bourses</span>”' in officer.get(f"{here}/launch").text


def test_what_is_missing_before_a_launch_leads_to_its_field_and_there_is_no_button(officer, world):
    blank = {"fr": "Le surplus", "en": " "}
    here = only(world, status="draft", launched_at=None, surplus_use=blank, ends_on=day(-1))

    page = officer.get(f"{here}/launch").text

    assert "Il manque 2 choses avant le lancement" in text_of(page)
    assert f'href="{here}/edit#surplus_use_en"' in page
    assert f'href="{here}/edit#ends_on"' in page
    assert f'action="{here}/launch"' not in page


def test_closing_asks_first_and_the_page_says_the_final_total(officer, world):
    here = only(world)

    asked = text_of(officer.get(f"{here}/close").text)
    assert "Les dons s’arrêtent aussitôt." in asked
    assert "87 640 € sur 120 000 €" in asked
    officer.post(f"{here}/close", {"key": "1"})

    public = text_of(officer.get("/campaigns/bourses-2026").text)
    assert "Au total, 87 640 € de 412 donateurs." in public
    assert "Donner 120 €" not in public
    shown = officer.get(here).text
    assert f'action="{here}/reopen"' in shown
    assert "terminée à 32 360 € de l’objectif" in text_of(shown)

    officer.post(f"{here}/reopen", {"key": "1"})
    assert world.campaigns[0]["status"] == "live"


def test_what_ended_by_its_dates_says_why_it_cannot_simply_be_opened_again(officer, world):
    here = only(world, status="closed", ends_on=day(-1))

    page = officer.get(here).text

    assert "est passée. Pour recevoir à nouveau des dons" in text_of(page)
    assert f'action="{here}/reopen"' not in page


def test_a_refused_decision_says_why(officer, world):
    here = only(world, status="closed", closed_at=datetime.now(UTC).isoformat(), ends_on=day(3))
    world.next_problem = problem(409, "campaign_over")

    officer.post(f"{here}/reopen", {"key": "1"})

    assert "sa fin est passée" in text_of(officer.get(here).text)


def test_a_draft_is_neither_late_nor_public_yet(officer, world):
    here = only(world, status="draft", launched_at=None)

    page = officer.get(here).text

    assert "bad-text" not in page
    assert "data-copy" not in page
    assert 'href="/campaigns/bourses-2026/preview"' in page


def test_the_link_of_a_public_page_can_be_copied_or_selected(officer, world):
    here = only(world)

    page = officer.get(here).text

    link = "http://127.0.0.1:8080/campaigns/bourses-2026"
    assert re.search(rf'<input id="address" value="{link}" readonly', page)
    assert f'data-copy="{link}" data-field="address"' in page


def test_a_campaign_whose_first_day_is_to_come_takes_no_gift_and_says_from_when(officer, world):
    only(world, starts_on=day(5))

    words = text_of(officer.get("/campaigns/bourses-2026").text)

    assert "Les dons ouvrent le" in words
    assert "Donner 120 €" not in words


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"goal": "beaucoup"}, "goal"),
        ({"suggested": "60; cent"}, "suggested"),
        ({"ends_on": ""}, "ends_on"),
        ({"title_fr": " "}, "title_fr"),
    ],
)
def test_nothing_typed_is_lost_when_a_field_is_wrong(officer, world, typed, wrong):
    answer = officer.post("/console/campaigns/new", TYPED | typed)

    assert answer.status_code == 422
    assert_kept(answer.text, TYPED | typed)
    assert f'href="#{wrong}"' in answer.text
    assert f'id="{wrong}-wrong"' in answer.text


def test_a_title_full_of_marks_holds_up_nobody(officer, world):
    with soon():
        officer.post("/console/campaigns/new", TYPED | {"title_fr": MARKS})

    assert re.fullmatch(r"a-\d{4}-\d\d", world.campaigns[-1]["slug"])


def test_amounts_may_hold_the_spaces_that_people_write(officer, world):
    officer.post("/console/campaigns/new", TYPED)

    assert world.campaigns[-1]["suggested_minor"] == [6000, 120_000]


def test_what_the_service_refuses_stands_beside_its_field(officer, world):
    refused = {"title.en": ["Longer than maximum length 20000."], "suggested_minor.1": ["Must be …"]}
    world.next_problem = problem(422, "refused", refused)

    answer = officer.post("/console/campaigns/new", TYPED)

    assert answer.status_code == 422
    assert_kept(answer.text, TYPED)
    for field in ("title_en", "suggested"):
        assert f'id="{field}-wrong"' in answer.text


def test_nothing_typed_is_lost_when_gifts_do_not_answer(officer, world):
    here = only(world)
    world.down = {"giving"}

    answer = officer.post(f"{here}/edit", TYPED)

    assert answer.status_code == 503
    assert_kept(answer.text, TYPED)
    assert "Rien n’a été enregistré" in text_of(answer.text)


def assert_kept(page, typed):
    for name, text in typed.items():
        if text.strip():
            assert text in page, name
    assert re.search(r'value="music" checked', page)


def test_pictures_are_chosen_by_sight_and_by_name_in_the_language_of_the_page(officer):
    page = officer.get("/console/campaigns/new").text

    assert "La bibliothèque" in page
    assert page.count('type="radio" name="picture"') == 6
    assert 'alt="un banc entre deux arbres en fleurs"' in page
    assert ">skyline<" not in page


def test_what_is_wrong_is_summed_up_in_the_order_of_the_fields(officer, world):
    refused = {"surplus_use.en": ["Longer."], "ends_on": ["Before."], "story.fr": ["Longer."]}
    world.next_problem = problem(422, "refused", refused)
    by_the_service = officer.post("/console/campaigns/new", TYPED).text
    by_the_page = officer.post(
        "/console/campaigns/new", TYPED | {"title_fr": "", "goal": "", "ends_on": ""}
    ).text

    assert summed_up(by_the_service) == ["story_fr", "ends_on", "surplus_use_en"]
    assert summed_up(by_the_page) == ["title_fr", "goal", "ends_on"]


def test_what_is_missing_before_a_launch_is_in_the_order_of_the_fields(officer, world):
    blank = {"fr": " ", "en": " "}
    here = only(world, status="draft", launched_at=None, surplus_use=blank, title=blank, ends_on=day(-1))

    page = officer.get(f"{here}/launch").text.split("sum-up")[0]

    assert re.findall(r'/edit#(\w+)"', page) == [
        *("title_fr", "title_en", "ends_on", "surplus_use_fr", "surplus_use_en")
    ]


def test_a_campaign_that_takes_gifts_has_one_name_in_french(officer, world):
    only(world)

    said = text_of(officer.get("/console/campaigns/").text + officer.get("/console/").text)

    assert "en ligne" in said
    assert "Campagnes en ligne" in said
    assert "en direct" not in said


def summed_up(page):
    """The fields that the summary at the top leads to, in its order."""
    return re.findall(r'<a href="#(\w+)">', page.split('role="alert"')[1].split("</ul>")[0])
