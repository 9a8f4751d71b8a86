"""Exports: a file that a spreadsheet opens, for who may, with a trace."""

import csv
import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.giving.models import Donation, Transaction
from tests.giving import world
from tests.support.tokens import bearer

URL = "/api/v1/giving/donation-exports"


def export(school, *rights, **wish):
    return school.client.post(URL, json=wish, headers=bearer(rights=rights))


@pytest.fixture
def gifts(school):
    campaign_id = world.campaign()
    world.settled(campaign_id, given_name="=SUM(A1)", family_name="Nguyễn", email="zoe@example.org")
    world.settled(campaign_id)
    return campaign_id


def test_a_spreadsheet_opens_it(school, gifts):
    answer = export(school, "people.export", "giving.read", campaign_id=str(gifts))

    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("\ufeff")
    assert {row["Montant encaissé"] for row in rows(answer)} == {"50,00"}
    assert {row["Donateur"] for row in rows(answer)} == {"'=SUM(A1) Nguyễn", "Claire Lemoine"}


@pytest.mark.parametrize("rights", [(), ("people.export",), ("giving.read",)])
def test_both_rights_are_needed(school, gifts, rights):
    assert export(school, *rights).status_code == 403


def rows(answer):
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))


@pytest.mark.parametrize(
    ("locale", "received", "status", "amount"),
    [
        ("fr", ("Encaissé le", "01/07/2026 00:30"), ("État", "encaissé"), ("Montant encaissé", "1234,50")),
        ("en", ("Received on", "2026-07-01 00:30"), ("Status", "received"), ("Amount received", "1234.50")),
    ],
)
def test_days_amounts_and_states_are_written_as_the_reader_writes_them(
    school, locale, received, status, amount
):
    evening = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    gift = world.settled(world.campaign(), 123_450)
    with Transaction() as session:
        session.get_one(Donation, gift.id).settled_at = evening

    row = rows(export(school, "people.export", "giving.read", locale=locale))[0]

    assert [row[name] for name, _ in (received, status, amount)] == [received[1], status[1], amount[1]]


def test_the_file_holds_what_is_filtered_and_no_form_that_nobody_paid(school, gifts):
    world.begin(world.campaign())

    def standings(**wish):
        return [row["État"] for row in rows(export(school, "people.export", "giving.read", **wish))]

    assert standings() == ["encaissé", "encaissé"]
    assert standings(q="nguyen") == ["encaissé"]
    assert standings(standing="unpaid") == ["encore ouvert"]
    assert len(standings(standing="any")) == 3


@pytest.mark.parametrize(
    ("locale", "columns"),
    [
        (
            "fr",
            (
                "Montant demandé",
                "Montant encaissé",
                "Montant remboursé",
                "Montant contesté",
                "Montant conservé",
            ),
        ),
        ("en", ("Amount asked", "Amount received", "Amount refunded", "Amount disputed", "Amount kept")),
    ],
)
def test_each_column_of_amounts_adds_up_to_what_the_list_says_of_it(school, locale, columns):
    campaign_id = world.campaign()
    world.settled(campaign_id, 10_050)
    given_back = world.settled(campaign_id, 2000)
    world.begin(campaign_id, 400)
    world.tell(given_back, given_back.event("refund.created"))
    parted, disputed = world.settled(campaign_id, 500), world.settled(campaign_id, 700)
    world.tell(parted, parted.part(100))
    world.tell(disputed, disputed.dispute())

    found = rows(export(school, "people.export", "giving.read", standing="any", locale=locale))

    sums = [sum(round(float(row[name].replace(",", ".")) * 100) for row in found) for name in columns]
    assert sums == [13_650, 13_250, 2100, 700, 10_450]


def test_it_leaves_a_trace(school, gifts):
    export(school, "people.export", "giving.read", q="nguyen")

    with Transaction() as session:
        row = session.execute(
            text('select action, subject_id, fields, "right" from audit_entries order by number desc limit 1')
        ).one()
    assert tuple(row) == ("donations.exported", "1", ["q"], "people.export")
