"""People as contacts of a CiviCRM: merged, unmerged, erased, mixed up."""

from datetime import timedelta

from shared.db import uuid7
from shared.messages import PersonCard
from tests.support import facts
from tests.support.crm_changes import Clock, again, attach, conflicts_found, keep, last, owners, push, settle


def test_an_unmerged_person_is_brought_back(demo, crm):
    loser, survivor = uuid7(), uuid7()
    keep(facts.card(survivor, 1))
    keep(facts.card(loser, 1))
    settle(demo, facts.settled(facts.contact(party_id=loser, person_id=loser)))
    push()
    keep(facts.heard(PersonCard(person_id=loser, version=2, merged_into=survivor)))
    push()
    assert crm.contact(loser)["is_deleted"]

    keep(facts.card(loser, 3))
    push()

    assert not crm.contact(loser)["is_deleted"] and crm.contact(loser)["first_name"] == "Claire"
    assert [row["contact_id"] for row in crm.contributions()] == [crm.contact(loser)["id"]]
    assert conflicts_found() == []


def test_an_erased_person_leaves_a_nameless_contact_only_where_accounts_need_it(demo, crm):
    giver, who = uuid7(), facts.contact()
    keep(facts.card(giver, 1))
    settle(demo, facts.settled(who))
    push()
    attach(who, giver)
    push()
    keep(facts.heard(PersonCard.tombstone(giver, 2)))
    push()

    [kept] = crm.contacts()
    assert kept["external_identifier"] == str(giver)
    assert [row["contact_id"] for row in crm.contributions()] == [kept["id"]]
    assert "Claire" not in str(crm.contacts()) and "example.org" not in str(crm.contacts())


def test_another_contacts_id_in_the_answer_is_never_written_upon(demo, crm):
    clock, message = Clock(), facts.settled()
    settle(demo, message)
    push(clock)
    [other] = crm.call("Contact", "create", values={"first_name": "Paul", "external_identifier": "p"})
    settle(demo, facts.settled(again(message)))
    crm.sandbox.switch(crm_swap_percent=100)
    push(clock)
    assert last().status == "queued"

    crm.sandbox.behave()
    clock.at += timedelta(minutes=1)
    push(clock)

    assert crm.contact("p")["first_name"] == "Paul" and other["id"] not in owners(crm)
    assert owners(crm) == [crm.contact(message.party_id)["id"]] * 2
