"""Goals and ends of campaigns, as everyone reads them and as the office types them: the numbers agree."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, campaign
from tests.web.test_campaign_page import PAGE, text_of
from tests.web.test_console_campaigns import RIGHTS, TYPED, only
from web.ui import periods

IN_DONORS = {"goal_minor": 0, "goal_donors": 600}
START = {"start_minor": 500_000, "start_donors": 40}
UNITS = {"unit_minor": 20_000, "units_promised": 600, "unit_name": {"fr": "bourses", "en": "scholarships"}}


@pytest.fixture
def officer(browser, world):
    return browser.hold(world.sign_in(PERSON, RIGHTS))


def read(browser, path=PAGE, **headers):
    return text_of(browser.get(path, **headers).text)


def test_what_came_before_the_start_is_in_the_sum_the_share_and_a_sentence_of_its_own(browser, world):
    world.campaigns = [campaign(raised_minor=8_764_000, goal_minor=12_000_000, donors_count=412, **START)]

    page = read(browser)

    assert "92 640 € sur 120 000 € · 77 %" in page
    assert "452 donateurs" in page
    assert "Dont 5 000 € de 40 donateurs réunis avant l’ouverture." in page
    assert "77 % of the goal" not in page and "came before the start" in read(
        browser, **{"Accept-Language": "en"}
    )


def test_a_goal_in_donors_is_counted_in_donors(browser, world):
    world.campaigns = [campaign(donors_count=412, **IN_DONORS)]

    assert "412 sur 600 donateurs · 68 %" in read(browser)
    assert "412 sur 600 donateurs · 68 %" in read(browser, "/")


def test_of_two_goals_the_money_leads_and_the_donors_stand_beside(browser, world):
    world.campaigns = [campaign(donors_count=650, goal_donors=600)]

    assert "650 donateurs sur 600" in read(browser)


def test_units_are_counted_only_where_some_are_promised(browser, world):
    world.campaigns = [campaign(raised_minor=8_259_999, **UNITS)]

    assert "412 sur 600 bourses · 200 € l’unité" in read(browser)
    world.campaigns = [campaign("autre")]
    assert "l’unité" not in read(browser, "/campaigns/autre")


ZONE = "America/New_York"


def ending(hours_from_now=0.0, zone=ZONE, *, at=None):
    closes = at or datetime.now(UTC) + timedelta(hours=hours_from_now)
    opens = closes - timedelta(days=90)
    return {"closes_at": closes.isoformat(), "opens_at": opens.isoformat(), "time_zone": zone}


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2026-12-29T04:59", 4),  # still the 28th there
        ("2026-12-29T05:00", 3),
        ("2027-01-01T04:59", 1),
        ("2027-01-01T05:00", 0),
    ],
)
def test_days_left_are_those_of_the_campaign_s_own_calendar(monkeypatch, now, left):
    monkeypatch.setattr(periods, "now", lambda: datetime.fromisoformat(f"{now}+00:00"))
    until = ending(at=datetime(2027, 1, 1, 5, tzinfo=UTC))  # the 31st, whole

    assert periods.days_left(campaign(**until)) == left


def test_a_week_in_which_the_clocks_change_has_seven_days(monkeypatch):
    monkeypatch.setattr(periods, "now", lambda: datetime(2026, 10, 22, 22, 30, tzinfo=UTC))
    until = ending(at=datetime(2026, 10, 29, 23, tzinfo=UTC), zone="Europe/Paris")

    assert periods.days_left(campaign(**until)) == 7


def test_the_end_is_said_by_the_clock_of_the_campaign_which_is_named_where_it_is_another(browser, world):
    end = datetime(datetime.now(UTC).year + 1, 12, 24, 18, tzinfo=ZoneInfo(ZONE))
    world.campaigns = [campaign(**ending(at=end))]
    assert f"jusqu’au 24 décembre {end.year}, 18:00 (heure locale, New York)" in read(browser)

    whole = datetime(end.year, 12, 25, tzinfo=ZoneInfo("Europe/Paris"))
    world.campaigns = [campaign("bruxelles", **ending(at=whole, zone="Europe/Brussels"))]
    page = read(browser, "/campaigns/bruxelles")
    assert f"jusqu’au 24 décembre {end.year}" in page and "heure locale" not in page


DEEPER = {
    "goal_donors": "600",
    "units_promised": "50",
    "unit": "200",
    "unit_name_fr": "bourses",
    "unit_name_en": "scholarships",
    "start": "1 500,50",
    "start_donors": "1 200",
    "opens_hour": "08:00",
    "closes_hour": "18:30",
    "time_zone": "America/Montreal",
}


def test_all_that_was_typed_is_kept_and_comes_back_as_it_was_typed(officer, world):
    answer = officer.post("/console/campaigns/new", TYPED | DEEPER)

    made = world.campaigns[-1]
    assert answer.status_code == 303
    assert (made["goal_minor"], made["goal_donors"]) == (1_200_000, 600)
    assert (made["start_minor"], made["start_donors"], made["unit_minor"]) == (150_050, 1200, 20_000)
    assert made["opens_at"] == "2026-10-01T12:00:00+00:00"
    assert made["closes_at"] == "2026-12-31T23:30:00+00:00"
    page = officer.get(f"/console/campaigns/{made['id']}/edit").text
    for name in ("opens_hour", "closes_hour", "unit_name_en", "goal_donors"):
        assert re.search(rf'name="{name}"[^>]*value="{DEEPER[name]}"', page), name


def test_whole_days_are_sent_as_days(officer, world):
    officer.post("/console/campaigns/new", TYPED | {"time_zone": "Europe/Paris"})

    assert (world.campaigns[-1]["starts_on"], world.campaigns[-1]["ends_on"]) == ("2026-10-01", "2026-12-31")


def test_a_goal_in_donors_alone_needs_no_amount(officer, world):
    officer.post("/console/campaigns/new", TYPED | {"goal": "", "goal_donors": "600"})

    assert (world.campaigns[-1]["goal_minor"], world.campaigns[-1]["goal_donors"]) == (0, 600)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"goal": "0"}, "goal"),
        ({"goal": "", "goal_donors": ""}, "goal"),
        ({"goal_donors": "0"}, "goal_donors"),
        ({"goal_donors": "quelques-uns"}, "goal_donors"),
        ({"goal_donors": "٣"}, "goal_donors"),
        ({"start_donors": "-3"}, "start_donors"),
        ({"start": "beaucoup"}, "start"),
        ({"units_promised": "61"}, "units_promised"),
        ({"units_promised": ""}, "units_promised"),
        ({"unit": ""}, "unit"),
        ({"time_zone": "Europe/Valmont"}, "time_zone"),
        ({"time_zone": "Europe/Paris", "starts_on": "2026-03-29", "opens_hour": "02:30"}, "opens_hour"),
        ({"opens_hour": "25:00"}, "opens_hour"),
        ({"ends_on": "2026-02-30"}, "ends_on"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_typed_is_lost(officer, world, typed, wrong):
    before = len(world.campaigns)

    answer = officer.post("/console/campaigns/new", TYPED | DEEPER | typed)

    assert (answer.status_code, len(world.campaigns)) == (422, before)
    assert f'id="{wrong}-wrong"' in answer.text and f'href="#{wrong}"' in answer.text
    for name, text in (TYPED | DEEPER | typed).items():
        assert text in answer.text or name == wrong == "time_zone"


def test_what_the_service_holds_against_a_period_or_a_public_page_stands_beside_its_field(officer, world):
    here = only(world)
    world.next_problem = problem(422, "fields_refused", {"closes_at": ["Ends before it starts."]})
    assert 'id="closes_hour-wrong"' in officer.post(f"{here}/edit", TYPED).text

    world.next_problem = problem(409, "campaign_not_ready")
    world.next_problem.body["missing"] = ["story.en", "unit_name.fr"]
    page = officer.post(f"{here}/edit", TYPED).text
    assert 'id="story_en-wrong"' in page and 'id="unit_name_fr-wrong"' in page


def test_the_dashboard_keeps_what_came_before_apart(officer, world):
    page = text_of(officer.get(only(world, **START)).text)

    assert "87 640 € sur 120 000 €" in page
    assert "Avec 5 000 € d’avant l’ouverture, hors des comptes : 77 % de l’objectif." in page
    assert "412 et 40 avant l’ouverture" in page


def test_a_launch_sums_up_goals_units_and_until_when_one_may_still_pay(officer, world):
    units = UNITS | {"units_promised": 50}
    here = only(world, status="draft", launched_at=None, goal_donors=600, **START, **units)

    page = text_of(officer.get(f"{here}/launch").text)

    assert "120 000 € · 600 donateurs" in page.replace("Objectif ", "")
    assert "50 bourses à 200 € : 10 000 €" in page
    assert "L’objectif dépasse cette somme de 110 000 €." in page
    assert "jusqu’à 24 heures après" in page


def test_units_without_a_name_are_missing_before_the_launch(officer, world):
    nameless = UNITS | {"unit_name": {"fr": "bourses", "en": ""}}
    here = only(world, status="draft", launched_at=None, **nameless)

    assert f'href="{here}/edit#unit_name_en"' in officer.get(f"{here}/launch").text
