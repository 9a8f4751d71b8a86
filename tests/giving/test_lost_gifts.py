"""Gifts paid after the backup that the database was restored from, put back from the provider's record."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from services.giving import lost_gifts, reconciliations
from services.giving.drift import drift_check
from services.giving.models import Donation, Donor, Settlement, Transaction
from shared.clock import now
from tests.giving import world


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    """What just happened is compared too."""
    monkeypatch.setattr(reconciliations, "GRACE", timedelta(seconds=-5))


def lose(school, donation_id):
    """As a restore does: the gift, its checkout and its donor are not there."""
    with school.owner() as connection:
        connection.execute("delete from checkouts where donation_id = %s", [donation_id])
        connection.execute("delete from donations where id = %s", [donation_id])
        connection.execute("delete from donors")


def paid_and_lost(school, campaign_id, amount_minor=5000):
    begun = school.give(campaign_id, amount_minor)
    lose(school, begun["id"])
    school.provider.switch(webhook_drop_percent=100)
    school.provider.pay(begun["checkout_url"])
    school.provider.settle()
    return UUID(begun["id"])


def put_back():
    return [outcome for _, outcome in lost_gifts.put_back(at=now())]


def test_a_gift_paid_after_the_backup_is_put_back_with_its_ids_sum_campaign_and_donor(school):
    campaign_id = world.campaign()
    lost = paid_and_lost(school, campaign_id, 7_300)

    assert put_back() == ["applied"]

    with Transaction() as session:
        donation = session.get_one(Donation, lost)
        donor = session.get_one(Donor, donation.donor_id)
        paid_at = session.get_one(Settlement, lost).paid_at
        assert (donation.status, donation.campaign_id, donation.amount_minor) == (
            "settled",
            campaign_id,
            7_300,
        )
        assert donation.email == donor.email == world.GUEST["email"]
        assert donation.settled_at == paid_at
        assert drift_check(session) == []
        assert (
            session.execute(text("select count(*) from outbox where type = 'donation.settled'")).scalar() == 1
        )
        assert session.execute(
            text("select action from audit_entries where subject_id = :id"), {"id": str(lost)}
        ).all()


def test_putting_back_twice_changes_nothing_and_the_provider_then_agrees(school):
    paid_and_lost(school, world.campaign())

    assert put_back() == ["applied"]
    assert put_back() == []

    made = reconciliations.reconcile(school.provider.accounts["fondation"])
    assert made.findings_new == 0
    with Transaction() as session:
        assert drift_check(session) == []


def test_a_gift_that_lost_only_its_second_page_is_settled_not_made_twice(school):
    begun = school.give(world.campaign())
    with school.owner() as connection:
        connection.execute("delete from checkouts")
    school.provider.switch(webhook_drop_percent=100)
    school.provider.pay(begun["checkout_url"])
    school.provider.settle()

    assert put_back() == ["applied"]
    with Transaction() as session:
        assert [each.status for each in session.execute(select(Donation)).scalars()] == ["settled"]
        assert drift_check(session) == []


def test_what_names_no_campaign_of_ours_is_said_and_changes_nothing(school):
    campaign_id = world.campaign()
    paid_and_lost(school, campaign_id)
    with school.owner() as connection:
        connection.execute("delete from campaign_totals where campaign_id = %s", [campaign_id])
        connection.execute("delete from campaigns where id = %s", [campaign_id])

    assert put_back() == ["not put back: the page names no campaign that is here"]
    with Transaction() as session:
        assert session.execute(select(Donation)).all() == []


def test_a_page_that_breaks_us_keeps_no_other_out_of_the_books(school, monkeypatch):
    first, second = paid_and_lost(school, world.campaign()), paid_and_lost(school, world.campaign())
    made = lost_gifts._made

    def broken(session, told, donation_id):
        if donation_id == first:
            raise ZeroDivisionError("somebody's address")
        return made(session, told, donation_id)

    monkeypatch.setattr(lost_gifts, "_made", broken)

    assert sorted(put_back()) == ["applied", "not put back: ZeroDivisionError"]
    with Transaction() as session:
        assert [each.id for each in session.execute(select(Donation)).scalars()] == [second]


def test_a_gift_begun_before_the_backup_and_paid_after_it_is_dated_by_its_payment(school):
    begun = school.give(world.campaign())
    school.provider.switch(webhook_drop_percent=100)
    school.provider.pay(begun["checkout_url"])
    school.provider.settle()
    heard_at = now() + timedelta(hours=5)

    assert list(lost_gifts.put_back(at=heard_at)) == []

    with Transaction() as session:
        settlement = session.get_one(Settlement, UUID(begun["id"]))
        assert settlement.settled_at == settlement.paid_at
