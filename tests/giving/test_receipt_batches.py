"""Yearly receipts: one a donor, in the background, and none twice however often it is broken off."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from services.giving import receipt_batches
from services.giving.models import Receipt, ReceiptBatch, ReceiptLine, Transaction
from shared.clock import now, today
from tests.giving import receipt_world, world
from tests.support.tokens import bearer

pytestmark = pytest.mark.usefixtures("giving")
WHERE = "/api/v1/giving"


@pytest.fixture
def campaign():
    """Three donors with two gifts each, who chose one receipt a year."""
    receipt_world.law()
    campaign_id = world.campaign()
    receipt_world.complete()
    for donor in ("Anne", "Bela", "Cleo"):
        for amount in (2_000, 3_000):
            who = {"given_name": donor, "email": f"{donor}@example.org"}
            to = receipt_world.TO | {"given_name": donor}
            receipt_world.settled(campaign_id, amount, receipt_rhythm="yearly", receipt_to=to, **who)
    receipt_world.issue_due()
    return campaign_id


@pytest.fixture
def client(app):
    client = app.test_client()
    rights = ("giving.read", "receipts.issue")
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(rights=rights)["Authorization"]
    return client


def ask(client, key="k" * 8, **changed):
    wish = {"entity_id": str(receipt_world.entity()), "year": today(world.NOW).year, **changed}
    return client.post(f"{WHERE}/receipt-batches", json=wish, headers={"Idempotency-Key": key})


def totals():
    with Transaction() as session:
        counted = select(func.count(), func.sum(Receipt.amount_minor))
        receipts = tuple(session.execute(counted.select_from(Receipt)).one())
        return receipts, session.execute(select(func.count()).select_from(ReceiptLine)).scalar_one()


def run():
    while receipt_batches.work(at=now()):
        pass


def test_each_donor_has_one_receipt_for_the_year(campaign, client):
    assert ask(client).json["expected"] == 3 and ask(client).status_code == 201

    run()

    assert totals() == ((3, 15_000), 6)
    [batch] = client.get(f"{WHERE}/receipt-batches").json["items"]
    assert (batch["done"], batch["issued"]) == (3, 3) and batch["finished_at"]


def test_a_batch_that_was_broken_off_goes_on_where_it_was(campaign, client, monkeypatch):
    ask(client)
    monkeypatch.setattr(receipt_batches, "TOGETHER", 1)
    with Transaction() as session:
        batch = session.execute(select(ReceiptBatch)).scalar_one()
        first = receipt_batches.waiting(session, batch.entity_id, after=None)[0]
        receipt_batches.step(session, batch.id, [first], at=now())
    with pytest.raises(InterruptedError), Transaction() as session:
        second = receipt_batches.waiting(session, batch.entity_id, after=first)[0]
        receipt_batches.step(session, batch.id, [second], at=now())
        raise InterruptedError

    run()

    assert totals() == ((3, 15_000), 6)


def test_a_batch_asked_again_issues_nothing_twice(campaign, client):
    ask(client)
    run()
    ask(client, key="l" * 8)
    run()

    assert totals() == ((3, 15_000), 6)


def test_another_year_is_left_alone(campaign, client):
    ask(client, year=today(world.NOW).year - 1)
    run()

    assert totals() == ((0, None), 0)


def test_what_cannot_be_asked_is_refused(campaign, client):
    assert ask(client, year=today(world.NOW + timedelta(days=366)).year).status_code == 422
    assert ask(client, entity_id=str(uuid4())).status_code == 422


def test_who_asks_before_january_has_the_year_so_far_on_one_receipt(campaign, client):
    waiting = client.get(f"{WHERE}/receipt-cases").json["items"]

    made = client.post(f"{WHERE}/donations/{waiting[0]['donation_id']}/receipts").json

    assert len(made["donation_ids"]) == 2 and made["amount_minor"] == 5_000
