"""Periods: days and moments in the campaign's own time zone, when its clocks change too."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from services.giving import periods, settlements
from services.giving.models import Campaign, Transaction
from services.giving.models.campaigns import CampaignNotLive
from tests.giving import world
from tests.giving.test_campaigns import wish


@pytest.mark.parametrize(
    ("zone", "first", "last", "opens", "closes"),
    [
        ("Europe/Paris", "2026-12-01", "2026-12-31", "2026-11-30T23:00", "2026-12-31T23:00"),
        ("Europe/Paris", "2026-03-01", "2026-03-29", "2026-02-28T23:00", "2026-03-29T22:00"),  # spring
        ("Europe/Paris", "2026-10-25", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours long
        ("America/Montreal", "2026-12-01", "2026-12-31", "2026-12-01T05:00", "2027-01-01T05:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),  # no midnight
        ("Pacific/Apia", "2026-12-31", "2026-12-31", "2026-12-30T11:00", "2026-12-31T11:00"),
    ],
)
def test_days_are_whole_in_the_zone_of_the_campaign(staff, zone, first, last, opens, closes):
    world.campaign()
    wished = wish(starts_on=first, ends_on=last, time_zone=zone)

    made = staff("post", "", wished).json["id"]

    shown = staff("get", f"/{made}").json
    assert (shown["opens_at"][:16], shown["closes_at"][:16]) == (opens, closes)
    assert (shown["starts_on"], shown["ends_on"], shown["time_zone"]) == (first, last, zone)


def test_moments_are_kept_and_their_days_follow(staff):
    campaign_id = world.campaign()
    told = {"opens_at": "2026-12-01T08:00:00Z", "closes_at": "2026-12-24T03:00:00+00:00"}

    assert staff("patch", f"/{campaign_id}", told | {"time_zone": "America/New_York"}).status_code == 200

    shown = staff("get", f"/{campaign_id}").json
    assert shown["opens_at"].startswith("2026-12-01T08:00") and shown["closes_at"].startswith(
        "2026-12-24T03:00"
    )
    assert (shown["starts_on"], shown["ends_on"]) == ("2026-12-01", "2026-12-23")
    staff("patch", f"/{campaign_id}", {"time_zone": "Europe/Paris"})
    moved = staff("get", f"/{campaign_id}").json
    assert (moved["closes_at"], moved["ends_on"]) == (shown["closes_at"], "2026-12-24")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"ends_on": "2025-12-31"}, "ends_on"),
        ({"starts_on": "2026-02-30"}, "starts_on"),
        ({"ends_on": "9999-12-31"}, "ends_on"),
        ({"time_zone": "Europe/Valmont"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "Factory"}, "time_zone"),
        ({"opens_at": "2026-01-01T00:00:00Z"}, "opens_at"),
        ({"closes_at": "2030-01-01T00:00:00"}, "closes_at"),
    ],
)
def test_a_period_that_cannot_be_is_refused_with_its_field(staff, changed, wrong):
    world.campaign()

    answer = staff("post", "", wish(**changed))

    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])


def test_a_first_and_a_last_day_or_moment_are_needed(staff):
    world.campaign()
    wished = {name: value for name, value in wish().items() if name not in ("starts_on", "ends_on")}

    for told, wrong in (({}, "starts_on"), ({"opens_at": "2026-12-01T08:00:00Z"}, "ends_on")):
        answer = staff("post", "", wished | told)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])
    same = {"opens_at": "2026-12-01T08:00:00Z", "closes_at": "2026-12-01T08:00:00Z"}
    assert list(staff("post", "", wished | same).json["errors"]) == ["closes_at"]


def test_gifts_are_taken_from_the_first_moment_to_the_last_and_not_a_moment_more(giving):
    opens = datetime(2026, 12, 1, 8, tzinfo=UTC)
    closes = datetime(2026, 12, 24, 3, tzinfo=UTC)
    campaign = Campaign(launched_at=opens, **periods.of({"opens_at": opens, "closes_at": closes}))
    tick = timedelta(microseconds=1)

    taken = [campaign.is_open(at) for at in (opens - tick, opens, closes - tick, closes)]

    assert taken == [False, True, True, False]
    assert [campaign.status(at) for at in (opens - tick, closes)] == ["live", "closed"]


def test_lists_tell_the_live_from_the_closed_by_the_moment(giving, staff):
    begun = world.NOW - timedelta(days=9)
    over = world.campaign(opens_at=begun, closes_at=world.NOW + timedelta(microseconds=1))
    live = world.campaign(opens_at=begun, closes_at=world.NOW + timedelta(hours=9))

    def listed(status):
        return [each["id"] for each in staff("get", f"?status={status}").json["items"]]

    assert (listed("live"), listed("closed")) == ([str(live)], [str(over)])


def test_a_gift_begun_before_the_end_is_still_paid_after_it_and_no_other_is_begun(giving):
    closes = world.NOW + timedelta(hours=1)
    campaign_id = world.campaign(closes_at=closes, opens_at=world.NOW - timedelta(days=1))
    gift = world.begin(campaign_id, 7000, at=closes - timedelta(minutes=1))

    with Transaction() as session:
        assert settlements.settle(session, gift.paid, at=closes + timedelta(hours=23)) == "applied"

    with pytest.raises(CampaignNotLive):
        world.begin(campaign_id, at=closes)


def test_a_page_opened_before_the_end_is_found_again_after_it_and_no_new_one_is_opened(school):
    campaign_id = world.campaign()
    begun, late = school.give(campaign_id), school.give(campaign_id, email="late@example.org")
    with school.owner() as owner:
        owner.execute("update campaigns set closes_at = now()")
        owner.execute("update checkouts set expires_at = now() where donation_id = %s", [late["id"]])

    def links(gift, what=""):
        key = {"Idempotency-Key": "once-again"} if what else {}
        method = "POST" if what else "GET"
        return school.client.open(
            f"/api/v1/giving/gift-links/{gift['link']}{what}", method=method, headers=key
        )

    assert links(begun).json["can_retry"] and not links(late).json["can_retry"]
    assert links(begun, "/checkouts").json["checkout_url"] == begun["checkout_url"]
    refused = links(late, "/checkouts")
    assert (refused.status_code, refused.json["code"]) == (409, "campaign_not_live")


def test_days_written_by_the_code_of_before_move_the_moments(giving, giving_database):
    campaign_id = world.campaign()
    with psycopg.connect(giving_database.owner_url, autocommit=True) as before:
        before.execute(
            "update campaigns set starts_on = '2026-06-01', ends_on = '2026-07-01' where id = %s",
            [campaign_id],
        )

    with Transaction() as session:
        found = session.get_one(Campaign, campaign_id)
        assert (found.opens_at.isoformat()[:16], found.closes_at.isoformat()[:16]) == (
            "2026-05-31T22:00",
            "2026-07-01T22:00",
        )


def test_a_campaign_written_by_the_code_of_before_has_its_moments(giving):
    campaign_id = world.campaign()
    columns = (
        "entity_id, fund_id, title, summary, story, surplus_use, goal_minor, currency, starts_on, ends_on,"
        " suggested_minor, picture, created_at"
    )
    with Transaction() as session:
        session.execute(
            text(
                f"insert into campaigns (id, slug, {columns}) select gen_random_uuid(), 'before', {columns}"
                " from campaigns where id = :id"
            ),
            {"id": campaign_id},
        )
        found = session.query(Campaign).filter_by(slug="before").one()

        assert found.closes_at == datetime(2199, 12, 31, 23, tzinfo=UTC)
        assert (found.goal_donors, found.start_minor, found.time_zone) == (0, 0, "Europe/Paris")


def test_a_day_is_that_of_the_campaign(giving):
    campaign = Campaign(time_zone="Pacific/Auckland")

    assert campaign.today(datetime(2026, 12, 31, 12, tzinfo=UTC)) == date(2027, 1, 1)
