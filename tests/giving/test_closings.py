"""Closing a year: only when nothing remains or it is accepted, for good, whoever is at work meanwhile."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.giving import closing_checks, closings, findings, ledger, ledger_numbers, settlements
from services.giving.drift import drift_check
from services.giving.models import Closing, Entity, LedgerTransaction, Reconciliation, Transaction
from shared.clock import ZONE
from tests.giving import world
from tests.support.tokens import bearer

SUMMER, LAST_DAY = datetime(2025, 7, 1, tzinfo=UTC), date(2025, 12, 31)
OPENS = datetime(2026, 1, 1, tzinfo=ZONE)


def reading():
    """Headers of who may read gifts; a token lives five minutes."""
    return bearer(rights=["giving.read"])


def managing():
    """Headers of who may run gifts."""
    return bearer(rights=["giving.manage"])


@pytest.fixture
def campaign_id(giving, monkeypatch):
    """A gift of 2025, and every day of that year compared with the provider."""
    campaign_id = world.campaign()
    monkeypatch.setattr(world, "NOW", SUMMER)
    world.settled(campaign_id)
    compare(SUMMER - timedelta(days=1), OPENS + timedelta(hours=1))
    return campaign_id


def entity_id():
    with Transaction() as session:
        return session.query(Entity).filter_by(slug="fondation").one().id


def compare(since, until):
    with Transaction() as session:
        values = dict.fromkeys(("events_taken", "movements_seen", "findings_new"), 0)
        session.add(
            Reconciliation(
                account="fondation", since=since, until=until, by=None, finished_at=until, **values
            )
        )


def find(at):
    with Transaction() as session:
        detail = {"at": at.isoformat()}
        findings.record(session, "charge_unknown", "fondation", f"ch_{uuid4()}", None, detail, at=world.NOW)


def close(*, last_day=LAST_DAY, accepts=(), note="", by=None):
    with Transaction() as session:
        return closings.close(
            session, entity_id(), last_day=last_day, accepts=list(accepts), note=note, by=by,
            at=datetime(2026, 6, 1, tzinfo=UTC),
        )  # fmt: skip


def ask(app, what="closings", **wish):
    url = f"/api/v1/giving/entities/{entity_id()}/{what}"
    if what != "closings":
        return app.test_client().get(url, query_string=wish, headers=reading())
    return app.test_client().post(url, json=wish, headers=managing())


def test_a_year_is_closed_with_its_balance_and_numbers(app, campaign_id):
    made = ask(app, last_day="2025-12-31")

    assert made.status_code == 201 and set(made.json) == {"id"}
    url = f"/api/v1/giving/entities/{entity_id()}/closings"
    shown = app.test_client().get(f"{url}/{made.json['id']}", headers=reading()).json
    assert [(each["number"], each["closing_minor"]) for each in shown["balance"]] == [
        ("517000", 5000), ("75411001", -5000)
    ]  # fmt: skip
    assert (len(shown["hash"]), shown["accepted"], shown["first_day"]) == (64, [], "2025-01-01")
    [listed] = app.test_client().get(url, headers=reading()).json["items"]
    assert listed["hash"] == shown["hash"]
    assert ask(app, "books").json["closed_until"] == "2025-12-31"
    with Transaction() as session:
        assert drift_check(session) == []
        assert session.execute(text("select count(*) from ledger_numbers")).scalar_one() == 1
        trail = session.execute(text("select action from audit_entries order by number desc limit 1"))
        assert trail.scalar_one() == "books.closed"


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"last_day": "2025-12-30"}, 422, "no_year_ends_then"),
        ({"last_day": "2199-12-31"}, 409, "year_not_over"),
        ({"last_day": "2025-12-31", "accepts": ["findings"]}, 422, "fields_refused"),
        ({"last_day": "2025-12-31", "accepts": ["unbalanced"], "note": "vu"}, 422, "fields_refused"),
        ({"last_day": "31/12/2025"}, 422, "fields_refused"),
        ({}, 422, "fields_refused"),
    ],
)
def test_what_cannot_be_closed_is_refused(app, campaign_id, wish, status, code):
    refused = ask(app, **wish)

    assert (refused.status_code, refused.json["code"]) == (status, code)


def test_a_year_is_closed_once_and_the_ones_before_it_with_it(app, campaign_id):
    assert ask(app, last_day="2025-12-31").status_code == 201

    for last_day in ("2025-12-31", "2024-12-31"):
        again = ask(app, last_day=last_day)
        assert (again.status_code, again.json["code"]) == (409, "year_closed")


def test_what_remains_is_told_and_accepted_with_a_note(app, campaign_id):
    find(SUMMER)
    find(OPENS)
    with Transaction() as session:
        session.execute(text("update reconciliations set until = :at"), {"at": OPENS - timedelta(hours=30)})

    told = ask(app, "closing-checks", last_day="2025-12-31").json
    refused = ask(app, last_day="2025-12-31", accepts=["findings"], note="Vu avec la banque")
    closed = ask(
        app, last_day="2025-12-31", accepts=["findings", "unreconciled_days"], note="Vu avec la banque"
    )

    days = ["2025-12-30", "2025-12-31"]
    assert told["items"] == [
        {"kind": "findings", "count": 1, "days": []},
        {"kind": "unreconciled_days", "count": 2, "days": days},
        {"kind": "provisional", "count": 1, "days": []},
    ]
    assert (refused.status_code, refused.json["code"]) == (409, "books_not_ready")
    assert [each["kind"] for each in refused.json["remaining"]] == ["unreconciled_days"]
    assert closed.status_code == 201
    with Transaction() as session:
        [closing] = session.query(Closing).all()
    assert [each["kind"] for each in closing.accepted] == ["findings", "unreconciled_days"]


def test_what_does_not_balance_is_never_accepted(campaign_id, giving_database):
    with pytest.raises(closings.BooksNotReady) as refused:
        plant_unbalanced(giving_database)
        close(accepts=closing_checks.ACCEPTABLE, note="tant pis")

    assert [each["kind"] for each in refused.value.facts["remaining"]] == ["unbalanced"]


def plant_unbalanced(giving_database):
    with psycopg.connect(giving_database.owner_url, autocommit=True) as owner:
        owner.execute("update ledger_entries set debit_minor = debit_minor + 1 where debit_minor > 0")


def test_the_database_refuses_what_is_dated_in_a_closed_year(campaign_id):
    close()
    gift = world.begin(campaign_id)

    with pytest.raises(DBAPIError) as refused, Transaction() as session:
        session.add(
            LedgerTransaction(
                kind="fee", entity_id=entity_id(), donation_id=gift.id, reference="x",
                at=OPENS - timedelta(seconds=1), value_at=None, posted_at=world.NOW,
            )
        )  # fmt: skip

    assert refused.value.orig.diag.constraint_name == "ledger_period_open"


@pytest.mark.parametrize(
    "act",
    ["update closings set opens_at = '2000-01-01'", "delete from closings", "delete from ledger_numbers"],
)
def test_nobody_opens_a_year_again(campaign_id, act):
    close()

    with pytest.raises(DBAPIError), Transaction() as session:
        session.execute(text(act))


def test_what_the_provider_tells_late_is_booked_on_the_first_open_day(campaign_id):
    close()
    gift = world.begin(campaign_id)
    late = replace(gift.paid, paid_at=SUMMER)

    with Transaction() as session:
        assert settlements.settle(session, late, at=datetime(2026, 6, 2, tzinfo=UTC)) == "applied"
        ledger.post(
            session, "fee", ledger.fee(40), entity_id=entity_id(), donation_id=gift.id, reference="txn_late",
            currency="EUR", at=SUMMER, posted_at=datetime(2026, 6, 2, tzinfo=UTC),
        )  # fmt: skip
    ledger_numbers.give_all(at=world.NOW)

    with Transaction() as session:
        booked = session.query(LedgerTransaction).filter_by(donation_id=gift.id).order_by("id").all()
        assert [(each.kind, each.at, each.value_at) for each in booked] == [
            ("gift", OPENS, SUMMER), ("fee", OPENS, SUMMER)
        ]  # fmt: skip
        years = text("select year, number from ledger_numbers order by year, number")
        assert session.execute(years).all() == [
            (date(2025, 1, 1), 1), (date(2026, 1, 1), 1), (date(2026, 1, 1), 2)
        ]  # fmt: skip
        assert drift_check(session) == []


def test_a_closed_year_that_was_touched_is_drift(campaign_id, giving_database):
    close()
    plant_unbalanced(giving_database)

    with Transaction() as session:
        found = [str(each) for each in drift_check(session)]

    assert any("until 2025-12-31: trial balance is" in each for each in found)


def test_numbers_with_a_gap_and_a_correction_of_nothing_are_drift(campaign_id):
    with Transaction() as session:
        ledger.post(
            session, "correction", ledger.unexplained(5), entity_id=entity_id(), donation_id=None,
            reference="txn_none", currency="EUR", at=SUMMER, posted_at=SUMMER,
        )  # fmt: skip
        session.execute(
            text(
                "insert into ledger_numbers (entity_id, year, number, transaction_id, numbered_at)"
                " select entity_id, '2025-01-01', 2, id, at from ledger_transactions where kind = 'gift'"
            )
        )

    with Transaction() as session:
        found = [str(each) for each in drift_check(session)]
    assert len(found) == 3 and any("transactions numbered is 1, should be 2" in each for each in found)


@pytest.mark.parametrize("guarded", [True, False])
def test_a_gift_that_is_being_booked_is_in_the_balance_that_is_kept(campaign_id, giving_database, guarded):
    """The control run posts without sharing the lock: the year is closed over its head."""
    gift = world.begin(campaign_id)
    with psycopg.connect(giving_database.owner_url, autocommit=True) as owner:
        whole = owner.execute("select pg_get_functiondef('ledger_period_open'::regproc)").fetchone()[0]
        if not guarded:
            owner.execute(whole.replace("perform pg_advisory_xact_lock_shared", "perform 1; --"))
        try:
            closer = threading.Thread(target=close)
            with Transaction() as session:
                settlements.settle(session, gift.paid, at=SUMMER)
                closer.start()
                if guarded:
                    _until_waiting(owner)
                else:
                    closer.join()
            closer.join()
        finally:
            owner.execute(whole)

    with Transaction() as session:
        [closing] = session.query(Closing).all()
        drifted = [str(each) for each in drift_check(session)]
    kept = next(each["closing_minor"] for each in closing.balance if each["kind"] == "provider")
    assert (kept, bool(drifted)) == ((10_000, False) if guarded else (5_000, True))


def _until_waiting(owner):
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while owner.execute(waits).fetchone()[0] == 0:
        pass


@pytest.mark.parametrize(
    ("spans", "missing"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(-5, 3), (2, 12)], []),
        ([(1, 3), (5, 8)], [(0, 1), (3, 5), (8, 10)]),
        ([(0, 3), (1, 2), (4, 20)], [(3, 4)]),
    ],
)
def test_what_no_span_covers(spans, missing):
    def at(hours):
        return SUMMER + timedelta(hours=hours)

    covered = [(at(start), at(end)) for start, end in spans]

    assert list(closing_checks.gaps(covered, at(0), at(10))) == [(at(a), at(b)) for a, b in missing]


def test_a_closing_of_another_entity_is_not_found(app, campaign_id):
    closing = close()

    for entity, id in ((uuid4(), closing.id), (entity_id(), UUID(int=1))):
        url = f"/api/v1/giving/entities/{entity}/closings/{id}"
        assert app.test_client().get(url, headers=reading()).status_code == 404
