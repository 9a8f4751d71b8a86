"""A donor's bank takes a gift back: books, totals and news follow, in whichever order it is told."""

import hashlib
from itertools import permutations

import pytest
from sqlalchemy import text

from services.giving import provider_events
from services.giving.drift import drift_check
from services.giving.models import CampaignTotal, Dispute, Donation, Finding, LedgerEntry, Transaction
from tests.giving import world
from tests.giving.test_partial_refunds import numbers, shown
from tests.giving.test_refunds import ask, count
from tests.support.scale import SCALE
from tests.support.tokens import bearer


def dispute():
    with Transaction() as session:
        return session.query(Dispute).one()


def test_a_dispute_that_is_lost_takes_gift_and_fee_for_good(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    assert world.tell(gift, gift.dispute()) == ["applied"]
    assert numbers(campaign_id) == (0, 0, 0)
    assert (world.state(gift).status, dispute().status) == ("disputed", "opened")

    assert world.tell(gift, gift.dispute("under_review")) == ["ignored"]
    assert world.tell(gift, gift.dispute("lost")) == ["applied"]
    assert (world.state(gift).status, dispute().status, dispute().fee_minor) == ("disputed", "lost", 2000)
    assert books() == {"provider": -2000, "gifts": -5000, "disputes": 5000, "fees": 2000}
    assert said() == [("opened", 5000), ("lost", 5000)]


def test_a_dispute_that_is_won_gives_the_gift_again_but_not_the_fee(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    world.tell(gift, gift.dispute(), gift.dispute("won"))

    assert numbers(campaign_id) == (5000, 1, 1)
    assert (world.state(gift).status, dispute().status) == ("settled", "won")
    assert books() == {"provider": 3000, "gifts": -5000, "disputes": 0, "fees": 2000}
    assert said() == [("opened", 5000), ("won", 0)]


def test_a_question_of_the_bank_takes_nothing(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    world.tell(gift, gift.dispute("warning_needs_response"))
    assert (numbers(campaign_id), world.state(gift).status) == ((5000, 1, 1), "settled")
    world.tell(gift, gift.dispute("warning_closed"))

    assert dispute().status == "won"
    assert said() == [("opened", 0), ("won", 0)]


def books():
    with Transaction() as session:
        sums = text("select account, sum(debit_minor - credit_minor) from ledger_entries group by 1")
        return {account: int(minor) for account, minor in session.execute(sums)}


def said():
    with Transaction() as session:
        news = text("select payload::jsonb from outbox where type = 'donation.disputed' order by position")
        told = list(session.execute(news).scalars())
    assert all("contact" not in each for each in told)
    return [(each["status"], each["disputed_minor"]) for each in told]


def test_of_a_gift_partly_given_back_the_bank_takes_the_rest(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    world.tell(gift, gift.part(2000), gift.dispute(minor=3000))
    assert (numbers(campaign_id), world.state(gift).status) == ((0, 0, 0), "disputed")
    world.tell(gift, gift.dispute("won", 3000))

    assert (numbers(campaign_id), world.state(gift).status) == ((3000, 1, 1), "settled")


def test_a_bank_that_takes_more_than_is_left_is_a_finding_and_changes_nothing(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    assert world.tell(gift, gift.part(2000), gift.dispute()) == ["applied", "mismatch"]

    assert numbers(campaign_id) == (3000, 1, 1)
    with Transaction() as session:
        assert [each.kind for each in session.query(Finding)] == ["dispute_differs"]


@pytest.mark.parametrize("wrong", [{"amount": None}, {"balance_transactions": [{}]}, {"created": "x"}])
def test_a_dispute_that_cannot_be_read_is_a_finding(giving, wrong):
    gift = world.settled(world.campaign())
    event = gift.dispute()
    event["data"]["object"] |= wrong

    assert world.tell(gift, event) == ["mismatch"]
    assert count("findings where kind = 'event_unreadable'") == 1


def test_a_disputed_gift_is_not_refunded_and_one_that_was_won_may_be(school):
    begun = school.given(world.campaign())
    with Transaction() as session:
        payment_id = session.execute(text("select payment_id from settlements")).scalar_one()
    opened = school.provider.dispute(payment_id)
    school.provider.settle()

    refused = ask(school, begun)
    assert (refused.status_code, refused.json["code"]) == (409, "donation_under_dispute")
    seen = shown(school, begun)
    assert [(each["status"], each["withdrawn_minor"]) for each in seen["disputes"]] == [("opened", 5000)]
    assert seen["disputes"][0]["answer_by"] is not None
    listed = school.client.get("/api/v1/giving/disputes", headers=bearer(rights=["giving.read"])).json
    assert [each["provider_dispute_id"] for each in listed["items"]] == [opened["id"]]

    school.provider.close_dispute(opened["id"], "won")
    school.provider.settle()
    assert ask(school, begun).json["status"] == "completed"
    school.provider.settle()
    assert shown(school, begun)["status"] == "refunded"


def test_a_disputed_gift_is_in_no_list_of_gifts_received(school):
    gift = world.settled(world.campaign())
    world.tell(gift, gift.dispute())
    headers = bearer(rights=["giving.read"])

    def found(standing):
        url = f"/api/v1/giving/donations?standing={standing}"
        return [each["standing"] for each in school.client.get(url, headers=headers).json["items"]]

    assert (found("received"), found("refunded"), found("disputed")) == ([], [], ["disputed"])
    totals = school.client.get("/api/v1/giving/donation-totals", headers=headers).json["items"]
    assert [(each["standing"], each["amount_minor"], each["disputed_minor"]) for each in totals] == [
        ("disputed", 5000, 5000)
    ]


def final(gift, campaign_id):
    """State, totals and books of a gift, without when each was heard."""
    with Transaction() as session:
        donation, total = session.get_one(Donation, gift.id), session.get_one(CampaignTotal, campaign_id)
        lines = session.execute(
            text(
                "select t.kind, t.reference, t.at, e.account, e.debit_minor, e.credit_minor"
                " from ledger_transactions t join ledger_entries e on e.transaction_id = t.id"
                " where donation_id = :id order by 1, 2, 4"
            ),
            {"id": gift.id},
        ).all()
        ours = session.query(Dispute).filter_by(donation_id=gift.id).one()
        written = "\n".join("|".join(map(str, line)) for line in lines)
        assert session.query(LedgerEntry).count() >= len(lines) > 0
    return (
        (donation.status, donation.refunded_minor, donation.disputed_minor, donation.refunded_at),
        (ours.status, ours.withdrawn_minor, ours.fee_minor, ours.won_at, ours.lost_at),
        (total.raised_minor, total.donations_count, total.donors_count),
        hashlib.sha256(written.replace(gift.checkout_id.hex, "gift").encode()).hexdigest(),
    )


def retry_parked():
    with Transaction() as session:
        session.execute(text("update provider_events set retry_at = now() - interval '1 day'"
                             " where outcome = 'parked'"))  # fmt: skip
        provider_events.retry_parked(session, at=world.NOW)


@pytest.mark.parametrize("outcome", ["won", "lost"] if SCALE >= 1 else ["won"])
def test_all_orders_of_success_refund_and_dispute_end_in_one_state_and_one_ledger(giving, outcome):
    """Each told twice; after each order, what was parked is tried again."""
    ends = set()
    for order in permutations(range(4)):
        campaign_id = world.campaign()
        gift = world.begin(campaign_id)
        events = [gift.event(), gift.part(2000), gift.dispute(minor=3000), gift.dispute(outcome, 3000)]
        for number in order:
            world.tell(gift, events[number], events[number])
        for _ in range(2):
            retry_parked()
        ends.add(final(gift, campaign_id))

    assert len(ends) == 1
    with Transaction() as session:
        assert drift_check(session) == []
        assert session.query(Finding).count() == 0


def test_without_its_movements_in_the_books_a_dispute_told_twice_would_be_booked_twice(giving, monkeypatch):
    """The control run: every movement of a dispute taken as new is refused by the books."""
    from sqlalchemy.exc import IntegrityError

    from services.giving import disputes

    monkeypatch.setattr(disputes, "_unbooked", lambda session, gift, told: list(told.movements))
    gift = world.settled(world.campaign())
    part = gift.dispute(minor=1000)
    world.tell(gift, part)

    with pytest.raises(IntegrityError):
        world.tell(gift, gift.dispute("under_review", 1000))
