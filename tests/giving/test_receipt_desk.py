"""The desk of receipts, and the donor's own page: found, printed, voided, issued, completed later."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving.models import Transaction
from tests.giving import receipt_world, world
from tests.support.tokens import bearer

pytestmark = pytest.mark.usefixtures("giving")
WHERE = "/api/v1/giving"
RIGHTS = ("giving.read", "giving.manage", "receipts.issue")


@pytest.fixture
def campaign():
    receipt_world.law()
    campaign_id = world.campaign()
    receipt_world.complete()
    return campaign_id


@pytest.fixture
def client(app):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(rights=RIGHTS)["Authorization"]
    return client


def link(gift):
    from services.giving import checkouts

    return f"{WHERE}/gift-links/{checkouts.link_of(world.state(gift))}"


def test_the_desk_lists_voids_and_prints_again(campaign, client):
    gift = receipt_world.settled(campaign, 12_000)
    receipt_world.issue_due()
    [listed] = client.get(f"{WHERE}/receipts").json["items"]
    assert (listed["made_out_to"], listed["amount_minor"]) == ("Claire Lemoine", 12_000)
    assert listed["donation_ids"] == [str(gift.id)]

    again = client.post(f"{WHERE}/receipts/{listed['id']}/duplicates")
    voided = client.post(f"{WHERE}/receipts/{listed['id']}/voids", json={"note": "Nom mal écrit."})

    assert again.status_code == 201 and again.data.startswith(b"%PDF")
    assert voided.json["replacement"]["number"].endswith("000002")
    twice = client.post(f"{WHERE}/receipts/{listed['id']}/voids", json={"note": "Encore."})
    assert (twice.status_code, twice.json["code"]) == (409, "receipt_already_voided")
    found = client.get(f"{WHERE}/receipts", query_string={"state": "voided", "number": "000001"}).json[
        "items"
    ]
    assert [(each["void_reason"], each["void_note"]) for each in found] == [("error", "Nom mal écrit.")]
    with Transaction() as session:
        actions = session.execute(text("select action from audit_entries order by number")).scalars().all()
    assert actions[-2:] == ["receipt.printed_again", "receipt.voided"]


def test_voiding_says_why(campaign, client):
    assert client.post(f"{WHERE}/receipts/{uuid4()}/voids", json={"note": ""}).status_code == 422
    assert client.post(f"{WHERE}/receipts/{uuid4()}/voids", json={"note": "x"}).status_code == 404


def test_the_desk_says_what_waits_and_why(campaign, client):
    receipt_world.settled(campaign, receipt_to=None)
    receipt_world.settled(campaign, receipt_rhythm="yearly")
    receipt_world.issue_due()

    counted = client.get(f"{WHERE}/receipt-cases/counts").json["items"]
    assert [(each["reason"], each["count"], each["by"]) for each in counted] == [
        ("address_missing", 1, "donor"),
        ("yearly", 1, "time"),
    ]
    found = client.get(f"{WHERE}/receipt-cases", query_string={"reason": "yearly"}).json["items"]
    assert len(found) == 1
    issued = [client.post(f"{WHERE}/donations/{found[0]['donation_id']}/receipts") for _ in range(2)]
    assert [each.status_code for each in issued] == [201, 201]
    assert issued[0].json["number"] == issued[1].json["number"]


def test_what_cannot_be_issued_is_said_with_its_reasons(campaign, client):
    gift = receipt_world.settled(campaign, receipt_to=None)

    refused = client.post(f"{WHERE}/donations/{gift.id}/receipts")

    assert (refused.status_code, refused.json["code"]) == (409, "receipt_not_possible")
    assert refused.json["reasons"] == ["address_missing"]
    assert client.post(f"{WHERE}/donations/{uuid4()}/receipts").status_code == 404


def test_the_donor_completes_what_is_missing_on_the_page_of_the_gift(campaign, client):
    gift = receipt_world.settled(campaign, receipt_to=None)
    receipt_world.issue_due()
    assert client.get(link(gift)).json["receipt_waits_for"] == "details"

    told = {"address": receipt_world.ADDRESS, "given_name": "Claire Anne"}
    assert client.put(f"{link(gift)}/receipt-details", json=told).status_code == 200
    receipt_world.issue_due(days=1)

    shown = client.get(link(gift)).json
    [receipt] = shown["receipts"]
    assert shown["receipt_waits_for"] is None and receipt["voided_at"] is None
    pdf = client.get(f"{link(gift)}/receipts/{receipt['id']}")
    assert pdf.status_code == 200 and pdf.data.startswith(b"%PDF")
    assert client.get(f"{link(gift)}/receipts/{uuid4()}").status_code == 404
    other = receipt_world.settled(campaign)
    assert client.get(f"{link(other)}/receipts/{receipt['id']}").status_code == 404
    fixed = client.put(f"{link(gift)}/receipt-details", json=told)
    assert (fixed.status_code, fixed.json["code"]) == (409, "receipt_details_fixed")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"address": None}, "address"),
        ({"address": {"street": "1 rue Haute", "city": "Rennes", "postal_code": "35"}}, "postal_code"),
        ({"address": {"street": "1 rue Haute", "city": "武漢", "postal_code": "1", "country": "CN"}}, "city"),
        ({"family_name": "Петров"}, "family_name"),
        ({"legal_name": "Morvan"}, "siren"),
        ({"legal_name": "Morvan", "legal_form": "SAS", "siren": "552100555"}, "siren"),
        ({"legal_name": "M", "legal_form": "SAS", "siren": "552100554", "family_name": "B"}, "family_name"),
    ],
)
def test_details_that_cannot_be_printed_are_refused_by_their_field(campaign, client, changed, field):
    gift = receipt_world.settled(campaign, receipt_to=None)

    refused = client.put(f"{link(gift)}/receipt-details", json={"address": receipt_world.ADDRESS, **changed})

    assert refused.status_code == 422
    assert any(field in name for name in refused.json["errors"]), refused.json["errors"]


def test_a_gift_is_begun_with_whom_its_receipt_is_made_out_to(campaign, school):
    begun = school.given(campaign, 6_000, receipt_to={"address": receipt_world.ADDRESS})
    with Transaction() as session:
        told = session.execute(text("select receipt_to from donations")).scalar_one()
    assert (told["family_name"], told["address"]["city"]) == ("Lemoine", "Rennes")
    assert begun["status"] == "pending"


def test_staff_correct_a_name_and_void_what_bore_the_wrong_one(campaign, client):
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    told = {"address": receipt_world.ADDRESS, "given_name": "Claire", "family_name": "Lemoigne"}
    assert client.put(f"{WHERE}/donations/{gift.id}/receipt-details", json=told).status_code == 200

    receipt = receipt_world.receipt_of(gift)
    client.post(f"{WHERE}/receipts/{receipt.id}/voids", json={"note": "Nom"})

    names = [each["made_out_to"] for each in client.get(f"{WHERE}/receipts").json["items"]]
    assert names == ["Claire Lemoigne", "Claire Lemoine"]


def test_a_company_that_gives_much_is_led_to_an_agreement(campaign, client):
    wish = {"campaign_id": str(campaign), "amount_minor": 500_000, **world.GUEST}

    refused = client.post(
        f"{WHERE}/donations",
        json=wish | {"receipt_to": receipt_world.COMPANY},
        headers={"Idempotency-Key": str(uuid4())},
    )

    assert (refused.status_code, refused.json["code"]) == (422, "agreement_needed")
    assert refused.json["from_minor"] == 500_000
