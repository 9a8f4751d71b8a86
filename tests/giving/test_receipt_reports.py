"""The figures of the yearly declaration, the concordance without a hole, and what counterparts take away."""

import csv
import io
from datetime import date
from uuid import uuid4

import pytest

from services.giving import receipt_reports
from services.giving.models import Transaction
from shared.clock import today
from tests.giving import receipt_world, world
from tests.giving.test_receipts import refunded
from tests.support.tokens import bearer

pytestmark = pytest.mark.usefixtures("giving")
WHERE = "/api/v1/giving"
YEAR = today(world.NOW).year


@pytest.fixture
def campaign():
    receipt_world.law()
    campaign_id = world.campaign()
    receipt_world.complete()
    return campaign_id


@pytest.fixture
def client(app):
    client = app.test_client()
    rights = ("giving.read", "giving.manage", "people.export")
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(rights=rights)["Authorization"]
    return client


def test_voided_receipts_are_out_of_the_declaration_and_replacements_in_once(campaign, client):
    gifts = [receipt_world.settled(campaign, minor) for minor in (1_000, 2_000, 4_000)]
    receipt_world.settled(campaign, 300_000, receipt_to=receipt_world.COMPANY)
    receipt_world.issue_due()
    refunded(gifts[0])
    refunded(gifts[1], 500)

    where = f"{WHERE}/entities/{receipt_world.entity()}"
    told = client.get(f"{where}/receipt-declaration", query_string={"year": YEAR}).json

    assert (told["documents"], told["total_minor"]) == (3, 1_500 + 4_000 + 300_000)
    assert [each["article"] for each in told["by_article"]] == ["200", "238bis"]
    rows = list(
        csv.reader(io.StringIO(client.get(f"{where}/receipt-concordance?year={YEAR}").text), delimiter=";")
    )
    assert len(rows) == 1 + 5 and all(all(row[6:]) for row in rows[1:])
    assert sum(bool(row[2]) for row in rows[1:]) == 2
    before = client.get(f"{where}/receipt-declaration", query_string={"year": YEAR - 1}).json
    assert (before["documents"], before["total_minor"]) == (0, 0)
    assert client.get(f"{WHERE}/entities/{uuid4()}/receipt-declaration?year={YEAR}").status_code == 404


@pytest.mark.parametrize(
    ("closes_on", "first", "last"),
    [
        (None, date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 8, 31), date(2025, 9, 1), date(2026, 8, 31)),
        (date(2024, 2, 29), date(2025, 3, 1), date(2026, 2, 28)),
    ],
)
def test_the_year_is_the_one_of_the_entitys_books(closes_on, first, last):
    assert receipt_reports.days(year=2026, closes_on=closes_on) == (first, last)


def test_a_counterpart_over_the_limit_takes_the_receipt(campaign, client):
    gift = receipt_world.settled(campaign, 10_000)
    receipt_world.issue_due()

    def enter(minor):
        wish = {"description": "Un livre", "value_minor": minor}
        headers = {"Idempotency-Key": f"counterpart-{minor}"}
        return client.post(f"{WHERE}/donations/{gift.id}/counterparts", json=wish, headers=headers)

    assert enter(2_000).status_code == 201 and receipt_world.receipt_of(gift) is not None
    assert enter(600).status_code == 201 and enter(600).status_code == 201

    assert receipt_world.case(gift).reasons == ["counterparts_over_share"]
    assert [each["reason"] for each in receipt_world.said("receipt.voided")] == ["counterpart"]


def test_counterparts_of_the_year_count_together(campaign, client):
    gifts = [receipt_world.settled(campaign, 100_000) for _ in range(2)]
    receipt_world.issue_due()
    for n, gift in enumerate(gifts):
        client.post(
            f"{WHERE}/donations/{gift.id}/counterparts",
            json={"description": "Un dîner", "value_minor": 4_000},
            headers={"Idempotency-Key": f"dinner-{n}"},
        )

    assert receipt_world.case(gifts[1]).reasons == ["counterparts_over_ceiling"]
    with Transaction() as session:
        assert receipt_reports.declared(session, receipt_world.entity(), year=YEAR)["documents"] == 1
