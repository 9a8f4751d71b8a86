"""Registrations as participants of a CiviCRM, at events that are there once."""

from datetime import timedelta

from services.notify.connectors.civicrm import events, participants
from shared.db import uuid7
from shared.messages import PersonCard
from tests.support import facts
from tests.support.crm_changes import (
    Clock,
    attach,
    conflicts_found,
    give_back,
    keep,
    last,
    move,
    push,
    register,
)
from tests.support.facts import NOW


def test_a_registration_becomes_a_participant_at_an_event(demo, crm):
    message = facts.registered(seats=3)
    register(demo, message)

    assert push() == 1

    [event], [participant] = crm.events(), crm.participants()
    assert event[events.OURS] == str(message.event_id)
    assert (event["title"], event["start_date"]) == ("Dîner des anciens", "2027-06-12 19:30:00")
    assert participant[participants.OURS] == str(message.registration_id)
    assert (participant["event_id"], participant["status_id:name"]) == (event["id"], "Registered")
    assert participant["contact_id"] == crm.contact(message.party_id)["id"]
    assert (participant["register_date"], participant["source"]) == ("2026-11-23 14:00:00", "3 places")


def test_seats_that_were_given_back_are_cancelled_there(demo, crm):
    message = facts.registered()
    register(demo, message)
    push()

    give_back(demo, message)
    push()

    assert [each["status_id:name"] for each in crm.participants()] == ["Cancelled"]


def test_an_event_moves_for_all_and_another_hands_title_stays(demo, crm):
    first = facts.registered()
    second = facts.registered(event_id=first.event_id)
    register(demo, first, second)
    push(_Later())
    crm.call("Event", "update", where=[["id", ">", 0]], values={"title": "Dîner"})

    move(demo, first)
    push(_Later())

    [event] = crm.events()
    assert (event["start_date"], event["title"]) == ("2027-06-19 19:30:00", "Dîner")
    assert len(crm.participants()) == 2 and conflicts_found() == []


def test_a_title_that_was_corrected_reaches_the_event_with_the_next_who_registers(demo, crm):
    first = facts.registered()
    register(demo, first)
    push(_Later())

    corrected = {"fr": "Dîner des anciennes et anciens", "en": "Alumni dinner"}
    later = NOW + timedelta(hours=1)
    register(demo, facts.registered(event_id=first.event_id, event_title=corrected, at=later))
    push(_Later())

    assert [each["title"] for each in crm.events()] == [corrected["fr"]]


def test_a_title_that_was_corrected_reaches_the_event_with_who_gives_back(demo, crm):
    first, clock = facts.registered(), _Later()
    second = facts.registered(event_id=first.event_id)
    register(demo, first, second)
    push(clock)

    corrected = {"fr": "Dîner des anciennes et anciens", "en": "Alumni dinner"}
    give_back(demo, first, event_title=corrected, at=NOW + timedelta(hours=1))
    push(clock)

    assert [each["title"] for each in crm.events()] == [corrected["fr"]]


def test_a_guest_who_is_a_person_brings_the_registrations_along(demo, crm):
    who, person_id = facts.registrant(), uuid7()
    register(demo, facts.registered(who))
    push()

    keep(facts.card(person_id, 1))
    attach(who, person_id)
    push()

    assert [each["contact_id"] for each in crm.participants()] == [crm.contact(person_id)["id"]]


def test_whoever_came_is_no_conflict(demo, crm):
    message = facts.registered()
    register(demo, message)
    push()
    _set_status(crm, "Attended")

    move(demo, message)
    push()

    assert conflicts_found() == [] and crm.participants()[0]["status_id:name"] == "Attended"


def test_a_status_of_another_hand_is_a_conflict(demo, crm):
    message = facts.registered()
    register(demo, message)
    push()
    _set_status(crm, "On waitlist")

    give_back(demo, message)
    push()

    [conflict] = conflicts_found()
    assert (conflict.record, conflict.theirs) == (str(message.registration_id), "On waitlist")


def _set_status(crm, name):
    crm.call("Participant", "update", where=[["id", ">", 0]], values={"status_id:name": name})


def test_two_participants_of_one_registration_are_never_written_upon(demo, crm):
    message, clock = facts.registered(), Clock()
    register(demo, message)
    push(clock)
    [event], [one] = crm.events(), crm.participants()
    twin = {"contact_id": one["contact_id"], "event_id": event["id"]}
    crm.call("Participant", "create", values={**twin, participants.OURS: str(message.registration_id)})

    give_back(demo, message)
    push(clock)

    assert last().error == "answered two participants of one id"
    assert [each["status_id:name"] for each in crm.participants()] == ["Registered"] * 2


def test_an_erased_person_is_at_no_event(demo, crm):
    giver = uuid7()
    keep(facts.card(giver, 1))
    register(demo, facts.registered({**facts.registrant(), "party_id": giver, "person_id": giver}))
    push()

    keep(facts.heard(PersonCard.tombstone(giver, 2)))
    push()

    assert crm.participants() == [] and crm.contacts() == []


class _Later(Clock):
    """Each look is a second later."""

    def __call__(self):
        self.at += timedelta(seconds=1)
        return self.at
