"""Which gift may be on a tax receipt: the rules as a table, each line a fact that changes the answer."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from services.giving.eligibility import REASONS, Facts, Rules, blocking, reasons

TODAY = date(2026, 12, 1)
RULES = Rules(counterpart_share=2500, counterpart_ceiling_minor=7300, company_counterpart_share=2500)
ADDRESS = {"street": "1 rue Haute", "postal_code": "35000", "city": "Rennes", "country": "FR"}
PERSON = {"given_name": "Claire", "family_name": "Lemoine", "address": ADDRESS}
COMPANY = {"legal_name": "Ateliers Morvan", "legal_form": "SAS", "siren": "552100554", "address": ADDRESS}
GIFT = Facts(
    donation_id=uuid4(),
    entity_id=uuid4(),
    party_id=uuid4(),
    amount_minor=10_000,
    currency="EUR",
    means="card",
    locale="fr",
    to=PERSON,
    entitled=frozenset({"200", "238bis"}),
    received_on=TODAY,
)


def test_a_gift_with_all_that_is_asked_is_eligible():
    assert reasons(GIFT, RULES, today=TODAY) == ()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"entity_missing": ("signatory",)}, ["settings_incomplete"]),
        ({"entity_missing": ("entitlement",), "entitled": frozenset()}, ["not_entitled"]),
        ({"entitled": frozenset({"238bis"})}, ["not_entitled"]),
        ({"for_wealth_tax": True}, ["not_entitled"]),
        ({"for_wealth_tax": True, "entitled": frozenset({"978"})}, []),
        ({"has_date_rule": False, "received_on": None}, ["no_date_rule"]),
        ({"received_on": None}, ["not_yet_received"]),
        ({"received_on": TODAY + timedelta(days=1)}, ["not_yet_received"]),
        ({"currency": "CHF"}, ["currency"]),
        ({"to": None}, ["address_missing"]),
        ({"to": PERSON | {"address": {}}}, ["address_missing"]),
        ({"to": PERSON | {"family_name": ""}}, ["address_missing"]),
        ({"to": COMPANY}, []),
        ({"to": COMPANY | {"siren": ""}}, ["address_missing"]),
        ({"to": COMPANY, "entitled": frozenset({"200"})}, ["not_entitled"]),
        ({"country": "FR"}, []),
        ({"country": "CH"}, ["not_taxed_in_france"]),
        ({"to": COMPANY, "country": "CH"}, []),
        ({"rhythm": "yearly"}, ["yearly"]),
        ({"rhythm": "yearly", "for_wealth_tax": True, "entitled": frozenset({"978"})}, []),
        ({"refunded_minor": 4_000}, []),
        ({"refunded_minor": 10_000}, ["refunded"]),
        ({"disputed": True}, ["disputed"]),
        ({"erased": True, "to": None}, ["address_missing", "erased"]),
        ({"receipt_id": uuid4()}, ["on_a_receipt"]),
        # A quarter of the gift, and 73 € a year: at both limits still a gift.
        ({"counterparts_minor": 2_500, "counterparts_of_year_minor": 2_500}, []),
        ({"counterparts_minor": 2_501, "counterparts_of_year_minor": 2_501}, ["counterparts_over_share"]),
        (
            {"refunded_minor": 1, "counterparts_minor": 2_500, "counterparts_of_year_minor": 2_500},
            ["counterparts_over_share"],
        ),
        ({"counterparts_minor": 100, "counterparts_of_year_minor": 7_300}, []),
        ({"counterparts_minor": 100, "counterparts_of_year_minor": 7_301}, ["counterparts_over_ceiling"]),
        ({"counterparts_minor": 0, "counterparts_of_year_minor": 9_000}, []),
        ({"to": COMPANY, "counterparts_minor": 2_400, "counterparts_of_year_minor": 900_000}, []),
        (
            {"to": COMPANY, "counterparts_minor": 2_600, "counterparts_of_year_minor": 2_600},
            ["counterparts_over_share"],
        ),
    ],
)
def test_what_stands_against_a_receipt(changed, expected):
    assert list(reasons(replace(GIFT, **changed), RULES, today=TODAY)) == expected


def test_a_body_without_any_right_is_not_asked_for_its_settings():
    gift = replace(GIFT, entitled=frozenset(), entity_missing=("address", "entitlement"), has_date_rule=False)

    assert reasons(gift, RULES, today=TODAY) == ("not_entitled",)


def test_staff_pass_over_the_yearly_rhythm_and_the_country_and_over_nothing_else():
    assert {each for each in REASONS if not blocking((each,))} == {"yearly", "not_taxed_in_france"}


def test_the_rules_of_the_day_decide():
    dearer = replace(RULES, counterpart_ceiling_minor=8_000)
    gift = replace(GIFT, counterparts_minor=100, counterparts_of_year_minor=7_500)

    assert reasons(gift, RULES, today=TODAY) and not reasons(gift, dearer, today=TODAY)
