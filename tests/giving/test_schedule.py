"""What giving does by the clock, and its commands."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.giving import checkouts, drift, reconcile, refunds, schedule
from services.giving.models import Refund, Settlement, Transaction, database
from shared.clock import now
from shared.db import uuid7
from shared.jobs import jobs_of
from shared.payments import gateway
from tests.giving import world


def statuses():
    with Transaction() as session:
        return session.execute(text("select status from donations")).scalars().all()


def test_every_job_runs_on_an_empty_system(school):
    for job in jobs_of(schedule):
        assert job.work(now()) == 0


def test_every_job_has_a_name_of_its_own():
    names = [job.name for job in jobs_of(schedule)]
    assert len(names) == len(set(names)) == 15


def test_a_page_that_nobody_paid_or_closed_ends_after_a_day(school):
    school.give(world.campaign())
    school.provider.switch(webhook_drop_percent=100)
    with Transaction() as session:
        session.execute(text("update checkouts set created_at = created_at - interval '26 hours'"))
    from services.giving.models import Checkout

    with Transaction() as session:
        opened = session.query(Checkout).one()
    assert schedule.chase_checkouts(now()) == 0

    school.provider.expire(opened.session_id, "fondation")
    assert schedule.chase_checkouts(now()) == 1
    assert statuses() == ["failed"]


def test_a_page_that_was_never_opened_ends_after_a_day(school):
    world.begin(world.campaign(), at=now() - timedelta(hours=26))

    assert schedule.chase_checkouts(now()) == 1
    assert statuses() == ["failed"]


def test_a_page_that_the_provider_has_no_more_has_expired(school):
    world.begin(world.campaign(), at=now() - timedelta(hours=26))
    with Transaction() as session:
        session.execute(text("update checkouts set session_id = 'cs_gone'"))

    assert schedule.chase_checkouts(now()) == 1
    assert statuses() == ["failed"]


def test_an_account_that_does_not_answer_stops_no_page_and_no_refund_of_another(school):
    older, old = (now() - timedelta(hours=hours) for hours in (27, 26))
    silent, other = world.campaign("amicale"), world.campaign()
    for campaign_id, at in ((silent, older), (other, old)):
        begun = school.given(campaign_id)
        interrupt_refund(begun["id"], at=at)
        world.begin(campaign_id, at=at)
    school.silence("amicale")

    assert schedule.chase_checkouts(now()) == 1
    assert schedule.chase_refunds(now()) == 1

    assert sorted(statuses()) == ["failed", "pending", "refunded", "settled"]


@pytest.mark.parametrize("job", [schedule.reconcile, schedule.reconcile_the_week])
def test_an_account_that_does_not_answer_stops_no_reconciliation_of_another_and_is_told(school, job):
    school.provider.switch(webhook_drop_percent=100)
    begun = school.give(world.campaign("amicale"))
    school.provider.pay(begun["checkout_url"])
    school.silence("fondation")

    with pytest.raises(gateway.ProviderUnavailable):
        job(now())

    assert statuses() == ["settled"]


def test_a_payment_that_the_provider_refuses_stops_the_details_of_no_other_and_is_told(school):
    bad, good = (school.given(world.campaign())["id"] for _ in range(2))
    with school.owner() as owner:
        bad_first = "set payment_id = 'pi_gone', retry_at = retry_at - interval '1 hour'"
        owner.execute(f"update settlements {bad_first} where donation_id = %s", [bad])

    with pytest.raises(gateway.ProviderRefused):
        schedule.fetch_details(now() + timedelta(seconds=1))

    with Transaction() as session:
        told = {str(each.donation_id): each.detailed_at is not None for each in session.query(Settlement)}
    assert told == {bad: False, good: True}


def test_an_account_that_does_not_answer_is_asked_once_a_time(school, capsys):
    for _ in range(3):
        world.begin(world.campaign(), at=now() - timedelta(hours=26))
    school.silence("fondation")
    capsys.readouterr()

    assert schedule.chase_checkouts(now()) == 0

    assert capsys.readouterr().out.count("payment provider does not answer") == 1


def test_a_refund_that_our_own_rows_contradict_stops_no_other(school):
    bad, good = (school.given(world.campaign())["id"] for _ in range(2))
    for donation_id, hours in ((bad, 27), (good, 26)):
        interrupt_refund(donation_id, at=now() - timedelta(hours=hours))
    with school.owner() as owner:
        owner.execute(
            "update donations set refunded_at = now(), refunded_minor = amount_minor where id = %s", [bad]
        )
    school.provider.switch(webhook_drop_percent=100)

    assert schedule.chase_refunds(now()) == 1

    with Transaction() as session:
        ends = {str(each.donation_id): each.status for each in session.query(Refund)}
    assert ends == {bad: "requested", good: "completed"}


def test_a_refund_whose_payment_is_not_in_the_books_stops_no_other(school):
    bad, good = (school.given(world.campaign())["id"] for _ in range(2))
    for donation_id, hours in ((bad, 27), (good, 26)):
        interrupt_refund(donation_id, at=now() - timedelta(hours=hours))
    with school.owner() as owner:
        owner.execute("delete from settlements where donation_id = %s", [bad])

    assert schedule.chase_refunds(now()) == 1
    assert sorted(statuses()) == ["refunded", "settled"]


def interrupt_refund(donation_id, *, at):
    """As after the first transaction of the route: the provider has not heard of it."""
    with Transaction() as session:
        values = refunds.prepared(session, donation_id, by=donation_id, at=at)
        wish = {"reason": "duplicate", "note": "Deux fois"}
        session.add(Refund(id=uuid7(), **values, **wish))


def test_pages_that_cannot_end_yet_do_not_stand_before_others_for_good(school):
    campaign_id = world.campaign()
    gifts = [world.begin(campaign_id, at=now() - timedelta(hours=hours)) for hours in (27, 26)]

    with Transaction() as session:
        found = [checkouts.overdue(session, at=now(), most=1)[0].id for _ in range(50)]

    assert set(found) == {gift.checkout_id for gift in gifts}


def test_what_is_of_an_account_no_longer_ours_keeps_its_place_and_takes_nobody_s(school):
    begun = school.given(world.campaign())
    interrupt_refund(begun["id"], at=now() - timedelta(hours=27))
    gift = world.begin(world.campaign(), at=now() - timedelta(hours=27))
    with school.owner() as owner:
        owner.execute("update refunds set account = 'closed-last-year'")
        owner.execute("update checkouts set account = 'closed-last-year'")

    with Transaction() as session:
        assert refunds.waiting(session, at=now(), most=1) == []
        assert checkouts.overdue(session, at=now(), most=1) == []
    assert world.checkout(gift).closed_at is None


def test_a_gift_paid_without_a_word_is_settled_by_the_hourly_reconciliation(school):
    begun = school.give(world.campaign())
    school.provider.switch(webhook_drop_percent=100)
    school.provider.pay(begun["checkout_url"])

    schedule.reconcile(now())

    assert statuses() == ["settled"]


def test_the_fee_of_a_gift_is_asked_again_until_it_is_there(school):
    school.given(world.campaign())

    assert schedule.fetch_details(now() + timedelta(seconds=1)) == 1
    assert schedule.fetch_details(now() + timedelta(hours=1)) == 0


@pytest.fixture
def as_process(school, monkeypatch):
    """Commands read their settings from the environment; here they are those of the test."""
    from services.giving.settings import current

    told = current()
    monkeypatch.setattr(drift, "load", lambda: told)
    monkeypatch.setattr(reconcile, "load", lambda: told)
    database.connect(told.database_url)


@pytest.mark.usefixtures("as_process")
def test_the_drift_command_says_what_it_found_and_ends_with_it(capsys):
    world.settled(world.campaign())
    assert drift.main() == 0
    assert "No difference" in capsys.readouterr().out

    with Transaction() as session:
        session.execute(text("update campaign_totals set donations_count = 9"))
    assert drift.main() == 1
    assert "donations_count is 9, should be 1" in capsys.readouterr().out


@pytest.mark.usefixtures("as_process")
def test_the_reconcile_command_says_what_it_found(school, capsys):
    school.given(world.campaign())

    assert reconcile.main() == 0
    assert "fondation: " in capsys.readouterr().out
