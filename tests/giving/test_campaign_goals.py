"""Goals: in money, in donors or both; what came before the start counts towards them, and nowhere else."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from services.giving import settlements
from services.giving.drift import drift_check
from services.giving.models import Transaction
from tests.giving import world
from tests.giving.test_campaigns import said, wish


def reached():
    return said("campaign.goal_reached")


def payload_of(session, kind):
    """What the one message of a kind says."""
    told = session.execute(text("select payload from outbox where type = :kind"), {"kind": kind}).scalar_one()
    return json.loads(told)


def test_what_came_before_the_start_counts_towards_the_goal_and_stands_in_no_book(giving, staff):
    campaign_id = world.campaign(goal_minor=10_000, start_minor=6000, start_donors=3)

    world.settled(campaign_id, 3999)
    assert reached() == 0
    world.settled(campaign_id, 100)

    assert reached() == 1
    total = staff("get", f"/{campaign_id}/total").json
    assert (total["raised_minor"], total["donors_count"]) == (4099, 1)
    assert (total["start_minor"], total["start_donors"]) == (6000, 3)
    seen = staff("get", f"/{campaign_id}/dashboard").json
    assert (seen["raised_minor"], seen["start_minor"], seen["donors_count"]) == (4099, 6000, 1)
    with Transaction() as session:
        assert drift_check(session) == []
        told = payload_of(session, "campaign.goal_reached")
    assert (told["raised_minor"], told["start_minor"]) == (4099, 6000)
    assert (told["donors_count"], told["start_donors"]) == (1, 3)


def test_without_a_goal_in_money_the_one_in_donors_is_reached_by_people_not_by_gifts(giving):
    campaign_id = world.campaign(goal_minor=0, goal_donors=3, start_donors=1)

    world.settled(campaign_id, 1_000_000, email="one@example.org")
    assert reached() == 0
    world.settled(campaign_id, 100, email="two@example.org")

    assert reached() == 1


def test_with_both_goals_the_one_in_money_is_said(giving):
    campaign_id = world.campaign(goal_minor=10_000, goal_donors=1)

    world.settled(campaign_id, 9_999)
    assert reached() == 0
    world.settled(campaign_id, 100)
    assert reached() == 1


def test_gifts_at_once_reach_a_goal_with_a_start_once(giving):
    campaign_id = world.campaign(goal_minor=10_000, start_minor=9_000)
    gifts = [world.begin(campaign_id, 400, email=f"p{n}@example.org") for n in range(8)]

    def settle(gift):
        with Transaction() as session:
            return settlements.settle(session, gift.paid, at=world.NOW)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(settle, gifts)) == ["applied"] * 8

    assert reached() == 1


def test_a_goal_brought_down_is_said_with_the_next_gift_and_once(giving, staff):
    campaign_id = world.campaign(goal_minor=100_000)
    world.settled(campaign_id, 5000)

    staff("patch", f"/{campaign_id}", {"goal_minor": 4000})
    assert reached() == 0
    world.settled(campaign_id, 100)
    world.settled(campaign_id, 100)

    assert reached() == 1


def test_gifts_are_paced_for_what_is_left_of_the_goal(giving, staff):
    whole, rest = (
        world.campaign(goal_minor=10_000_000),
        world.campaign(goal_minor=20_000_000, start_minor=10_000_000),
    )
    in_donors = world.campaign(goal_minor=0, goal_donors=10)

    def pace(campaign_id):
        return staff("get", f"/{campaign_id}/dashboard").json["expected_minor"]

    assert pace(whole) == pace(rest) > 0
    assert pace(in_donors) is None


def test_a_launch_says_goals_start_and_until_when(giving):
    world.campaign(goal_minor=0, goal_donors=600, start_donors=12, time_zone="America/New_York")

    with Transaction() as session:
        launched = payload_of(session, "campaign.launched")

    assert (launched["goal_minor"], launched["goal_donors"], launched["start_donors"]) == (0, 600, 12)
    assert (launched["time_zone"], launched["closes_at"][:16]) == ("America/New_York", "2200-01-01T05:00")


UNITS = {"unit_minor": 20_000, "units_promised": 50, "unit_name": {"fr": "bourses", "en": "grants"}}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"goal_minor": 0}, "goal_minor"),
        ({"goal_minor": 0, "goal_donors": 0}, "goal_minor"),
        ({"goal_minor": 99}, "goal_minor"),
        ({"goal_donors": -1}, "goal_donors"),
        ({"goal_donors": 1.5}, "goal_donors"),
        ({"goal_donors": "600"}, "goal_donors"),
        ({"start_minor": -1}, "start_minor"),
        ({"start_minor": 9223372036854775808}, "start_minor"),
        ({"start_donors": True}, "start_donors"),
        (UNITS | {"units_promised": 51}, "units_promised"),
        (UNITS | {"units_promised": 0}, "units_promised"),
        (UNITS | {"unit_minor": 0}, "unit_minor"),
        (UNITS | {"goal_minor": 0, "goal_donors": 600}, "units_promised"),
        (UNITS | {"unit_name": {"fr": "x" * 61, "en": "grants"}}, "unit_name.fr"),
    ],
)
def test_a_goal_that_cannot_be_is_refused_with_its_field_when_written_and_when_changed(staff, changed, wrong):
    campaign_id = world.campaign()

    for answer in (staff("post", "", wish(**changed)), staff("patch", f"/{campaign_id}", changed)):
        assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])


def test_units_that_the_goal_pays_for_are_kept_and_their_name_is_needed_in_both_languages(staff):
    world.campaign()
    named = staff("post", "", wish(**UNITS)).json["id"]
    nameless = staff("post", "", wish(slug="deux", **UNITS | {"unit_name": {"fr": "bourses", "en": ""}})).json

    refused = staff("post", f"/{nameless['id']}/launches")

    assert staff("post", f"/{named}/launches").json["units_promised"] == 50
    assert (refused.status_code, refused.json["code"]) == (409, "campaign_not_ready")
    assert refused.json["missing"] == ["unit_name.en"]
