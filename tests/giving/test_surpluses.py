"""A gift paid twice: the second payment is held for the donor, and goes back in one click."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import reconciliations
from services.giving.models import Checkout, Settlement, Surplus, Transaction
from shared.clock import now
from shared.payments import gateway
from tests.giving import world
from tests.giving.test_disputes import books
from tests.giving.test_partial_refunds import numbers, shown
from tests.giving.test_refunds import ask, count
from tests.support.tokens import bearer


def paid_again(gift, payment="pi_second"):
    return gift.event(payment_intent=payment)


def only():
    with Transaction() as session:
        return session.query(Surplus).one()


def test_a_second_payment_is_held_and_the_gift_stays(giving):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    assert world.tell(gift, paid_again(gift), paid_again(gift)) == ["mismatch", "mismatch"]

    assert numbers(campaign_id) == (5000, 1, 1)
    assert books() == {"provider": 10_000, "gifts": -5000, "suspense": -5000}
    assert (only().payment_id, count("surpluses"), count("findings")) == ("pi_second", 1, 1)


@pytest.mark.parametrize("end", ["refund.created", "dispute"])
def test_what_the_provider_or_a_bank_gives_back_of_it_is_not_taken_from_the_gift(giving, end):
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)
    world.tell(gift, paid_again(gift))

    event = gift.event(end) if end == "refund.created" else gift.dispute()
    event["data"]["object"]["payment_intent"] = "pi_second"
    assert world.tell(gift, event) == ["applied"]

    assert (numbers(campaign_id), only().left_minor, world.state(gift).status) == ((5000, 1, 1), 0, "settled")
    assert books()["suspense"] == 0
    assert count("outbox where type in ('donation.refunded', 'donation.disputed')") == 0


def twice(school, begun):
    """The donor had a second page open, and pays there too."""
    with Transaction() as session:
        first = session.query(Checkout).one()
        values = {"donation_id": first.donation_id, "account": first.account, "created_at": now()}
        session.add(Checkout(id=uuid4(), **values, closed_at=now(), outcome="expired"))
    with Transaction() as session:
        other = session.query(Checkout).filter(Checkout.outcome == "expired").one()
    page = gateway.open_checkout(
        school.provider.accounts["fondation"], checkout_id=other.id, donation_id=begun["id"],
        campaign_id=uuid4(), amount_minor=5000, currency="EUR", description="Bourses", email="",
        locale="fr", success_url="https://valmont.example/", cancel_url="https://valmont.example/",
    )  # fmt: skip
    school.provider.pay(page.url)
    school.provider.settle()


def refund(school, surplus, **headers):
    told = bearer(rights=["giving.refund"]) | {"Idempotency-Key": str(uuid4())} | headers
    return school.client.post(f"/api/v1/giving/surpluses/{surplus.id}/refunds", headers=told)


def test_it_goes_back_in_one_click_and_every_movement_is_explained(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)
    twice(school, begun)
    listed = school.client.get("/api/v1/giving/surpluses", headers=bearer(rights=["giving.read"])).json
    assert [(each["donation_id"], each["left_minor"]) for each in listed["items"]] == [(begun["id"], 5000)]

    answer = refund(school, only())
    school.provider.settle()

    assert (answer.status_code, answer.json["status"]) == (201, "completed")
    assert refund(school, only()).json["code"] == "refund_under_way"
    assert (numbers(campaign_id), only().left_minor) == ((5000, 1, 1), 0)
    assert [each["surplus_id"] for each in shown(school, begun)["refunds"]] == [str(only().id)]
    found = reconciliations.reconcile(school.provider.accounts["fondation"], since=now() - timedelta(hours=1))
    assert (found.findings_new, found.movements_seen) == (0, 3)
    moved = gateway.balance_transactions(school.provider.accounts["fondation"], now() - timedelta(hours=1))
    assert books()["provider"] == sum(each.net_minor for each in moved)
    assert ask(school, begun).json["status"] == "completed"
    with Transaction() as session:
        first = session.query(Settlement).one().payment_id
    assert gateway.fetch_payment(school.provider.accounts["fondation"], first).charge.refunded_minor == 5000


def test_only_who_may_refund_gives_it_back_and_only_what_is_there(school):
    begun = school.given(world.campaign())
    twice(school, begun)

    assert refund(school, only(), **bearer(rights=["giving.manage"])).status_code == 403
    url = f"/api/v1/giving/surpluses/{uuid4()}/refunds"
    headers = bearer(rights=["giving.refund"])
    assert school.client.post(url, headers=headers | {"Idempotency-Key": str(uuid4())}).status_code == 404
    with Transaction() as session:
        session.execute(text("update surpluses set account = 'closed'"))
    assert refund(school, only()).json["code"] == "not_through_provider"
    assert count("refunds") == 0
