"""The console's page of differences between the provider and the books."""

import pytest

from tests.web.fake_services import PERSON


@pytest.fixture
def office(world, browser):
    """An officer's browser."""
    return browser.hold(world.sign_in(PERSON, ["giving.read"]))


def finding(**detail):
    return {
        "id": "0198f000-0000-7000-8000-0000000000aa", "account": "foundation", "kind": "charge_unknown",
        "reference": "ch_1", "donation_id": None, "detail": detail, "found_at": "2026-11-24T10:00:00+00:00",
    }  # fmt: skip


def test_a_difference_tells_sum_time_and_the_providers_id(world, office):
    world.findings = [finding(amount_minor=4200, currency="EUR", at="2026-11-20T08:30:00+00:00")]

    page = office.get("/console/reconciliation/").text

    assert "42,00\u00a0€" in page and "20 novembre" in page and "ch_1" in page


def test_a_difference_without_a_sum_shows_its_id_alone(world, office):
    world.findings = [finding(movement="txn_1")]

    page = office.get("/console/reconciliation/").text

    assert "ch_1" in page and "€" not in page
