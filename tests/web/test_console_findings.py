"""The console's page of differences between the provider and the books."""

import pytest

from tests.web.samples import PERSON, finding


@pytest.fixture
def office(world, browser):
    """An officer's browser."""
    return browser.hold(world.sign_in(PERSON, ["giving.read"]))


def test_a_difference_tells_sum_time_and_the_providers_id(world, office):
    world.findings = [finding(amount_minor=4200, currency="EUR", at="2026-11-20T08:30:00+00:00")]

    page = office.get("/console/reconciliation/").text

    assert "42,00\u00a0€" in page and "20 novembre" in page and "ch_1" in page


def test_a_difference_without_a_sum_shows_its_id_alone(world, office):
    world.findings = [finding(movement="txn_1")]

    page = office.get("/console/reconciliation/").text

    assert "ch_1" in page and "€" not in page
