"""What staff read of the books: trial balance, statement, journal; the same figures in each."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import ledger, ledger_numbers
from services.giving.models import Entity, Transaction
from shared.clock import ZONE
from tests.giving import world
from tests.support.tokens import bearer

YEAR = {"first_day": "2026-01-01", "last_day": "2026-12-31"}
LAST_YEAR, WINTER, AUTUMN = (
    datetime(*day, tzinfo=UTC) for day in ((2025, 6, 1), (2026, 2, 1), (2026, 11, 1))
)


def reading():
    """Headers of who may read gifts; a token lives five minutes."""
    return bearer(rights=["giving.read"])


@pytest.fixture
def client(app):
    return app.test_client()


def entity_id(slug="fondation"):
    with Transaction() as session:
        return session.query(Entity).filter_by(slug=slug).one().id


def ask(client, what, *, entity=None, **query):
    url = f"/api/v1/giving/entities/{entity or entity_id()}/{what}"
    return client.get(url, query_string=YEAR | query, headers=reading())


def fee(gift, minor, *, at, reference=""):
    with Transaction() as session:
        ledger.post(
            session, "fee", ledger.fee(minor), entity_id=entity_id(), donation_id=gift.id,
            reference=reference or f"txn_{gift.id}", currency="EUR", at=at, posted_at=world.NOW,
        )  # fmt: skip


@pytest.fixture
def two_years(giving, monkeypatch):
    """A gift of last year and two of this one, with their fees."""
    campaign_id = world.campaign()
    gifts = []
    for at, minor in ((LAST_YEAR, 4000), (WINTER, 5000), (AUTUMN, 7000)):
        monkeypatch.setattr(world, "NOW", at)
        gifts.append(world.settled(campaign_id, minor))
        fee(gifts[-1], 100, at=at)
    return campaign_id, gifts


def test_a_trial_balance_carries_former_years_and_every_column_is_zero(client, two_years):
    items = ask(client, "trial-balance").json["items"]

    figures = ("opening_minor", "debits_minor", "credits_minor", "closing_minor")
    assert [(each["number"], *(each[name] for name in figures)) for each in items] == [
        ("110000", -3900, 0, 0, -3900),
        ("517000", 3900, 12000, 200, 15700),
        ("627800", 0, 200, 0, 200),
        ("75411001", 0, 0, 12000, -12000),
    ]
    assert sum(each["opening_minor"] for each in items) == sum(each["closing_minor"] for each in items) == 0


def test_funds_of_one_number_are_one_line_and_other_entities_are_apart(client, two_years):
    world.settled(world.campaign(), 300)
    world.settled(world.campaign("amicale"), 800)
    with Transaction() as session:
        session.execute(text("update ledger_accounts set number = '754110' where kind = 'gifts'"))

    ours = ask(client, "trial-balance").json["items"]
    theirs = ask(client, "trial-balance", entity=entity_id("amicale")).json["items"]

    assert [each["credits_minor"] for each in ours if each["kind"] == "gifts"] == [12300]
    assert [each["closing_minor"] for each in theirs] == [800, -800]


@pytest.mark.parametrize(
    "period",
    [
        {"first_day": "2026-02-30"}, {"first_day": "2027-01-01"}, {"last_day": "9999-12-31"},
        {"last_day": ""}, {"first_day": "0001-01-01"}, {"currency": "EUR"},
    ],
)  # fmt: skip
def test_a_period_that_cannot_be_is_refused(client, two_years, period):
    assert ask(client, "trial-balance", **period).status_code == 422


def test_a_statement_tells_the_balance_after_each_entry_across_pages(client, two_years):
    whole = ask(client, "accounts/517000/statement").json
    first = ask(client, "accounts/517000/statement", limit=3).json
    second = ask(client, "accounts/517000/statement", limit=3, after=first["next"]).json

    assert (whole["opening_minor"], [each["balance_minor"] for each in whole["items"]]) == (
        3900, [8900, 8800, 15800, 15700]
    )  # fmt: skip
    assert first["items"] + second["items"] == whole["items"]
    assert (second["opening_minor"], second["next"]) == (15800, None)
    gifts = ask(client, "accounts/75411001/statement").json
    assert (gifts["opening_minor"], gifts["items"][-1]["balance_minor"]) == (0, -12000)


def test_a_statement_of_no_account_or_with_anothers_cursor_is_refused(client, two_years):
    cursor = ask(client, "accounts/517000/statement", limit=1).json["next"]

    assert ask(client, "accounts/999999/statement").status_code == 404
    assert ask(client, "accounts/627800/statement", after=cursor).status_code == 422
    assert ask(client, "accounts/517000/statement", currency="ZZZ").status_code == 422


def test_the_journal_shows_both_sides_under_their_numbers(client, two_years):
    _, (_, _, gift) = two_years

    newest = ask(client, "journal", kind="gift").json["items"][0]

    assert (newest["donation_id"], newest["number"], newest["value_at"]) == (str(gift.id), None, None)
    sides = [(each["number"], each["debit_minor"], each["credit_minor"]) for each in newest["entries"]]
    assert sides == [("517000", 7000, 0), ("75411001", 0, 7000)]


def test_the_journal_is_filtered_and_paged(client, two_years):
    campaign_id, (_, gift, _) = two_years
    other = world.settled(world.campaign(), 900)

    def found(**query):
        return [each["donation_id"] for each in ask(client, "journal", **query).json["items"]]

    assert found(account="627800") == found(kind="fee") and len(found(kind="fee")) == 2
    assert str(other.id) not in found(campaign_id=campaign_id) and len(found(campaign_id=campaign_id)) == 2
    assert found(reference=gift.payment_id) == [str(gift.id)]
    assert found(reference=str(gift.id)) == [str(gift.id)] * 2
    assert found(reference="nothing") == []
    assert len(found(first_day="2025-01-01")) == 7
    first = ask(client, "journal", limit=2).json
    assert len(ask(client, "journal", limit=100, after=first["next"]).json["items"]) == 3
    assert ask(client, "journal", account="999999").status_code == 404
    assert ask(client, "journal", kind="gifts").status_code == 422


def test_a_day_is_one_of_the_school(client, giving, monkeypatch):
    monkeypatch.setattr(world, "NOW", datetime(2026, 1, 1, tzinfo=ZONE) - timedelta(seconds=1))
    world.settled(world.campaign())

    assert ask(client, "journal").json["items"] == []
    assert len(ask(client, "journal", first_day="2025-12-31").json["items"]) == 1


def test_an_entity_that_is_none_has_no_books(client, two_years):
    for what in ("trial-balance", "journal", "accounts/517000/statement", "books"):
        answer = client.get(
            f"/api/v1/giving/entities/{uuid4()}/{what}",
            query_string={} if what == "books" else YEAR,
            headers=reading(),
        )
        assert answer.status_code == 404, what


def test_numbers_have_no_gap_in_a_year_and_what_comes_late_has_the_next(client, two_years, monkeypatch):
    campaign_id, _ = two_years
    assert ledger_numbers.give_all(at=world.NOW) == 6
    monkeypatch.setattr(world, "NOW", datetime(2026, 1, 15, tzinfo=UTC))
    world.settled(campaign_id, 100)

    assert ledger_numbers.give_all(at=world.NOW) == 1
    assert ledger_numbers.give_all(at=world.NOW) == 0

    items = ask(client, "journal", first_day="2025-01-01").json["items"]
    numbers = [each["number"] for each in items]
    assert (sorted(numbers[:4]), numbers[4], sorted(numbers[5:])) == ([1, 2, 3, 4], 5, [1, 2])
