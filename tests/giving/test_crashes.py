"""A process that dies at the worst moments: no gift is charged twice, none is stuck."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import provider_events, reconciliations, refunds
from services.giving.drift import drift_check
from services.giving.models import Refund, Transaction
from shared.clock import now
from shared.payments import gateway
from tests.giving import world
from tests.support.scale import sized
from tests.support.tokens import bearer


class Died(BaseException):
    """The process ends here: nothing after this line runs, and no handler sees it."""


def dies_before(monkeypatch, module, name):
    def dead(*_, **__):
        raise Died

    monkeypatch.setattr(module, name, dead)


def dies_after(monkeypatch, module, name):
    alive = getattr(module, name)

    def dead(*args, **values):
        alive(*args, **values)
        raise Died

    monkeypatch.setattr(module, name, dead)


def half_a_minute_later():
    """The claim of the request that died is over."""
    with Transaction() as session:
        for table in ("donations", "refunds"):
            session.execute(text(f"update {table} set claimed_until = now() - interval '1 second'"))


def charges(school):
    moved = gateway.balance_transactions(school.provider.accounts["fondation"], now() - timedelta(hours=1))
    return [each for each in moved if each.kind == "charge"]


def check_all_is_well(school, gifts):
    with Transaction() as session:
        assert drift_check(session) == []
        states = session.execute(text("select status, count(*) from donations group by 1")).all()
        assert [tuple(row) for row in states] == [("settled", gifts)]
        assert session.execute(text("select count(*) from findings")).scalar_one() == 0
    assert len(charges(school)) == gifts


SIZES = [pytest.param(sized(25, least=4), marks=[pytest.mark.chaos, pytest.mark.timeout(900)])]


@pytest.fixture(autouse=True)
def _at_leisure(monkeypatch):
    monkeypatch.setattr("services.giving.donations.slow_down", lambda *_: None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dies", [dies_before, dies_after])
def test_a_form_that_died_beside_the_provider_is_sent_again(school, monkeypatch, dies, size):
    campaign_id = world.campaign()
    for number in range(size):
        key, who = str(uuid4()), {"email": f"p{number}@example.org"}
        with monkeypatch.context() as broken:
            dies(broken, gateway, "open_checkout")
            with pytest.raises(Died):
                school.give(campaign_id, key=key, **who)
        half_a_minute_later()

        begun = school.give(campaign_id, key=key, **who)

        school.provider.pay(begun["checkout_url"])
    school.provider.settle()
    check_all_is_well(school, size)


def test_with_a_new_key_for_each_call_the_donor_could_pay_twice(school, monkeypatch):
    """The control run: the provider's key is made anew for each call, not the id of our row."""
    alive, pages = gateway.open_checkout, []

    def careless(account, *, checkout_id, **wish):
        pages.append(alive(account, checkout_id=uuid4(), **wish))
        return pages[-1]

    monkeypatch.setattr(gateway, "open_checkout", careless)
    campaign_id, key = world.campaign(), str(uuid4())
    with monkeypatch.context() as broken:
        dies_after(broken, gateway, "open_checkout")
        with pytest.raises(Died):
            school.give(campaign_id, key=key)
    half_a_minute_later()
    school.give(campaign_id, key=key)

    for page in pages:
        school.provider.pay(page.url)

    assert len(charges(school)) == 2


@pytest.mark.parametrize("size", SIZES)
def test_a_webhook_that_died_before_its_commit_left_nothing_and_is_found_again(school, monkeypatch, size):
    campaign_id = world.campaign()
    begun = [school.give(campaign_id, email=f"p{n}@example.org") for n in range(size)]
    with monkeypatch.context() as broken:
        dies_after(broken, provider_events, "take")
        school.provider.switch(webhook_drop_percent=100)
        for each in begun:
            school.provider.pay(each["checkout_url"])
        with pytest.raises(Died):
            reconciliations.reconcile(school.provider.accounts["fondation"])
    with Transaction() as session:
        for table in ("provider_events", "ledger_entries", "settlements"):
            assert session.execute(text(f"select count(*) from {table}")).scalar_one() == 0

    reconciliations.reconcile(school.provider.accounts["fondation"])

    check_all_is_well(school, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dies", [dies_before, dies_after])
def test_a_refund_that_died_beside_the_provider_is_carried_out_once(school, monkeypatch, dies, size):
    campaign_id = world.campaign()
    begun = [school.given(campaign_id, email=f"p{n}@example.org") for n in range(size)]
    school.provider.switch(webhook_drop_percent=100)
    for each in begun:
        with monkeypatch.context() as broken, pytest.raises(Died):
            dies(broken, gateway, "refund")
            school.client.post(
                f"/api/v1/giving/donations/{each['id']}/refunds",
                json={"reason": "error", "note": "Par erreur"},
                headers=bearer(rights=["giving.refund"]) | {"Idempotency-Key": str(uuid4())},
            )

    while refunds.chase(at=now() + timedelta(minutes=2)):
        pass

    with Transaction() as session:
        assert drift_check(session) == []
        assert {each.status for each in session.query(Refund)} == {"completed"}
    moved = gateway.balance_transactions(school.provider.accounts["fondation"], now() - timedelta(hours=1))
    assert [each.amount_minor for each in moved if each.kind == "refund"] == [-5000] * size
