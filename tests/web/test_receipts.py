"""Receipts on the web: asked for when giving or later, checked by their code, run from the desk."""

import json
import re

import pytest

from tests.web.samples import PERSON, RECEIPT
from tests.web.test_giving_form import GUEST, PAGE, wishes

ADDRESS = {"street": "8 rue des Carmes", "postal_code": "35 000", "city": "Rennes", "country": "FR"}


@pytest.fixture
def office(world, browser):
    return browser.hold(world.sign_in(PERSON, ["giving.read", "giving.manage", "receipts.issue"]))


def test_who_asks_for_no_receipt_is_asked_for_no_address(browser, world):
    browser.post(PAGE, GUEST | {"receipt": "", "street": "ignored"})

    [wish] = wishes(world)
    assert not {"receipt_to", "country", "receipt_rhythm"} & set(wish)


def test_a_receipt_in_ones_name_needs_an_address(browser, world):
    asked = {"receipt": "person", **ADDRESS, "tax_country": "CH", "yearly": "1"}
    browser.post(PAGE, GUEST | asked)

    [wish] = wishes(world)
    assert wish["receipt_to"] == {"address": ADDRESS | {"postal_code": "35000"}}
    assert (wish["country"], wish["receipt_rhythm"]) == ("CH", "yearly")


def test_a_company_gives_its_number(browser, world):
    company = {"legal_name": "Ateliers Morvan", "legal_form": "SAS", "siren": "552 100 554"}
    browser.post(PAGE, GUEST | {"receipt": "company", **ADDRESS, **company})

    assert wishes(world)[0]["receipt_to"]["siren"] == "552100554"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_cannot_be_is_said_beside_its_field_and_nothing_is_lost(browser, world, language):
    browser.headers["Accept-Language"] = language
    wrong = {"receipt": "company", "street": "武漢", "postal_code": "350", "city": "", "siren": "552100555"}
    answer = browser.post(PAGE, GUEST | wrong | {"legal_name": "Morvan", "legal_form": ""})

    page = browser.get(answer.location).text
    for field in ("street", "postal_code", "city", "siren", "legal_form"):
        assert f'id="{field}-wrong"' in page, field
    assert 'value="552100555"' in page and 'value="武漢"' in page and not wishes(world)


def test_a_receipt_is_asked_for_on_the_page_of_the_gift(browser, world):
    browser.post(PAGE, GUEST)
    [(link, kept)] = world.donations.items()
    kept |= {"status": "settled", "receipt_waits_for": "details"}
    assert 'action="/l/gift/' in browser.get(f"/l/gift/{link}").text

    refused = browser.post(f"/l/gift/{link}/receipt", {"receipt": "person", "street": ""})
    told = browser.post(f"/l/gift/{link}/receipt", {"receipt": "person", **ADDRESS})

    assert "what-is-wrong" in refused.location and told.location.endswith("#receipt")
    assert kept["receipt_to"]["address"]["city"] == "Rennes"


def test_the_code_of_a_receipt_tells_whether_it_counts(browser):
    good, void, forged = (browser.get(f"/r/{code}") for code in ("good.1", "good.void", "bad"))

    assert "FUV-2026-000042" in good.text and "Ce reçu est authentique" in good.text
    assert "Ce reçu est annulé" in void.text and "FUV-2026-000043" in void.text
    assert forged.status_code == 404


def test_the_desk_shows_what_is_issued_what_waits_and_what_of_the_law_is_due(office, world):
    world.receipts = [RECEIPT]

    page = office.get("/console/receipts/").text

    assert "Claire Lemoine" in page and "73\u00a0€" in page
    assert "le donateur n’a pas dit à quel nom" in page or "le donateur n'a pas dit" in page


def test_the_desk_says_why_none_is_issued_and_voids_with_a_word(office, world):
    world.receipts = [RECEIPT]
    answers = [
        office.post("/console/receipts/waiting/0199c1d0-0000-7000-8000-000000000003", {}),
        office.post(f"/console/receipts/{RECEIPT['id']}/void", {"note": ""}),
        office.post(f"/console/receipts/{RECEIPT['id']}/void", {"note": "Nom"}),
        office.post("/console/receipts/law", {"name": "x", "from_on": "2021-01-01"}),
    ]

    assert [each.status_code for each in answers] == [303] * 4


def test_settings_list_what_is_missing_and_keep_what_was_typed(office, world):
    where = f"/console/receipts/entities/{world.campaigns[0]['entity']['id']}"
    assert re.search(r"Il manque.*son adresse", office.get(where).text)

    refused = office.post(where, {"siren": "732829321", "street": "1 rue Haute", "signatory_name_0": "A B"})
    saved = office.post(where, {"siren": "732829320", "street": "1 rue Haute", "city": "Rennes"})

    assert refused.status_code == 422 and 'id="siren-wrong"' in refused.text and "1 rue Haute" in refused.text
    assert saved.status_code == 303
    wish = [body for method, path, body, _ in world.asked if method == "PATCH"][-1]
    assert json.dumps(wish["address"]) == '{"street": "1 rue Haute", "city": "Rennes"}'


def test_yearly_receipts_are_asked_for_and_counted_and_the_declaration_is_read(office, world):
    entity = world.campaigns[0]["entity"]["id"]
    page = office.get("/console/receipts/").text
    assert "390" in page and "1\u202f200" in page

    asked = office.post("/console/receipts/yearly", {"entity_id": entity, "year": "2025", "key": "k"})
    wrong = office.post("/console/receipts/yearly", {"entity_id": entity, "year": "soon", "key": "k"})
    told = office.get(f"/console/receipts/entities/{entity}/declaration?year=2025").text

    assert (asked.status_code, wrong.status_code) == (303, 303)
    assert "1\u202f234,50\u00a0€" in told and "12 documents" in told.replace("\u00a0", " ")
