"""Activity: what happened since a moment, and a month by day, agree with the gifts themselves."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from services.giving import activity, checkouts, settlements
from services.giving.models import Transaction
from tests.giving import world
from tests.support.tokens import bearer

URL = "/api/v1/giving/activity"
YESTERDAY = world.NOW - timedelta(days=1)


def refund(gift):
    assert world.tell(gift, gift.event("refund.created")) == ["applied"]


def refuse(gift, at):
    """The bank said no, and the donor left it there."""
    with Transaction() as session:
        checkouts.decline(session, gift.checkout_id, code="insufficient_funds", at=at)
    with Transaction() as session:
        assert checkouts.end(session, gift.checkout_id, "expired", at=at) == "applied"


def test_gifts_refunds_and_refusals_since_a_moment_are_counted_in_all_campaigns(app):
    one, other = world.campaign(), world.campaign("amicale")
    long_ago = world.NOW - timedelta(days=5)
    old = world.settled(one, 1000, at=long_ago)
    world.settled(one, 2000)
    given_back = world.settled(other, 4000)
    refund(old)
    refund(given_back)
    disputed, parted = world.settled(one, 500), world.settled(one, 3000)
    world.tell(disputed, disputed.dispute())
    world.tell(parted, parted.part(1000))
    refuse(world.begin(one), world.NOW)
    refuse(world.begin(one), long_ago)
    world.begin(one)
    tries_on = world.begin(one)
    with Transaction() as session:
        checkouts.decline(session, tries_on.checkout_id, code="expired_card", at=world.NOW)

    answer = app.test_client().get(
        URL, query_string={"since": YESTERDAY.isoformat()}, headers=bearer(rights=["giving.read"])
    )

    assert answer.json == {
        "currency": "EUR",
        "gifts_count": 4,
        "gifts_minor": 9500,
        "refunds_count": 3,
        "refunds_minor": 6000,
        "disputes_count": 1,
        "disputes_minor": 500,
        "declined_count": 2,
    }


def test_a_refusal_counts_at_once_whatever_is_paid_after_it_and_so_does_a_debit_that_failed(app):
    campaign_id = world.campaign()
    paid_after, debit = world.begin(campaign_id), world.begin(campaign_id)
    with Transaction() as session:
        checkouts.decline(session, paid_after.checkout_id, code="expired_card", at=world.NOW)
    with Transaction() as session:
        assert settlements.settle(session, paid_after.paid, at=world.NOW) == "applied"
    with Transaction() as session:
        assert checkouts.end(session, debit.checkout_id, "failed", at=world.NOW) == "applied"

    seen = app.test_client().get(
        URL, query_string={"since": YESTERDAY.isoformat()}, headers=bearer(rights=["giving.read"])
    )

    assert seen.json["declined_count"] == 2


def test_refusals_are_found_by_their_time(giving):
    with Transaction() as session:
        session.execute(text("set local enable_seqscan = off"))
        wish = {"since": YESTERDAY, "currency": "EUR"}
        plan = "\n".join(session.execute(text(f"explain {activity.HAPPENED.text}"), wish).scalars())

    assert "ix_checkouts_declined" in plan


def test_a_form_that_was_left_is_no_refusal_of_a_bank(app):
    left = world.begin(world.campaign())
    with Transaction() as session:
        assert checkouts.end(session, left.checkout_id, "expired", at=world.NOW) == "applied"

    seen = app.test_client().get(
        URL, query_string={"since": YESTERDAY.isoformat()}, headers=bearer(rights=["giving.read"])
    )

    assert seen.json["declined_count"] == 0


def test_before_the_first_gift_nothing_happened(app):
    headers = bearer(rights=["giving.read"])

    seen = app.test_client().get(URL, query_string={"since": YESTERDAY.isoformat()}, headers=headers).json
    month = app.test_client().get(f"{URL}/month", headers=headers).json

    assert {seen[name] for name in seen if name != "currency"} == {0}
    assert (month["raised_minor"], month["previous_minor"], month["curve"]) == (0, 0, [])


def test_a_month_is_counted_by_days_where_the_school_is(giving):
    campaign_id = world.campaign(starts_on=date(2026, 1, 1))
    gifts = {
        datetime(2026, 9, 30, 21, 59, tzinfo=UTC): 1,  # the last minute of September in Paris
        datetime(2026, 9, 30, 22, 1, tzinfo=UTC): 20,  # the first of October
        datetime(2026, 10, 8, 9, 0, tzinfo=UTC): 300,
        datetime(2026, 10, 31, 23, 30, tzinfo=UTC): 4000,  # already the first of November
        datetime(2026, 11, 8, 22, 59, tzinfo=UTC): 50_000,
        datetime(2026, 11, 8, 23, 0, tzinfo=UTC): 60_000,  # tomorrow
    }
    for at, amount in gifts.items():
        world.settled(campaign_id, amount * 100, at=at)
    refund(world.settled(campaign_id, 7700, at=datetime(2026, 11, 2, tzinfo=UTC)))
    parted = world.settled(campaign_id, 9000, at=datetime(2026, 11, 3, 12, tzinfo=UTC))
    world.tell(parted, parted.part(8900))

    with Transaction() as session:
        seen = activity.month_of(session, date(2026, 11, 8))

    assert (seen["first"], seen["last"]) == (date(2026, 11, 1), date(2026, 11, 30))
    assert [(day["on"].day, day["day_minor"]) for day in seen["curve"]] == [
        (1, 400_000),
        (3, 100),
        (8, 5_000_000),
    ]
    assert seen["curve"][-1]["raised_minor"] == seen["raised_minor"] == 5_400_100
    assert seen["previous_minor"] == 32_000


def test_a_longer_month_is_compared_with_the_whole_of_a_shorter_one(giving):
    campaign_id = world.campaign(starts_on=date(2026, 1, 1))
    world.settled(campaign_id, 1000, at=datetime(2026, 2, 28, 12, tzinfo=UTC))
    world.settled(campaign_id, 2000, at=datetime(2026, 3, 1, 12, tzinfo=UTC))

    with Transaction() as session:
        seen = activity.month_of(session, date(2026, 3, 31))

    assert (seen["previous_minor"], seen["raised_minor"]) == (1000, 2000)


@pytest.mark.parametrize("since", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_moment_has_its_zone(app, since):
    answer = app.test_client().get(URL, query_string={"since": since}, headers=bearer(rights=["giving.read"]))

    assert answer.status_code == 422
