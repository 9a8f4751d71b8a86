"""What giving does by the clock, and its commands."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.giving import drift, reconcile, schedule
from services.giving.models import Transaction, database
from shared.clock import now
from shared.jobs import jobs_of
from tests.giving import world


def statuses():
    with Transaction() as session:
        return session.execute(text("select status from donations")).scalars().all()


def test_every_job_runs_on_an_empty_system(school):
    for job in jobs_of(schedule):
        assert job.work(now()) == 0


def test_every_job_has_a_name_of_its_own():
    names = [job.name for job in jobs_of(schedule)]
    assert len(names) == len(set(names)) == 7


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
