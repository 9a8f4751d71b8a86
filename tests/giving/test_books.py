"""How the books of an entity are kept: its SIREN, and when its years begin."""

from datetime import date

import pytest

from services.giving import books, ledger_numbers
from services.giving.models import Entity, Transaction
from tests.giving import world
from tests.support.tokens import bearer


def reading():
    """Headers of who may read gifts; a token lives five minutes."""
    return bearer(rights=["giving.read"])


def managing():
    """Headers of who may run gifts."""
    return bearer(rights=["giving.manage"])


@pytest.fixture
def url(app):
    world.campaign()
    with Transaction() as session:
        return f"/api/v1/giving/entities/{session.query(Entity).one().id}/books"


def write(app, url, **wish):
    told = {"siren": "552100554", "fiscal_year_start_month": 1, **wish}
    return app.test_client().put(url, json=told, headers=managing())


def test_they_are_set_and_shown(app, url):
    written = write(app, url, siren="552 100 554", fiscal_year_start_month=9)

    shown = app.test_client().get(url, headers=reading()).json
    assert written.status_code == 200 and set(written.json) == {"entity_id"}
    assert (shown["siren"], shown["fiscal_year_start_month"], shown["closed_until"]) == ("552100554", 9, None)
    assert shown["year_first_day"].endswith("-09-01") and shown["year_last_day"].endswith("-08-31")


@pytest.mark.parametrize(
    "wish",
    [
        {"siren": "552100555"}, {"siren": "55210055"}, {"siren": "000000000"},
        {"siren": "５５２１００５５４"}, {"siren": 552100554}, {"fiscal_year_start_month": 0},
        {"fiscal_year_start_month": 13}, {"fiscal_year_start_month": "1"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(app, url, wish):
    assert write(app, url, **wish).status_code == 422


def test_the_first_month_stays_once_transactions_are_numbered_by_it(app, url):
    world.settled(world.campaign())
    ledger_numbers.give_all(at=world.NOW)

    refused = write(app, url, fiscal_year_start_month=7)

    assert (refused.status_code, refused.json["code"]) == (409, "fiscal_year_in_use")
    assert write(app, url, siren=None).status_code == 200


@pytest.mark.parametrize(
    ("day", "month", "year"),
    [
        (date(2026, 1, 1), 1, (date(2026, 1, 1), date(2026, 12, 31))),
        (date(2026, 8, 31), 9, (date(2025, 9, 1), date(2026, 8, 31))),
        (date(2024, 2, 29), 3, (date(2023, 3, 1), date(2024, 2, 29))),
        (date(2026, 12, 31), 12, (date(2026, 12, 1), date(2027, 11, 30))),
    ],
)
def test_a_fiscal_year_is_twelve_months_from_its_first(day, month, year):
    assert books.fiscal_year(day, month) == year
