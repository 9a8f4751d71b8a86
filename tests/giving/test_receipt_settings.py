"""An entity says who it is, by which document it may, who signs, and which date counts; or issues nothing."""

import pytest

from tests.giving import receipt_world, world
from tests.support.tokens import bearer

pytestmark = pytest.mark.usefixtures("giving")


@pytest.fixture
def ask(app):
    world.campaign()
    where = f"/api/v1/giving/entities/{receipt_world.entity()}/receipt-settings"
    client = app.test_client()

    def ask(**wish):
        headers = bearer(rights=("giving.read", "giving.manage"))
        return client.patch(where, json=wish, headers=headers) if wish else client.get(where, headers=headers)

    return ask


def test_what_is_missing_is_listed(ask):
    assert ask().json["missing"] == [
        *("register_number", "address", "purpose", "category", "receipt_series"),
        *("entitlement", "signatory", "date_rules"),
    ]


def test_nothing_is_missing_once_all_is_said(ask):
    document = {"kind": "decree", "reference": "Décret du 3 mai 2019", "dated_on": "2019-05-03"}
    said = ask(
        siren="732 829 320",
        address=receipt_world.ADDRESS,
        purpose="Former.",
        category="public_utility",
        receipt_series="FUV",
        entitlements={"200": document},
        signatories=[{"name": "Hélène Marchetti", "capacity": "Présidente", "from_on": "2020-01-01"}],
        date_rules={"card": "captured"},
    )

    assert said.status_code == 200, said.json
    assert (said.json["missing"], said.json["siren"]) == ([], "732829320")
    assert said.json["can_issue_receipts"] and said.json["entitlements"] == {"200": document}
    assert ask(entitlements={}).json["can_issue_receipts"] is False


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"siren": "732829321"}, "siren"),
        ({"siren": "7328293"}, "siren"),
        ({"rna": "751234567"}, "rna"),
        ({"address": {"street": "1 rue Haute", "city": "Rennes", "postal_code": "3500"}}, "postal_code"),
        ({"address": {"street": "1 rue Haute", "city": "Rennes", "postal_code": "00100"}}, "postal_code"),
        ({"address": {"street": "1", "city": "Bern", "postal_code": "3000", "country": "XQ"}}, "country"),
        ({"category": "club"}, "category"),
        ({"receipt_series": "fuv-1"}, "receipt_series"),
        ({"entitlements": {"200": {"kind": "statute"}}}, "reference"),
        ({"entitlements": {"201": {}}}, "201"),
        ({"signatories": [{"name": "A B", "capacity": "x", "from_on": "2026-02-30"}]}, "from_on"),
        ({"signatories": [{"name": "A B", "capacity": "x", "from_on": "2026-02-02",
                           "until_on": "2026-02-01"}]}, "until_on"),
        ({"date_rules": {"card": "whenever"}}, "card"),
        ({"date_rules": {"shells": "captured"}}, "shells"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_field(ask, wish, field):
    refused = ask(**wish)

    assert refused.status_code == 422
    assert any(field in name for name in refused.json["errors"]), refused.json["errors"]


def test_addresses_abroad_are_taken(ask):
    address = {"street": "Bundesplatz 3", "postal_code": "3003", "city": "Bern", "country": "CH"}

    assert ask(address=address).json["address"] == address
