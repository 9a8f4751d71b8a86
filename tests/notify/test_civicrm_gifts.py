"""Gifts and their refunds as contributions of a CiviCRM."""

from services.notify import gifts, paths
from services.notify.models import Transaction
from shared.db import uuid7
from tests.support import facts
from tests.support.crm_changes import Clock, attach, keep, owners, push, refund, run_dry, settle
from tests.support.facts import NOW


def test_a_gift_becomes_a_contact_with_a_contribution(demo, crm):
    message = facts.settled()
    settle(demo, message)

    assert push() == 1

    contact = crm.contact(message.party_id)
    [contribution] = crm.contributions()
    assert (contact["first_name"], contact["email_primary.email"]) == ("Claire", "claire@example.org")
    assert contribution["trxn_id"] == str(message.donation_id)
    assert contribution["contact_id"] == contact["id"]
    assert (contribution["total_amount"], contribution["currency"]) == (120, "EUR")
    assert contribution["contribution_status_id:name"] == "Completed"
    assert contribution["receive_date"] == "2026-11-23 14:00:00"


def test_a_refund_is_refunded_there_and_a_refund_in_part_is_stated(demo, crm):
    who = facts.contact()
    whole, part = facts.settled(who), facts.settled(who)
    settle(demo, whole, part)
    push()
    refund(demo, whole)
    refund(demo, part, refund_minor=2_050, refunded_minor=2_050)
    push()

    told_of = {row["trxn_id"]: row for row in crm.contributions()}
    assert told_of[str(whole.donation_id)]["contribution_status_id:name"] == "Refunded"
    assert told_of[str(part.donation_id)]["contribution_status_id:name"] == "Completed"
    assert told_of[str(part.donation_id)]["total_amount"] == 120
    assert "20.50 EUR" in told_of[str(part.donation_id)]["source"]


def test_what_the_donor_s_bank_took_is_refunded_there_and_says_so(demo, crm):
    gift = facts.settled()
    settle(demo, gift)
    with Transaction() as session:
        gifts.disputed(session, facts.disputed(gift), at=NOW)
    push()

    [told] = crm.contributions()
    assert told["contribution_status_id:name"] == "Refunded"
    assert "contesté : 120.00 EUR" in told["source"]


def test_a_guest_who_is_a_person_brings_the_contributions_along(demo, crm):
    who, person_id = facts.contact(), uuid7()
    settle(demo, facts.settled(who))
    push()
    keep(facts.card(person_id, 1))
    attach(who, person_id)
    push()

    guest, person = crm.contact(who["party_id"]), crm.contact(person_id)
    assert guest["is_deleted"] and not guest["first_name"] and not guest.get("email_primary.email")
    assert [row["contact_id"] for row in crm.contributions()] == [person["id"]]


def test_an_older_state_of_a_guest_does_not_take_a_persons_contributions_back(demo, crm):
    clock, who, person_id = Clock(), facts.contact(), uuid7()
    settle(demo, facts.settled(who))
    crm.sandbox.switch(crm_off=True)
    push(clock)
    crm.sandbox.behave()
    keep(facts.card(person_id, 1))
    attach(who, person_id)
    push(clock)

    run_dry(clock)

    assert owners(crm) == [crm.contact(person_id)["id"]]


def test_the_path_of_a_gift_names_the_crm(demo, crm):
    message = facts.settled()
    settle(demo, message)
    push()

    with Transaction() as session:
        steps = paths.steps(session, message.donation_id, lambda right: False)

    assert {"fr": "CRM à jour", "en": "CRM up to date"} in [step.title for step in steps]
