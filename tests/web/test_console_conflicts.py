"""The console's desk of what somebody changed in the CRM by hand."""

import pytest

from tests.web.samples import PERSON, conflict, record
from tests.web.test_campaign_page import text_of


def test_a_conflict_names_the_person_the_field_both_values_and_since_when(world, crm, office):
    world.conflicts = [conflict(crm)]

    page = office.get("/console/crm/").text

    assert f'href="/console/people/{PERSON["id"]}">Claire Lemoine</a>' in page
    words = text_of(page)
    assert "Prénom" in words and "Claire" in words and "Clarisse" in words and "il y a 3" in words


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "told"),
    [
        ("preferred_language", "fr_FR", "en_US", ("Français", "Anglais")),
        ("is_deceased", "False", "True", ("non", "oui")),
        ("total_amount", "120.0000", "1200.5000", ("120,00", "1\u202f200,50")),
        ("contribution_status_id:name", "Completed", "Cancelled", ("encaissé", "annulé")),
        ("email_primary.email", "a@b.example", "", ("a@b.example", "(vide)")),
    ],
)
def test_values_are_told_as_people_write_them(world, crm, office, field, ours, theirs, told):
    world.conflicts = [conflict(crm, field=field, ours=ours, theirs=theirs)]

    page = office.get("/console/crm/").text

    assert [f"<b>{value}</b>" in page for value in told] == [True, True]
    assert field not in text_of(page)


def test_ours_is_written_over_theirs_and_the_desk_is_empty_then(world, crm, office):
    world.conflicts = [one := conflict(crm)]

    answer = office.post(f"/console/crm/{one['id']}/keep", {"keep": "ours"})

    page = office.get(answer.location).text
    assert world.conflicts[0]["decision"] == "ours"
    assert "en route vers le CRM" in page and "Rien à trancher" in page and "/undo" not in page


def test_theirs_is_left_and_that_is_undone(world, crm, office):
    world.conflicts = [one := conflict(crm)]
    answer = office.post(f"/console/crm/{one['id']}/keep", {"keep": "theirs"})
    assert f"/console/crm/{one['id']}/undo" in office.get(answer.location).text

    answer = office.post(f"/console/crm/{one['id']}/undo")

    assert world.conflicts[0]["decision"] is None
    assert "/keep" in office.get(answer.location).text


def test_what_a_colleague_decided_meanwhile_is_said(world, crm, office):
    decided = {"decision": "ours", "decided_at": crm["created_at"]}
    world.conflicts = [one := conflict(crm, **decided)]

    answer = office.post(f"/console/crm/{one['id']}/keep", {"keep": "theirs"})

    assert "entre-temps" in office.get(answer.location).text


def test_values_and_name_are_hidden_from_who_may_not_read_the_person(world, crm, browser):
    world.conflicts = [conflict(crm)]
    keeper = browser.hold(world.sign_in(PERSON | {"given_name": "Paul"}, ["integrations.manage"]))

    page = keeper.get("/console/crm/").text

    assert "Clarisse" not in page and "Claire" not in page and "/keep" not in page
    assert "Non affiché" in page


def test_a_guest_is_named_by_their_gift(world, crm, office):
    world.records = [gift := record()]
    guest = gift["donor"]["party_id"]
    world.conflicts = [
        conflict(crm, party_id=guest, entity="contribution", record=gift["id"], field="source")
    ]

    page = office.get("/console/crm/").text

    assert f'href="/console/gifts/{gift["id"]}">Hélène' in page


def test_what_waits_is_counted_in_the_menu_and_on_the_home_page(world, crm, office):
    world.conflicts = [conflict(crm), conflict(crm, field="last_name")]

    page = office.get("/console/").text

    assert "Écarts avec le CRM, à trancher" in page
    assert text_of(page).count("en attente : 2") == 2


def test_without_a_crm_the_desk_leads_to_connecting_one(world, office):
    page = office.get("/console/crm/").text

    assert "Aucun CRM" in page and "/console/connections/#civicrm" in page
