"""The files of the books: journal, FEC, daily receipts; each in the trail, none a formula."""

import csv
import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import ledger, ledger_exports
from services.giving.models import Entity, Settlement, Transaction
from services.giving.models.ledger import KINDS
from tests.giving import world
from tests.support.tokens import bearer, trust

SIREN = "552100554"
SPRING, AUTUMN = datetime(2026, 3, 1, 23, 30, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
YEAR = {"first_day": "2026-01-01", "last_day": "2026-12-31"}


def reading():
    """Headers of who may read gifts; a token lives five minutes."""
    return bearer(rights=["giving.read"])


@pytest.fixture
def entity_id(giving, monkeypatch):
    """A year of two gifts to two funds, one with its fee."""
    for number, at in enumerate((SPRING, AUTUMN)):
        monkeypatch.setattr(world, "NOW", at)
        gift = world.settled(world.campaign(title={"fr": "=Bourses", "en": "Grants"}), 5000 + number)
    with Transaction() as session:
        entity = session.query(Entity).one()
        entity.siren = SIREN
        session.get_one(Settlement, gift.id).fee_minor = 33
        session.get_one(Settlement, gift.id).detailed_at = AUTUMN
        ledger.post(
            session, "fee", ledger.fee(33), entity_id=entity.id, donation_id=gift.id, reference="txn_1",
            currency="EUR", at=AUTUMN, posted_at=AUTUMN,
        )  # fmt: skip
        return entity.id


def take(app, entity_id, what, headers=None, **wish):
    return app.test_client().post(
        f"/api/v1/giving/entities/{entity_id}/{what}-exports", json=wish, headers=headers or reading()
    )


def sheet(answer):
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline=""), delimiter=";"))


def trail():
    with Transaction() as session:
        return session.execute(
            text('select action, reason, "right" from audit_entries order by number')
        ).all()


def test_the_journal_has_a_line_for_each_entry_and_is_balanced(app, entity_id):
    lines = sheet(take(app, entity_id, "journal", **YEAR))

    assert [(each["Date"], each["Compte"], each["Débit"], each["Crédit"]) for each in lines] == [
        ("02/03/2026", "517000", "50,00", "0,00"), ("02/03/2026", "75411001", "0,00", "50,00"),
        ("01/10/2026", "517000", "50,01", "0,00"), ("01/10/2026", "75411002", "0,00", "50,01"),
        ("01/10/2026", "627800", "0,33", "0,00"), ("01/10/2026", "517000", "0,00", "0,33"),
    ]  # fmt: skip
    assert {each["Campagne"] for each in lines} == {"'=Bourses", ""}
    assert {each["Opération"] for each in lines} == {"Don encaissé", "Frais du prestataire de paiement"}
    assert ("ledger.exported", "journal", "giving.read") in trail()


def test_the_journal_is_in_english_where_that_is_asked(app, entity_id):
    answer = take(app, entity_id, "journal", locale="en", **YEAR)

    assert [each["Debit"] for each in sheet(answer)][:2] == ["50.00", "0.00"]
    assert answer.headers["Content-Disposition"].endswith("amicale-journal-2026-01-01-2026-12-31.csv")


def test_a_file_of_many_rows_is_whole(app, entity_id, monkeypatch):
    monkeypatch.setattr("shared.spreadsheets.AT_ONCE", 2)
    monkeypatch.setattr(ledger_exports, "FETCHED", 1)

    answer = take(app, entity_id, "journal", **YEAR)

    assert len(sheet(answer)) == 6 and answer.text.count("\ufeff") == 1


def test_the_fec_has_its_eighteen_columns_and_numbers_without_gaps(app, entity_id):
    answer = take(app, entity_id, "fec", last_day="2026-12-31")

    rows = [line.split("\t") for line in answer.text.split("\r\n")[:-1]]
    assert answer.headers["Content-Disposition"].endswith(f"{SIREN}FEC20261231.txt")
    assert rows[0][:4] == ["JournalCode", "JournalLib", "EcritureNum", "EcritureDate"]
    assert {len(row) for row in rows} == {18} and len(rows) == 7
    assert [row[2] for row in rows[1:]] == ["1", "1", "2", "2", "3", "3"]
    [first] = [dict(zip(rows[0], row, strict=True)) for row in rows[1:2]]
    assert (first["EcritureDate"], first["Debit"], first["Credit"]) == ("20260302", "50,00", "0,00")
    assert first["PieceRef"].startswith("pi_") and len(first["ValidDate"]) == 8
    minor = {n: sum(int(row[n].replace(",", "")) for row in rows[1:]) for n in (11, 12)}
    assert minor[11] == minor[12] == 10034
    assert ("ledger.exported", "fec", "giving.read") in trail()


def test_a_file_for_the_tax_inspector_needs_a_siren_and_a_whole_year(app, entity_id):
    assert take(app, entity_id, "fec", last_day="2026-12-30").json["code"] == "no_year_ends_then"
    assert take(app, entity_id, "fec", last_day="2026-13-01").status_code == 422
    assert take(app, uuid4(), "fec", last_day="2026-12-31").status_code == 404
    with Transaction() as session:
        session.execute(text("update entities set siren = null"))

    refused = take(app, entity_id, "fec", last_day="2026-12-31")

    assert (refused.status_code, refused.json["code"]) == (409, "entity_without_siren")


def test_daily_receipts_are_by_day_account_and_means(app, entity_id):
    lines = sheet(take(app, entity_id, "daily-receipt", **YEAR))

    assert [tuple(each.values())[:1] + tuple(each.values())[3:8] for each in lines] == [
        ("02/03/2026", "Carte bancaire", "1", "50,00", "0,00", "50,00"),
        ("01/10/2026", "Carte bancaire", "1", "50,01", "0,33", "49,68"),
    ]


def test_who_lost_the_right_a_moment_ago_takes_no_file(app, entity_id):
    person = uuid4()
    headers = bearer(person, ["giving.read"])
    trust(app).taken.add((person, "giving.read"))

    for what, wish in (("journal", YEAR), ("fec", {"last_day": "2026-12-31"}), ("daily-receipt", YEAR)):
        assert take(app, entity_id, what, headers=headers, **wish).status_code == 403
    assert not [each for each in trail() if each.action == "ledger.exported"]


def test_every_kind_of_transaction_has_a_name_in_both_languages():
    for names in ledger_exports.KINDS.values():
        assert set(names) == set(KINDS)
