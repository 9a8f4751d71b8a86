"""What a CiviCRM answers to a write is looked at, and nothing is written upon that is not ours any more."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from services.notify.connectors.civicrm import api, events, participants
from services.notify.models import Delivery, Transaction
from shared import outbound
from shared.db import uuid7
from tests.support import facts
from tests.support.crm_changes import Clock, give_back, last, move, push, register, settle
from tests.support.facts import NOW


@pytest.fixture
def at_call(monkeypatch):
    """Do something in place of a call: what it is given is the call itself."""
    called, instead = api.Api.call, {}

    def call(self, entity, action, **params):
        act = instead.get((entity, action), lambda do: do())
        return act(lambda: called(self, entity, action, **params))

    monkeypatch.setattr(api.Api, "call", call)
    return lambda entity, action, act: instead.update({(entity, action): act})


@pytest.mark.parametrize(("entity", "action", "waits_s"), [("Contact", "create", 30), ("Contact", "get", 1)])
def test_after_something_was_perhaps_made_unseen_the_next_try_waits(
    demo, crm, monkeypatch, entity, action, waits_s
):
    """A call that is carried out late is done by then; one that makes nothing may be made again at once."""
    sent = outbound.send

    def given_up(method, url, **values):
        if url.endswith(f"/{entity}/{action}"):
            raise outbound.NotSent("ReadTimeout")
        return sent(method, url, **values)

    settle(demo, facts.settled())
    monkeypatch.setattr(api.outbound, "send", given_up)
    push()

    assert (last().error, last().next_attempt_at) == ("ReadTimeout", NOW + timedelta(seconds=waits_s))


@pytest.mark.parametrize("answer", [[], [{"id": 10**6}]], ids=["none", "another"])
def test_an_event_that_was_not_changed_is_tried_again(demo, crm, at_call, answer):
    message, clock = facts.registered(), Clock()
    register(demo, message)
    push(clock)
    at_call("Event", "update", lambda do: answer)

    move(demo, message)
    push(clock)

    assert (last().status, last().error) == ("queued", "changed another event, or none")


def test_fewer_participants_than_were_to_be_made_are_tried_again(demo, crm, at_call):
    who = facts.registrant()
    register(demo, facts.registered(who), facts.registered(who))
    at_call("Participant", "save", lambda do: do()[:1])

    push(most=1)

    assert _errors() == ["made other participants"]


@pytest.mark.parametrize(
    ("entity", "ours", "said"),
    [
        ("Participant", participants.OURS, "changed another participant, or none"),
        ("Event", events.OURS, "changed another event, or none"),
    ],
)
def test_what_bears_another_id_since_it_was_read_is_not_written_upon(demo, crm, at_call, entity, ours, said):
    message, clock = facts.registered(), Clock()
    register(demo, message)
    push(clock)
    there = crm.participants if entity == "Participant" else crm.events
    [before] = there()

    def after_another_hand(do):
        crm.call(entity, "update", where=[["id", ">", 0]], values={ours: str(uuid7())})
        return do()

    move(demo, message)
    give_back(demo, message)
    at_call(entity, "update", after_another_hand)
    push(clock, most=1)

    assert _errors() == [said]
    [after] = there()
    assert after | {ours: None} == before | {ours: None}


def _errors():
    with Transaction() as session:
        return list(session.execute(select(Delivery.error).where(Delivery.error.is_not(None))).scalars())
