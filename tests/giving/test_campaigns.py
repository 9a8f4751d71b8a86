"""Campaigns: drafts that nobody sees, launches that are said once, figures that agree."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import settlements
from services.giving.models import Campaign, Donor, Fund, Transaction
from services.giving.models.campaigns import CampaignNotLive
from tests.giving import world
from tests.support.tokens import bearer

URL = "/api/v1/giving/campaigns"
READ = ["giving.read"]


def fund_id():
    with Transaction() as session:
        return str(session.query(Fund).first().id)


def wish(**changed):
    words = {"fr": "Des mots", "en": "Some words"}
    return {
        "slug": "un-orchestre",
        "fund_id": fund_id(),
        **dict.fromkeys(("title", "summary", "story", "surplus_use"), words),
        "goal_minor": 1_000_000,
        "starts_on": "2026-01-01",
        "ends_on": "2036-01-01",
        "suggested_minor": [5000],
        "picture": "music",
        **changed,
    }


def said(kind):
    with Transaction() as session:
        return session.execute(
            text("select count(*) from outbox where type = :kind"), {"kind": kind}
        ).scalar_one()


def test_a_draft_is_seen_by_staff_only_until_its_launch(app, staff):
    world.campaign()
    drafted = staff("post", "", wish())
    assert (drafted.status_code, drafted.json["status"]) == (201, "draft")
    public = app.test_client()
    assert public.get(f"{URL}/un-orchestre").status_code == 404
    assert public.get(f"{URL}/un-orchestre/total").status_code == 404
    assert len(public.get(f"{URL}?status=draft").json["items"]) == 0

    assert staff("post", f"/{drafted.json['id']}/launches").status_code == 201
    assert staff("post", f"/{drafted.json['id']}/launches").status_code == 201

    assert public.get(f"{URL}/un-orchestre").json["status"] == "live"
    assert said("campaign.launched") == 2


def test_who_writes_campaigns_and_may_not_read_them_is_not_shown_a_draft(app, staff):
    world.campaign()
    drafted = staff("post", "", wish()).json
    writer = bearer(rights=["giving.manage"])

    changed = app.test_client().patch(f"{URL}/{drafted['id']}", json={}, headers=writer)

    assert changed.json == drafted == {"id": drafted["id"], "status": "draft"}
    assert app.test_client().get(f"{URL}/{drafted['id']}", headers=writer).status_code == 404


def test_a_closed_campaign_takes_no_gifts_and_keeps_its_page(app, staff):
    campaign_id = world.campaign()
    world.settled(campaign_id, 5000)

    closed = staff("post", f"/{campaign_id}/closures")
    again = staff("post", f"/{campaign_id}/closures")

    assert (closed.status_code, closed.json["status"]) == (201, "closed")
    assert again.json["closed_at"] == closed.json["closed_at"] is not None
    with pytest.raises(CampaignNotLive):
        world.begin(campaign_id)
    public = app.test_client()
    assert public.get(f"{URL}/{campaign_id}").json["raised_minor"] == 5000
    assert _ids(public.get(f"{URL}?status=live")) == []
    assert _ids(public.get(f"{URL}?status=closed")) == [str(campaign_id)]


def test_a_gift_whose_payment_page_was_open_at_the_closure_still_counts(app, staff):
    campaign_id = world.campaign()
    gift = world.begin(campaign_id, 7000)
    staff("post", f"/{campaign_id}/closures")

    with Transaction() as session:
        assert settlements.settle(session, gift.paid, at=world.NOW) == "applied"

    assert app.test_client().get(f"{URL}/{campaign_id}/total").json["raised_minor"] == 7000


def test_a_closed_campaign_opens_again_while_its_dates_allow_it(staff):
    campaign_id = world.campaign()
    staff("post", f"/{campaign_id}/closures")

    reopened = staff("post", f"/{campaign_id}/reopenings")

    assert (reopened.status_code, reopened.json["status"], reopened.json["closed_at"]) == (201, "live", None)
    world.begin(campaign_id)

    staff("patch", f"/{campaign_id}", {"starts_on": "2020-01-01", "ends_on": "2020-02-01"})
    over = staff("post", f"/{campaign_id}/reopenings")
    assert (over.status_code, over.json["code"]) == (409, "campaign_over")


def test_closing_and_opening_again_are_in_the_audit_trail_and_told_to_nobody(staff):
    campaign_id = world.campaign()
    told = said("campaign.launched")

    for decision in ("closures", "closures", "reopenings", "reopenings"):
        staff("post", f"/{campaign_id}/{decision}")

    with Transaction() as session:
        noted = session.execute(text("select action from audit_entries order by number")).scalars().all()
        facts = session.execute(text("select count(*) from outbox")).scalar_one()
    assert noted[-2:] == ["campaign.closed", "campaign.reopened"]
    assert facts == told == 1


def test_a_draft_is_not_closed_and_one_whose_last_day_has_passed_is_not_launched(staff):
    world.campaign()
    drafted = staff("post", "", wish(ends_on="2026-01-02")).json

    assert staff("post", f"/{drafted['id']}/closures").json["code"] == "campaign_not_launched"
    assert staff("post", f"/{drafted['id']}/reopenings").json["code"] == "campaign_not_launched"
    assert staff("post", f"/{drafted['id']}/launches").json["code"] == "campaign_over"


def test_what_is_not_live_or_begins_today_has_no_pace(app, staff):
    live, later = world.campaign(), world.campaign(starts_on=world.NOW.date() + timedelta(days=9))
    begun = world.campaign(starts_on=world.NOW.date())
    drafted = staff("post", "", wish()).json["id"]
    closed = world.campaign()
    staff("post", f"/{closed}/closures")

    def pace(campaign_id):
        return staff("get", f"/{campaign_id}/dashboard").json["expected_minor"]

    assert pace(live) is not None
    assert [pace(each) for each in (later, begun, drafted, closed)] == [None] * 4


def _ids(answer):
    return [each["id"] for each in answer.json["items"]]


def test_the_same_draft_again_is_the_same_campaign_whatever_it_has_become(staff, app):
    world.campaign()
    key = {"Idempotency-Key": str(uuid4())}
    first = staff("post", "", wish(), **key)
    assert staff("patch", f"/{first.json['id']}", {"goal_minor": 500_000}).status_code == 200

    second = staff("post", "", wish(), **key)

    assert first.json == second.json and first.status_code == second.status_code == 201
    for other in ({"slug": "deux"}, {"goal_minor": 500_000}):
        refused = staff("post", "", wish(**other), **key)
        assert (refused.status_code, refused.json["code"]) == (422, "key_reused")
    with Transaction() as session:
        assert session.query(Campaign).filter(Campaign.idempotency_key.is_not(None)).count() == 1


def test_an_address_is_that_of_one_campaign(staff, app):
    world.campaign()
    assert staff("post", "", wish()).status_code == 201

    assert staff("post", "", wish(goal_minor=5)).status_code == 422
    for other in (wish(), wish(goal_minor=500_000)):
        taken = staff("post", "", other)
        assert (taken.status_code, taken.json["code"]) == (409, "campaign_taken")


@pytest.mark.parametrize(
    "changed",
    [
        {"ends_on": "2025-01-01"},
        {"goal_minor": 0},
        {"slug": "Pas une adresse"},
        {"suggested_minor": [1]},
        {"fund_id": str(uuid4())},
        {"launched_at": "2026-01-01"},
    ],
)
def test_a_campaign_that_cannot_be_is_refused_with_its_field(staff, changed):
    world.campaign()

    answer = staff("post", "", wish(**changed))

    assert (answer.status_code, answer.json["code"]) == (422, answer.json["code"])
    assert next(iter(answer.json["errors"])).split(".")[0] == next(iter(changed))


def test_a_campaign_without_words_in_both_languages_does_not_go_live(staff):
    world.campaign()
    drafted = staff("post", "", wish(surplus_use={"fr": "Le surplus …", "en": " "})).json

    answer = staff("post", f"/{drafted['id']}/launches")

    assert (answer.status_code, answer.json["code"]) == (409, "campaign_not_ready")


def test_who_receives_stands_for_good_once_donors_were_told(staff):
    launched, other = world.campaign(), world.campaign("amicale")
    with Transaction() as session:
        elsewhere = str(session.get_one(Campaign, other).fund_id)

    answer = staff("patch", f"/{launched}", {"fund_id": elsewhere})
    changed = staff("patch", f"/{launched}", {"goal_minor": 700_000, "currency": "EUR"})

    assert (answer.status_code, answer.json["code"]) == (409, "launched_campaign_fixed")
    assert changed.status_code == 200
    assert staff("get", f"/{launched}").json["goal_minor"] == 700_000


def test_tax_is_shown_only_where_receipts_can_be_issued(app, tax_rate):
    foundation = world.campaign()
    association = world.campaign("amicale", can_issue_receipts=False)

    shown = [app.test_client().get(f"{URL}/{each}").json["tax"] for each in (foundation, association)]

    assert shown == [{"rate_percent": 66.0, "ceiling_percent": 20.0}, None]


def test_an_unchanged_total_is_a_304(app):
    campaign_id = world.campaign()
    public = app.test_client()
    first = public.get(f"{URL}/{campaign_id}/total")

    same = public.get(f"{URL}/{campaign_id}/total", headers={"If-None-Match": first.headers["ETag"]})
    world.settled(campaign_id)
    other = public.get(f"{URL}/{campaign_id}/total", headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, other.status_code) == (304, 200)
    assert other.json["raised_minor"] == 5000


def test_the_goal_is_said_once_even_when_refunds_bring_it_down_and_up_again(giving):
    campaign_id = world.campaign(goal_minor=10_000)
    world.settled(campaign_id, 6000)
    assert said("campaign.goal_reached") == 0

    world.settled(campaign_id, 6000)
    with Transaction() as session:
        session.execute(text("update campaign_totals set raised_minor = 1"))
    world.settled(campaign_id, 60_000)

    assert said("campaign.goal_reached") == 1


def test_two_gifts_at_once_reach_the_goal_once(giving):
    from concurrent.futures import ThreadPoolExecutor

    campaign_id = world.campaign(goal_minor=10_000)
    gifts = [world.begin(campaign_id, 9000, email=f"p{n}@example.org") for n in range(8)]

    def settle(gift):
        with Transaction() as session:
            return settlements.settle(session, gift.paid, at=world.NOW)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(settle, gifts)) == ["applied"] * 8

    assert said("campaign.goal_reached") == 1


def test_figures_of_the_dashboard_agree_with_each_other(app):
    campaign_id, earlier = world.campaign(goal_minor=91_000), world.campaign()
    person_id = uuid4()
    with Transaction() as session:
        session.add(
            Donor(id=person_id, person_id=person_id, version=1, given_name="Zoé", class_year=2009,
                  email="z@example.org", contactable=True, created_at=world.NOW)
        )  # fmt: skip
        session.add(
            Donor(
                id=uuid4(),
                person_id=uuid4(),
                version=1,
                class_year=2009,
                contactable=True,
                created_at=world.NOW,
            )
        )
    world.settled(earlier, by=person_id, at=world.NOW - timedelta(days=3))
    world.settled(campaign_id, 3000, by=person_id, at=world.NOW - timedelta(days=2))
    world.settled(campaign_id, 5000, at=world.NOW - timedelta(days=1))
    world.settled(campaign_id, 10_001)

    seen = app.test_client().get(f"{URL}/{campaign_id}/dashboard", headers=bearer(rights=READ)).json

    assert (seen["raised_minor"], seen["donations_count"], seen["donors_count"]) == (18_001, 3, 2)
    assert seen["first_time_donors_count"] == 1
    assert seen["median_minor"] == 5000
    assert (
        abs(seen["mean_per_donor_minor"] * seen["donors_count"] - seen["raised_minor"])
        <= seen["donors_count"]
    )
    assert seen["curve"][-1]["raised_minor"] == seen["raised_minor"]
    assert sum(day["day_minor"] for day in seen["curve"]) == seen["raised_minor"]
    assert seen["participation"] == [{"class_year": 2009, "donors": 1, "reachable": 2}]
    assert len(seen["latest"]) == 3
    assert seen["campaign"]["id"] == str(campaign_id)


def test_an_empty_campaign_has_a_dashboard_too(app):
    seen = app.test_client().get(f"{URL}/{world.campaign()}/dashboard", headers=bearer(rights=READ)).json

    assert (seen["median_minor"], seen["mean_per_donor_minor"], seen["curve"], seen["latest"]) == (
        None,
        None,
        [],
        [],
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 9, 30), 0),
        (date(2026, 10, 1), 1000),
        (date(2026, 10, 5), 5000),
        (date(2027, 1, 1), 10_000),
    ],
)
def test_the_expected_pace_is_linear_and_counts_whole_days(day, expected):
    campaign = Campaign(goal_minor=10_000, starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 10))

    assert campaign.expected_minor(day) == expected


@pytest.mark.parametrize("path", ["/entities", "/funds", "/findings", "/donations", "/campaigns/x/dashboard"])
def test_lists_for_staff_are_for_staff(app, path):
    public = app.test_client()
    assert public.get(f"/api/v1/giving{path}").status_code == 401
    assert public.get(f"/api/v1/giving{path}", headers=bearer(rights=["people.read"])).status_code == 403


def test_entities_and_funds_are_listed_by_name(app):
    world.campaign()
    world.campaign("amicale")

    client = app.test_client()
    found = client.get("/api/v1/giving/entities", headers=bearer(rights=READ)).json["items"]
    assert [each["slug"] for each in found] == [
        "amicale",
        "fondation",
    ]
    assert len(client.get("/api/v1/giving/funds", headers=bearer(rights=READ)).json["items"]) == 2


@pytest.mark.parametrize(
    "path", ["/" + "9" * 4000, "/nothing-here", "/?limit=1000000", "/?after=forged", "/?status=secret"]
)
def test_addresses_that_lead_nowhere_are_4xx(app, path):
    status = app.test_client().get(URL + path.replace("/?", "?")).status_code
    assert status == (422 if "?" in path else 404)
