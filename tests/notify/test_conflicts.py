"""What another hand changed in a CiviCRM, and what staff decide of it."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.notify import conflicts, gifts
from services.notify.app import create_app
from services.notify.models import Guest, Transaction
from shared.db import uuid7
from tests.support import facts, tokens
from tests.support.crm_changes import LATER, Clock, again, conflicts_found, push, settle
from tests.support.facts import NOW


def test_a_name_that_was_changed_there_by_hand_is_a_conflict_and_stays(demo, crm):
    message, clock = facts.settled(), Clock()
    settle(demo, message)
    push(clock)
    crm.change(message.party_id, first_name="Clarisse")

    settle(demo, facts.settled(again(message)))
    push(clock)

    [conflict] = conflicts_found()
    assert (conflict.field, conflict.ours, conflict.theirs) == ("first_name", "Claire", "Clarisse")
    assert crm.contact(message.party_id)["first_name"] == "Clarisse" and len(crm.contributions()) == 2


def test_a_conflict_is_told_once_by_ids_and_the_fields_name_alone(demo, crm):
    message = facts.settled()
    settle(demo, message)
    push()
    crm.change(message.party_id, first_name="Clarisse")
    for _ in range(2):
        settle(demo, facts.settled(again(message)))
        push()

    with Transaction() as session:
        [told] = session.execute(text("select topic, type, payload, contact from outbox")).all()
    [conflict] = conflicts_found()
    said = json.loads(told.payload)
    assert (told.topic, told.type, told.contact) == ("amicale.notify", "crm.conflict_found", None)
    assert (said["conflict_id"], said["field"]) == (str(conflict.id), "first_name")
    assert "Clarisse" not in str(said) and "Claire" not in str(said)


@pytest.fixture
def conflict(demo, crm):
    """A first name that somebody changed over there."""
    message = facts.settled()
    settle(demo, message)
    push()
    crm.change(message.party_id, first_name="Clarisse")
    settle(demo, facts.settled(again(message)))
    push()
    [conflict] = conflicts_found()
    return conflict


def test_ours_is_written_over_theirs_when_staff_say_so(demo, crm, conflict):
    _decide(conflict, "ours")
    push()

    assert crm.contact(conflict.party_id)["first_name"] == "Claire"


def test_theirs_stays_until_ours_changes_again(demo, crm, conflict):
    _decide(conflict, "theirs")
    _push_again(demo, conflict, given_name="Claire")
    assert crm.contact(conflict.party_id)["first_name"] == "Clarisse" and len(conflicts_found()) == 1

    _push_again(demo, conflict, given_name="Clara")

    assert crm.contact(conflict.party_id)["first_name"] == "Clara" and len(conflicts_found()) == 1


def test_a_decision_for_theirs_may_be_undone(demo, crm, conflict):
    _decide(conflict, "theirs")
    with Transaction() as session:
        conflicts.undo(session, conflict.id)
    _push_again(demo, conflict, given_name="Clara")

    assert crm.contact(conflict.party_id)["first_name"] == "Clarisse"
    assert [each.decided_at for each in conflicts_found()] == [None]


def test_a_decision_is_not_undone_once_the_field_is_in_conflict_anew(demo, crm, conflict):
    _decide(conflict, "theirs")
    _push_again(demo, conflict, given_name="Clara")
    crm.change(conflict.party_id, first_name="Clarice")
    _push_again(demo, conflict, given_name="Clara")

    with Transaction() as session, pytest.raises(conflicts.ConflictAgain):
        conflicts.undo(session, conflict.id)


def test_what_is_open_cannot_be_undone_and_says_so(demo, conflict):
    app = create_app(demo)
    tokens.trust(app)
    client, staff = app.test_client(), tokens.bearer(rights=["integrations.manage"])
    decisions = f"/api/v1/notify/conflicts/{conflict.id}/decisions"

    never = client.delete(decisions, headers=staff)
    _decide(conflict, "theirs")
    undone = [client.delete(decisions, headers=staff) for _ in range(2)]

    assert (never.status_code, never.json["code"]) == (409, "conflict_open")
    assert [each.status_code for each in undone] == [200, 409]
    assert undone[1].json["code"] == "conflict_open"


def test_the_same_decision_twice_is_one_and_another_is_refused(demo, conflict):
    app = create_app(demo)
    tokens.trust(app)
    client, staff = app.test_client(), tokens.bearer(rights=["integrations.manage"])
    decisions = f"/api/v1/notify/conflicts/{conflict.id}/decisions"

    first, again = [client.post(decisions, json={"keep": "ours"}, headers=staff) for _ in range(2)]
    other = client.post(decisions, json={"keep": "theirs"}, headers=staff)

    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert (other.status_code, other.json["code"]) == (409, "conflict_decided")
    with Transaction() as session:
        noted = text("select count(*) from audit_entries where action = 'crm_conflict.decided'")
        pushed = text("select count(*) from crm_changes where cause = 'crm.conflict_decided'")
        assert [session.execute(each).scalar_one() for each in (noted, pushed)] == [1, 1]


def test_a_conflict_tells_its_values_to_those_alone_who_may_read_whom_it_is_about(demo, conflict):
    app = create_app(demo)
    tokens.trust(app)

    def told(*more):
        rights = tokens.bearer(rights=["integrations.manage", *more])
        [shown] = app.test_client().get("/api/v1/notify/conflicts", headers=rights).json["items"]
        return shown["field"], shown["ours"], shown["theirs"]

    assert told("giving.read") == ("first_name", "Claire", "Clarisse")
    assert told("people.read") == told() == ("first_name", None, None)

    with Transaction() as session:
        session.get(Guest, conflict.party_id).person_id = uuid7()
    assert told("people.read") == ("first_name", "Claire", "Clarisse")
    assert told("giving.read") == ("first_name", None, None)


def _decide(conflict, keep):
    with Transaction() as session:
        conflicts.decide(session, conflict.id, keep=keep, by=uuid7(), at=NOW)


def _push_again(settings, conflict, *, given_name):
    at = NOW + timedelta(minutes=next(LATER))
    who = {**facts.contact(given_name=given_name), "party_id": conflict.party_id}
    with Transaction() as session:
        gifts.settled(session, facts.settled(who, at=at), settings=settings, at=NOW)
    assert push() == 1
