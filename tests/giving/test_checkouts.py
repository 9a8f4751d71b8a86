"""What the provider says of its page, in whatever order it says it: nothing takes a page back."""

from datetime import timedelta

import pytest

from services.giving import checkouts, debits
from services.giving.models import Transaction
from tests.giving import world
from tests.giving.world import NOW

pytestmark = pytest.mark.usefixtures("giving")

LATER = NOW + timedelta(minutes=5)


def decline(gift, code, at):
    with Transaction() as session:
        return checkouts.decline(session, gift.checkout_id, code=code, at=at)


def wait(gift, at):
    with Transaction() as session:
        return debits.promise(session, gift.checkout_id, payment_id="pi_1", at=at)


def test_a_refusal_that_is_told_after_the_payment_leaves_the_page_as_it_ended():
    gift = world.settled(world.campaign())

    assert decline(gift, "insufficient_funds", LATER) == "ignored"

    kept = world.checkout(gift)
    assert (kept.outcome, kept.declined_at, kept.decline_code) == ("paid", None, None)


def test_an_older_refusal_does_not_replace_the_last_one():
    gift = world.begin(world.campaign())

    assert decline(gift, "expired_card", LATER) == "applied"
    assert decline(gift, "insufficient_funds", NOW) == "ignored"
    assert world.checkout(gift).decline_code == "expired_card"

    assert decline(gift, "lost_card", LATER + timedelta(minutes=1)) == "applied"
    assert world.checkout(gift).decline_code == "lost_card"


def test_a_page_waits_for_its_money_from_the_first_time_that_it_was_told():
    gift = world.begin(world.campaign())

    assert (wait(gift, NOW), wait(gift, LATER)) == ("applied", "ignored")

    assert world.checkout(gift).processing_at == NOW


def test_a_page_that_was_paid_waits_for_nothing():
    gift = world.settled(world.campaign())

    assert wait(gift, LATER) == "ignored"

    assert world.checkout(gift).processing_at is None
