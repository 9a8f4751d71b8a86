"""Searching gifts: how each stands, what is left out unless asked for, their order, and sums that agree."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.giving import checkouts, debits
from services.giving.models import Checkout, Transaction
from tests.giving import world
from tests.support.tokens import bearer

URL = "/api/v1/giving/donations"
TOTALS = "/api/v1/giving/donation-totals"


def ask(school, url=URL, **query):
    return school.client.get(url, query_string=query, headers=bearer(rights=["giving.read"])).json


def found(school, **query):
    return [(each["id"], each["standing"]) for each in ask(school, **query)["items"]]


@pytest.fixture
def each(school):
    """One gift of each standing, by its standing."""
    campaign_id = world.campaign()
    gifts = {
        name: world.begin(campaign_id, 1000 + number, email=f"{name}@example.org")
        for number, name in enumerate(("open", "left", "abandoned", "declined", "refused", "awaiting"))
    }
    gifts |= {name: world.settled(campaign_id, 9000) for name in ("received", "refunded")}
    with Transaction() as session:
        page = session.get_one(Checkout, gifts["left"].checkout_id)
        page.expires_at = world.NOW - timedelta(minutes=1)
        checkouts.end(session, gifts["abandoned"].checkout_id, "expired", at=world.NOW)
        checkouts.end(session, gifts["declined"].checkout_id, "failed", at=world.NOW)
        checkouts.decline(session, gifts["refused"].checkout_id, code="expired_card", at=world.NOW)
        debits.promise(session, gifts["awaiting"].checkout_id, payment_id="pi_1", at=world.NOW)
    world.tell(gifts["refunded"], gifts["refunded"].event("refund.created"))
    return {name: str(gift.id) for name, gift in gifts.items()}


def test_a_form_that_nobody_paid_is_not_among_the_gifts(school, each):
    assert dict(found(school)) == {
        each["received"]: "received",
        each["refunded"]: "refunded",
        each["awaiting"]: "awaiting",
    }


def test_who_asks_for_unpaid_forms_finds_them_under_their_own_name(school, each):
    assert dict(found(school, standing="unpaid")) == {
        each["open"]: "open",
        each["left"]: "abandoned",
        each["abandoned"]: "abandoned",
        each["declined"]: "declined",
        each["refused"]: "declined",
    }
    assert len(found(school, standing="any")) == 8


@pytest.mark.parametrize("standing", ["received", "refunded", "awaiting"])
def test_staff_filter_by_standing(school, each, standing):
    assert found(school, standing=standing) == [(each[standing], standing)]


def test_a_payment_page_that_was_never_opened_is_abandoned_after_a_day(school):
    gift = world.begin(world.campaign(), at=world.NOW - timedelta(hours=26))

    assert found(school, standing="unpaid") == [(str(gift.id), "abandoned")]


@pytest.mark.parametrize("asked", [{}, {"standing": "any"}, {"standing": "unpaid"}, {"q": "claire"}])
def test_totals_are_those_of_the_gifts_on_all_pages(school, each, asked):
    listed, after = [], None
    while True:
        page = ask(school, limit=2, **asked, **({"after": after} if after else {}))
        listed += page["items"]
        if not (after := page["next"]):
            break

    counted = {}
    for gift in listed:
        count, amount = counted.get(gift["standing"], (0, 0))
        counted[gift["standing"]] = (count + 1, amount + gift["amount_minor"])
    lines = ask(school, TOTALS, **asked)["items"]
    assert {line["standing"]: (line["count"], line["amount_minor"]) for line in lines} == counted


def test_what_is_received_is_what_the_campaign_counts(school, each):
    line = ask(school, TOTALS, standing="received")["items"][0]

    with Transaction() as session:
        counted = session.execute(
            text("select count(*), sum(amount_minor) from donations where status = 'settled'")
        ).one()
    assert (line["count"], line["amount_minor"]) == tuple(counted)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("newest", [20, 30, 10, 20, 10, 30, 20]),
        ("oldest", [20, 30, 10, 20, 10, 30, 20]),
        ("largest", [30, 30, 20, 20, 20, 10, 10]),
        ("smallest", [10, 10, 20, 20, 20, 30, 30]),
    ],
)
def test_pages_in_any_order_neither_skip_nor_repeat(school, sort, order):
    campaign_id = world.campaign()
    made = [str(world.settled(campaign_id, 100 * euros).id) for euros in (20, 30, 10, 20, 10, 30, 20)]
    seen, after = [], None
    while True:
        page = ask(school, sort=sort, limit=3, **({"after": after} if after else {}))
        seen += [(each["id"], each["amount_minor"] // 100) for each in page["items"]]
        if not (after := page["next"]):
            break

    assert [amount for _, amount in seen] == order
    assert sorted(id for id, _ in seen) == sorted(made)
    if sort in {"newest", "oldest"}:
        assert [id for id, _ in seen] == (made if sort == "oldest" else made[::-1])


def test_a_guests_gifts_are_found_by_their_party(school):
    campaign_id = world.campaign()
    own = [str(world.settled(campaign_id).id) for _ in range(2)]
    world.settled(campaign_id, given_name="Zoé", email="zoe@example.org")

    party = ask(school, q="claire")["items"][0]["donor"]["party_id"]

    assert [id for id, _ in found(school, party_id=party)] == own[::-1]


def test_a_word_that_the_filter_does_not_know_is_refused(school):
    answer = school.client.get(URL + "?standing=paid", headers=bearer(rights=["giving.read"]))

    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["standing"]
