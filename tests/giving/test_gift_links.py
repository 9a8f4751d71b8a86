"""The donor's own page: opened by its link alone, and saying nothing to anyone else."""

from datetime import datetime
from uuid import uuid4

import pytest

from services.giving import checkouts, debits
from services.giving.models import Checkout, Donation, Transaction
from tests.giving import world

URL = "/api/v1/giving/gift-links"


@pytest.mark.parametrize(
    "forged",
    [
        "nothing",
        "{id}",
        "{id}.",
        "{id}.AAAAAAAAAAAAAAAAAAAAAA",
        "{id}.{mac}x",
        "{other}.{mac}",
        "{id}.é",
        "{id}.{mac}/../x",
    ],
)
def test_a_link_that_we_did_not_sign_opens_nothing(school, forged):
    campaign_id = world.campaign()
    begun, other = school.give(campaign_id), school.give(campaign_id)
    id, mac = begun["link"].split(".")
    token = forged.format(id=id, mac=mac, other=other["id"])

    assert school.client.get(f"{URL}/{token}").status_code == 404
    assert (
        school.client.put(f"{URL}/{token}/wall", json={"shows_name": True, "shows_amount": True}).status_code
        == 404
    )
    answer = school.client.post(f"{URL}/{token}/checkouts", headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 404


def test_a_revoked_link_opens_nothing(school):
    begun = school.give(world.campaign())
    with Transaction() as session:
        session.get_one(Donation, begun["id"]).link_version = 1

    assert school.client.get(f"{URL}/{begun['link']}").status_code == 404


def test_the_page_of_a_gift_shows_neither_name_nor_address_and_is_not_kept(school):
    begun = school.given(world.campaign())

    answer = school.client.get(f"{URL}/{begun['link']}")

    assert "Claire" not in answer.text
    assert "claire@" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("choice", [{}, {"shows_name": "yes", "shows_amount": 1}, {"shows_name": True}])
def test_a_choice_is_two_booleans(school, choice):
    begun = school.given(world.campaign())

    assert school.client.put(f"{URL}/{begun['link']}/wall", json=choice).status_code == 422


def test_a_settled_gift_cannot_be_paid_again(school):
    begun = school.given(world.campaign())

    answer = school.client.post(f"{URL}/{begun['link']}/checkouts", headers={"Idempotency-Key": str(uuid4())})

    assert (answer.status_code, answer.json["code"]) == (409, "donation_not_payable")


def test_a_cancelled_visit_leads_back_to_the_same_page(school):
    begun = school.give(world.campaign())

    pages = {
        school.client.post(
            f"{URL}/{begun['link']}/checkouts", headers={"Idempotency-Key": str(uuid4())}
        ).json["checkout_url"]
        for _ in range(3)
    }

    assert pages == {begun["checkout_url"]}


def test_only_who_paid_is_sent_back_as_who_paid_and_a_payment_on_its_way_is_told(school):
    begun = school.give(world.campaign())
    with Transaction() as session:
        checkout = session.query(Checkout).filter_by(donation_id=begun["id"]).one()
        donation = session.get_one(Donation, begun["id"])
        asked, begun_at = checkouts.wish(session, donation), donation.created_at
    assert asked["success_url"].endswith(f"/l/gift/{begun['link']}?paid=1")
    assert asked["cancel_url"].endswith(f"/l/gift/{begun['link']}?cancelled=1")
    shown = school.client.get(f"{URL}/{begun['link']}").json
    assert (datetime.fromisoformat(shown["created_at"]), shown["processing_at"]) == (begun_at, None)

    with Transaction() as session:
        debits.promise(session, checkout.id, payment_id="pi_1", at=world.NOW)

    told = school.client.get(f"{URL}/{begun['link']}").json["processing_at"]
    assert datetime.fromisoformat(told) == world.NOW


def test_a_payment_that_was_refused_after_all_is_on_its_way_no_more(school):
    begun = school.give(world.campaign())
    with Transaction() as session:
        checkout = session.query(Checkout).filter_by(donation_id=begun["id"]).one()
        assert debits.promise(session, checkout.id, payment_id="pi_1", at=world.NOW) == "applied"
    with Transaction() as session:
        assert checkouts.end(session, checkout.id, "failed", at=world.NOW) == "applied"

    shown = school.client.get(f"{URL}/{begun['link']}").json

    assert (shown["status"], shown["processing_at"]) == ("failed", None)
    assert datetime.fromisoformat(shown["declined_at"]) == world.NOW
