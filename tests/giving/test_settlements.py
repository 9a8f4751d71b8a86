"""A payment becomes a gift: once, in the books, in the totals, and told."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from services.giving import checkouts, settlements
from services.giving.drift import drift_check
from services.giving.models import CampaignTotal, Finding, LedgerEntry, Transaction
from services.giving.settings import GivingSettings
from shared.messages import reveal
from shared.payments.records import Page
from tests.giving import world

pytestmark = pytest.mark.usefixtures("giving")


def total(campaign_id):
    with Transaction() as session:
        return session.get_one(CampaignTotal, campaign_id)


def said(kind):
    with Transaction() as session:
        rows = session.execute(
            text("select payload, contact, headers from outbox where type = :t order by position"),
            {"t": kind},
        )
        return [row._mapping for row in rows]


def settle(gift, **changed):
    with Transaction() as session:
        return settlements.settle(session, replace(gift.paid, **changed), at=world.NOW)


def test_a_settled_gift_is_in_the_books_and_in_the_total():
    campaign_id = world.campaign()

    gift = world.settled(campaign_id, 12_000)

    assert world.state(gift).status == "settled"
    assert (total(campaign_id).raised_minor, total(campaign_id).donors_count) == (12_000, 1)
    with Transaction() as session:
        lines = session.execute(select(LedgerEntry).order_by(LedgerEntry.line)).scalars().all()
        assert [(e.account, e.debit_minor, e.credit_minor) for e in lines] == [
            ("provider", 12_000, 0),
            ("gifts", 0, 12_000),
        ]
        assert drift_check(session) == []


def test_the_news_carries_the_contact_apart_from_the_facts(giving: GivingSettings):
    gift = world.settled(world.campaign(), 12_000)

    [row] = said("donation.settled")

    assert "claire@example.org" not in row["payload"]
    assert "claire@example.org" in row["contact"]
    assert row["headers"]["ce_correlationid"] == str(gift.id)
    assert "/l/gift/" not in row["payload"] + row["contact"]
    sealed = json.loads(row["contact"])["link"]
    assert f"/l/gift/{gift.id}." in reveal(sealed, "m" * 43)


def test_a_second_payment_event_of_the_same_payment_changes_nothing():
    campaign_id = world.campaign()
    gift = world.settled(campaign_id)

    assert settle(gift) == "ignored"

    assert total(campaign_id).donations_count == 1
    assert len(said("donation.settled")) == 1


def test_a_payment_on_another_page_than_the_one_that_we_opened_is_a_finding_and_no_money():
    campaign_id = world.campaign()
    gift = world.begin(campaign_id)
    page = Page(id=gift.session_id, url="https://pay.example/", expires_at=world.NOW)
    with Transaction() as session:
        checkouts.keep_page(session, world.checkout(gift), page)

    assert settle(gift, session_id="cs_another") == "mismatch"

    assert (world.state(gift).status, total(campaign_id).raised_minor) == ("pending", 0)
    with Transaction() as session:
        assert session.query(Finding).one().detail["theirs"] == {"session": "cs_another"}
    assert settle(gift) == "applied"
