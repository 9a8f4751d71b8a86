"""The demo's data: made through the use cases, agreeing with the provider, and once."""

from dataclasses import fields
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from services.giving import demo, demo_campaigns, demo_gifts, demo_payouts, reconciliations
from services.giving.drift import drift_check
from services.giving.models import Checkout, Donation, Donor, Finding, Transaction
from services.giving.settings import current, use
from shared.clock import now
from tests.giving import world
from tests.support import provider as provider_support


def people(count):
    found = []
    with Transaction() as session:
        for number in range(count):
            person_id = uuid4()
            found.append(
                Donor(
                    id=person_id,
                    person_id=person_id,
                    version=1,
                    given_name="Ada",
                    family_name=f"N{number}",
                    class_year=1990 + number % 30,
                    email=f"p{number}@example.org",
                    contactable=True,
                    created_at=world.NOW,
                )
            )
        session.add_all(found)
    return found


def told_of(settings, provider):
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return values | {"provider_accounts_file": provider.accounts_file}


def test_a_demo_that_was_broken_off_is_taken_up_where_it_was(giving, tmp_path, monkeypatch):
    for each in demo_campaigns.CAMPAIGNS:
        monkeypatch.setitem(each, "gifts", 20)
    history, left = demo_gifts.tell_past, [2]

    def dies(account, what, items):
        if what == "payments" and items:
            left[0] -= 1
            if left[0] < 0:
                raise httpx.ConnectError("the sandbox died")
        return history(account, what, items)

    entries = [provider_support.entry(slug) for slug in ("fondation", "association")]
    with provider_support.provider(tmp_path, entries) as provider:
        told = use(demo.DemoSettings(**told_of(giving, provider)))
        crowd = people(30)
        monkeypatch.setattr(demo, "BATCH", 10)
        monkeypatch.setattr(demo_gifts, "tell_past", dies)
        with pytest.raises(httpx.ConnectError):
            demo.make(crowd, told, at=now())
        monkeypatch.setattr(demo_gifts, "tell_past", history)
        with Transaction() as session:
            begun = session.query(Donation).count()
            assert session.query(Checkout).filter(Checkout.closed_at.is_(None)).count() > 0

        made = demo.make(crowd, told, at=now())

        assert made > begun
        with Transaction() as session:
            assert session.query(Checkout).filter(Checkout.closed_at.is_(None)).count() == 0
            assert session.query(Donation).count() == 20 * len(demo_campaigns.CAMPAIGNS)
            assert drift_check(session) == []
        for account in current().accounts.values():
            reconciliations.reconcile(account, since=now() - timedelta(days=900))
            with Transaction() as session:
                assert [(f.kind, f.detail) for f in session.query(Finding)] == []


def test_two_years_of_gifts_agree_with_the_books_and_with_the_provider(giving, tmp_path, monkeypatch):
    for each in demo_campaigns.CAMPAIGNS:
        monkeypatch.setitem(each, "gifts", max(20, each["gifts"] // 10))
    monkeypatch.setattr(demo_gifts, "REFUNDED_EVERY", 7)
    entries = [provider_support.entry(slug) for slug in ("fondation", "association")]
    with provider_support.provider(tmp_path, entries) as provider:
        told = use(demo.DemoSettings(**told_of(giving, provider)))
        crowd = people(30)

        made = demo.make(crowd, told, at=now())
        again = demo.make(crowd, told, at=now())
        paid_out = [demo_payouts.make(at=now()) for _ in range(2)]

        assert made > 100 and paid_out[0] > 10 and paid_out[1] == 0
        assert again == 0
        with Transaction() as session:
            assert drift_check(session) == []
            assert session.query(Donation).filter(Donation.refunded_at.is_not(None)).count() > 3
        for account in current().accounts.values():
            found = reconciliations.reconcile(account, since=now() - timedelta(days=900))
            with Transaction() as session:
                assert [(f.kind, f.detail) for f in session.query(Finding)] == []
            assert found.movements_seen > 30
