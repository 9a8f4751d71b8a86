"""Payouts: from what the provider holds to the bank, in the books once, in any order, and back."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.giving import payout_outcomes, reconciliations, schedule
from services.giving.drift import drift_check
from services.giving.models import Entity, Finding, Payout, ReceiptCase, Settlement, Transaction
from shared.clock import now
from shared.payments.records import Payout as ProviderPayout
from tests.giving import receipt_world, world
from tests.support.tokens import bearer

MADE, BANK_DAY = (datetime(2026, 5, day, tzinfo=UTC) for day in (4, 5))


def reading():
    """Headers of who may read gifts; a token lives five minutes."""
    return bearer(rights=["giving.read"])


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    monkeypatch.setattr(reconciliations, "GRACE", timedelta(seconds=-5))


def reconcile(school):
    return reconciliations.reconcile(school.provider.accounts["fondation"])


def booked():
    with Transaction() as session:
        rows = session.execute(
            text("select account, sum(debit_minor - credit_minor) from ledger_entries group by account")
        )
        return {account: int(minor) for account, minor in rows if minor}


def settlements():
    with Transaction() as session:
        return session.query(Settlement).order_by(Settlement.paid_at).all()


def told(status, amount_minor=4900):
    return ProviderPayout(
        id="po_1", status=status, amount_minor=amount_minor, currency="EUR",
        failure_code="account_closed" if status == "failed" else None, created_at=MADE, arrives_at=BANK_DAY,
    )  # fmt: skip


def take(*statuses, amount_minor=4900):
    with Transaction() as session:
        return [
            payout_outcomes.take(session, "fondation", told(each, amount_minor), at=world.NOW)
            for each in statuses
        ]


def test_a_payout_brings_the_money_to_the_bank_and_its_gifts_are_dated(school):
    school.given(world.campaign())
    schedule.fetch_details(now())

    [payout] = school.provider.pay_out()
    school.provider.settle()
    assert schedule.tell_gifts_of_payouts(now()) == 1

    assert booked() == {"bank": 4900, "fees": 100, "gifts": -5000}
    [settlement] = settlements()
    assert settlement.available_at is not None
    assert settlement.arrived_at == datetime.fromtimestamp(payout["arrival_date"], UTC)
    assert reconcile(school).findings_new == 0


def test_what_is_on_its_way_is_neither_at_the_bank_nor_a_difference(school):
    school.given(world.campaign())

    [payout] = school.provider.pay_out(arrives=False)
    school.provider.settle()
    assert reconcile(school).findings_new == 0
    assert booked()["provider"] == 4900 and settlements()[0].arrived_at is None

    school.provider.end_payout(payout["id"], "arrivals")
    school.provider.settle()
    assert "provider" not in booked() and settlements()[0].arrived_at is not None


def test_what_the_bank_sends_back_is_held_by_the_provider_again_until_the_next_payout(school):
    school.given(world.campaign())
    [first] = school.provider.pay_out()
    school.provider.settle()
    reconcile(school)

    school.provider.end_payout(first["id"], "failures")
    school.provider.settle()
    assert reconcile(school).findings_new == 0
    assert (booked()["provider"], settlements()[0].arrived_at) == (4900, None)

    school.provider.pay_out()
    school.provider.settle()
    assert reconcile(school).findings_new == 0
    assert booked()["bank"] == 4900 and settlements()[0].arrived_at is not None
    with Transaction() as session:
        assert drift_check(session) == []


def test_webhooks_that_never_came_are_caught_up_with_all_payouts_there_ever_were(school):
    school.given(world.campaign())
    school.provider.switch(webhook_drop_percent=100)
    school.provider.pay_out()

    first, second = reconcile(school), reconcile(school)

    assert booked()["bank"] == 4900 and settlements()[0].arrived_at is not None
    assert (first.findings_new, second.findings_new, second.events_taken) == (0, 0, 0)
    with Transaction() as session:
        assert session.query(Finding).count() == 0


@pytest.mark.parametrize("order", list(permutations(("in_transit", "paid", "failed"))))
def test_any_order_ends_in_the_same_books(giving, order):
    world.campaign()
    take(*order, *order)

    with Transaction() as session:
        kinds = session.execute(text("select kind, at from ledger_transactions order by kind")).all()
        [payout] = session.query(Payout).all()
    assert kinds == [("payout", BANK_DAY), ("payout_returned", world.NOW)]
    assert (payout.status, booked()) == ("returned", {})


def test_what_never_arrived_leaves_no_trace_in_the_books(giving):
    world.campaign()

    assert take("pending", "canceled", "canceled") == ["ignored", "applied", "ignored"]
    assert booked() == {}


def test_what_the_provider_takes_from_the_bank_goes_the_other_way(giving):
    world.campaign()

    take("paid", amount_minor=-700)

    assert booked() == {"bank": -700, "provider": 700}


def test_a_payout_for_nobody_waits(giving):
    assert take("paid") == ["parked"]


def test_a_payment_in_a_payout_that_is_no_gift_is_asked_about_for_three_days(school):
    school.given(world.campaign())
    school.provider.pay_out()
    school.provider.settle()

    assert schedule.tell_gifts_of_payouts(now()) == 0
    assert schedule.tell_gifts_of_payouts(now()) == 0
    assert schedule.tell_gifts_of_payouts(now() + timedelta(days=4)) == 1


def test_staff_see_a_payout_with_its_gifts_and_fees(school):
    school.given(world.campaign())
    reconcile(school)
    school.provider.pay_out()
    school.provider.settle()
    reconcile(school)
    with Transaction() as session:
        entity_id = session.query(Entity).one().id
    url = f"/api/v1/giving/entities/{entity_id}/payouts"

    [listed] = school.client.get(url, headers=reading()).json["items"]
    shown = school.client.get(f"{url}/{listed['id']}", headers=reading()).json
    [gift] = school.client.get(f"{url}/{listed['id']}/gifts", headers=reading()).json["items"]

    assert (listed["status"], listed["amount_minor"]) == ("arrived", 4900)
    names = ("gifts_count", "gifts_minor", "fees_minor", "others_minor")
    assert [shown[name] for name in names] == [1, 5000, 100, 0]
    assert (gift["amount_minor"], gift["fee_minor"]) == (5000, 100)
    assert school.client.get(f"{url}/{uuid4()}", headers=reading()).status_code == 404
    other = url.replace(str(entity_id), str(uuid4()))
    assert school.client.get(f"{other}/{listed['id']}/gifts", headers=reading()).status_code == 404
    assert school.client.get(other, headers=reading()).status_code == 404


@pytest.mark.parametrize("first", ["the payout", "its gifts"])
def test_a_receipt_dated_by_the_bank_comes_when_the_payout_is_there(school, first):
    receipt_world.law()
    campaign_id = world.campaign()
    receipt_world.complete(date_rules={"card": "arrived"})
    gift = school.given(campaign_id, receipt_to=receipt_world.TO)
    schedule.fetch_details(now())
    schedule.issue_receipts(now())
    [payout] = school.provider.pay_out(arrives=False)
    school.provider.settle()
    steps = [
        lambda: school.provider.end_payout(payout["id"], "arrivals"),
        lambda: schedule.tell_gifts_of_payouts(now()),
    ]
    for step in steps if first == "the payout" else reversed(steps):
        step()
        school.provider.settle()

    schedule.issue_receipts(now())

    with Transaction() as session:
        case = session.get_one(ReceiptCase, UUID(gift["id"]))
        assert (case.receipt_id is not None, case.reasons) == (True, [])
