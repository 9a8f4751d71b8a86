"""Exports: a file that a spreadsheet opens, for who may, with a trace."""

import csv
import io

import pytest
from sqlalchemy import text

from services.giving.models import Transaction
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

    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("\ufeff")
    assert {row["Montant"] for row in rows} == {"50,00"}
    assert {row["Donateur"] for row in rows} == {"'=SUM(A1) Nguyễn", "Claire Lemoine"}


@pytest.mark.parametrize("rights", [(), ("people.export",), ("giving.read",)])
def test_both_rights_are_needed(school, gifts, rights):
    assert export(school, *rights).status_code == 403


def test_it_leaves_a_trace(school, gifts):
    export(school, "people.export", "giving.read", q="nguyen")

    with Transaction() as session:
        row = session.execute(
            text('select action, subject_id, fields, "right" from audit_entries order by number desc limit 1')
        ).one()
    assert tuple(row) == ("donations.exported", "1", ["q"], "people.export")
