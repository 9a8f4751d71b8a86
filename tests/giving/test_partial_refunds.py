"""Parts of a gift go back, several times, and never more than is left of it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.giving import gift_changes, walls
from services.giving.drift import drift_check
from services.giving.models import CampaignTotal, Donation, Transaction
from tests.giving import world
from tests.giving.test_refunds import ask, count, given_back
from tests.support.tokens import bearer


def numbers(campaign_id):
    """(raised, gifts, donors), after the drift check."""
    with Transaction() as session:
        assert drift_check(session) == []
        total = session.get_one(CampaignTotal, campaign_id)
        return total.raised_minor, total.donations_count, total.donors_count


def shown(school, begun):
    headers = bearer(rights=["giving.read"])
    return school.client.get(f"/api/v1/giving/donations/{begun['id']}", headers=headers).json


def test_a_gift_goes_back_in_parts_and_counts_until_nothing_is_left(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)

    assert ask(school, begun, amount_minor=2000).json["amount_minor"] == 2000
    school.provider.settle()
    assert numbers(campaign_id) == (3000, 1, 1)
    seen = shown(school, begun)
    assert (seen["status"], seen["standing"], seen["refunded_minor"]) == ("settled", "received", 2000)
    assert seen["refunded_at"] is None
    assert seen["net_minor"] is None or seen["net_minor"] == 3000 - seen["fee_minor"]

    assert ask(school, begun).json["amount_minor"] == 3000
    school.provider.settle()
    assert numbers(campaign_id) == (0, 0, 0)
    seen = shown(school, begun)
    assert (seen["status"], seen["refunded_minor"], given_back(school)) == ("refunded", 5000, 5000)
    with Transaction() as session:
        news = text("select payload::jsonb from outbox where type = 'donation.refunded' order by position")
        told = [(each["refund_minor"], each["refunded_minor"]) for each in session.execute(news).scalars()]
    assert told == [(2000, 2000), (3000, 5000)]


@pytest.mark.parametrize("amount", [0, -1, 1.5, "10", True, None, 9223372036854775808])
def test_an_amount_that_cannot_be_is_refused(school, amount):
    answer = ask(school, school.given(world.campaign()), amount_minor=amount)

    assert (answer.status_code, list(answer.json["errors"])) == (422, ["amount_minor"])
    assert count("refunds") == 0


def test_no_more_goes_back_than_is_left_of_what_was_asked_for_already(school):
    begun = school.given(world.campaign())
    school.provider.switch(api_fail_percent=100)
    assert ask(school, begun, amount_minor=2000).status_code == 503

    answer = ask(school, begun, amount_minor=3001)

    assert (answer.status_code, answer.json["code"]) == (422, "refund_too_large")
    assert answer.json["left_minor"] == 3000
    assert ask(school, begun, amount_minor=3000).status_code == 503
    assert ask(school, begun).json["code"] == "refund_under_way"
    assert count("refunds") == 2


def test_a_gift_given_back_whole_has_nothing_more_to_give(school):
    begun = school.given(world.campaign())
    assert ask(school, begun).status_code == 201

    assert ask(school, begun, amount_minor=1).json["code"] == "donation_not_settled"


def test_the_same_key_is_one_refund_whatever_is_left_since(school):
    begun, key = school.given(world.campaign()), str(uuid4())
    staff = bearer(rights=["giving.refund"])

    first = ask(school, begun, key=key, headers=staff, amount_minor=3000)
    again = ask(school, begun, key=key, headers=staff, amount_minor=3000)
    other = ask(school, begun, key=key, headers=staff, amount_minor=2000)

    assert first.json["id"] == again.json["id"]
    assert (other.status_code, other.json["code"]) == (422, "key_reused")


@pytest.mark.parametrize("column", ["refunded_minor", "disputed_minor"])
def test_the_database_refuses_more_than_was_given(giving, column):
    gift = world.settled(world.campaign())

    for wrong in (5001, -1):
        with pytest.raises(IntegrityError), Transaction() as session:
            session.execute(text(f"update donations set {column} = :wrong where id = :id"),
                            {"wrong": wrong, "id": gift.id})  # fmt: skip


def test_of_a_gift_partly_given_back_the_wall_shows_what_is_left(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)
    world.tell(gift, gift.part(1500))
    with Transaction() as session:
        session.get_one(Donation, gift.id).choose_wall(shows_name=True, shows_amount=True, at=world.NOW)

    with Transaction() as session:
        assert [each["amount_minor"] for each in walls.latest(session, campaign_id, most=5)] == [3500]


def test_a_donor_whose_refund_came_back_counts_since_their_first_gift(giving):
    campaign_id = world.campaign()
    first = world.settled(campaign_id, 1000, at=world.NOW - timedelta(days=3))
    world.tell(first, first.event("refund.created"))
    world.settled(campaign_id, 2000)
    assert numbers(campaign_id) == (2000, 1, 1)

    back = first.event("refund.created", status="failed")
    assert world.tell(first, back, back) == ["applied", "repeated"]

    assert numbers(campaign_id) == (3000, 2, 1)
    with Transaction() as session:
        since = session.execute(text("select first_at from campaign_donors")).scalar_one()
    assert since == world.NOW - timedelta(days=3)


def test_what_the_code_of_before_refunded_whole_is_filled_in(giving):
    gift, other = world.settled(world.campaign()), world.settled(world.campaign())
    with Transaction() as session:
        session.execute(text("update donations set refunded_at = now() where id = :id"), {"id": gift.id})

    with Transaction() as session:
        assert gift_changes.fill_refunded(session) == 1
        assert gift_changes.fill_refunded(session) == 0

    assert (world.state(gift).refunded_minor, world.state(other).refunded_minor) == (5000, 0)


def test_drift_is_found_when_what_went_back_is_not_what_the_books_say(giving):
    gift = world.settled(world.campaign())
    world.tell(gift, gift.event(payment_intent="pi_second"))
    with Transaction() as session:
        session.execute(text("update donations set refunded_minor = 100, disputed_minor = 200"))
        session.execute(text("update surpluses set refunded_minor = 300"))

    with Transaction() as session:
        found = {each.figure: (each.stands, each.should) for each in drift_check(session)}

    assert found == {
        "raised_minor (gifts)": (5000, 4700),
        "refunded_minor (ledger)": (100, 0),
        "refunded_minor (refunds)": (100, 0),
        "disputed_minor (ledger)": (200, 0),
        "disputed_minor (disputes)": (200, 0),
        "surplus (ledger)": (4700, 5000),
    }
