"""A CiviCRM that answers as it likes: nothing is lost, nothing is doubled."""

import os
import random
from datetime import timedelta

import pytest

from services.notify import parties
from services.notify.connectors.civicrm import api, contacts, participants
from services.notify.connectors.civicrm import gifts as contributions
from services.notify.models import Transaction
from shared.db import uuid7
from shared.messages import PersonCard
from tests.support import facts
from tests.support.crm_changes import (
    Clock,
    attach,
    conflicts_found,
    differing,
    doubled,
    give_back,
    keep,
    last,
    move,
    push,
    refund,
    register,
    run_dry,
    settle,
)
from tests.support.scale import SCALE, sized

CHANGES = int(os.environ.get("CRM_CHANGES", 2_000 if SCALE >= 1 else sized(300)))


@pytest.mark.parametrize("fault", ["limit", "html", "error", "fail"])
def test_an_answer_that_is_none_is_tried_again(demo, crm, fault):
    clock = Clock()
    settle(demo, facts.settled())
    crm.sandbox.switch(**{f"crm_{fault}_next": 3})
    push(clock)
    crm.sandbox.behave()
    assert last().status == "queued" and crm.contacts() == []

    clock.at += timedelta(minutes=1)
    push(clock)

    assert last().status == "delivered" and len(crm.contacts()) == 1


def test_what_was_done_unseen_is_found_and_not_done_again(demo, crm, monkeypatch):
    monkeypatch.setattr(api, "TIMEOUT_S", 0.3)
    clock = Clock()
    settle(demo, facts.settled())
    crm.sandbox.switch(crm_late_percent=100, crm_late_s=0.5)
    for _ in range(3):
        push(clock)
        clock.at += timedelta(minutes=1)

    crm.sandbox.behave()
    run_dry(clock)

    assert (len(crm.contacts()), len(crm.contributions())) == (1, 1)


@pytest.mark.chaos
def test_faults_end_in_our_state_without_doubles(demo, crm, monkeypatch):
    """2,000 changes at full size; 429, 500 and too late after commit, a fifth each."""
    gone = _chaos(demo, crm, monkeypatch, changes=CHANGES)

    assert (doubled(crm), differing(crm), conflicts_found()) == (0, 0, [])
    assert not [email for email in gone if email in str(crm.contacts())]


@pytest.mark.chaos
def test_control_without_looking_first_what_was_done_unseen_never_arrives(demo, crm, monkeypatch):
    monkeypatch.setattr(contacts, "find", lambda api, party_id: None)
    monkeypatch.setattr(contributions, "find", lambda api, donation_ids: {})

    with pytest.raises(AssertionError, match="still waiting"):
        _chaos(demo, crm, monkeypatch, changes=20, rounds=20)


@pytest.mark.full
@pytest.mark.chaos
def test_control_without_looking_first_participants_are_doubled(demo, crm, monkeypatch):
    monkeypatch.setattr(participants, "search", lambda api, registration_ids: [])

    _chaos(demo, crm, monkeypatch, changes=60)
    clock, twice = Clock(), facts.registered()
    register(demo, twice)
    run_dry(clock)
    move(demo, twice)
    run_dry(clock)

    assert doubled(crm) > 0


def _chaos(settings, crm, monkeypatch, *, changes, rounds=800):
    """The addresses of who was erased meanwhile."""
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice, clock = random.Random(seed), Clock()
    people = [facts.registrant(email=f"n{n}@example.org") for n in range(changes // 20 + 5)]
    told = _Told(settings, dice, people)
    faults = {f"crm_{kind}_percent": 20 for kind in ("limit", "fail", "late")}
    crm.sandbox.switch(**faults, crm_late_s=0.25, crm_seed=seed)
    for _ in range(changes):
        told.change()
        push(clock, most=dice.choice([0, 0, 1, 2]))
        clock.at += timedelta(seconds=1)
    run_dry(clock, rounds)
    crm.sandbox.behave()
    return told.gone


class _Told:
    """What happens to some people, as it happens to be drawn."""

    def __init__(self, settings, dice, people):
        self.settings, self.dice, self.people = settings, dice, people
        self.events = [uuid7() for _ in range(5)]
        self.given, self.registered, self.gone = [], [], set()

    def change(self):
        acts = [self.give] * 8 + [self.register] * 5 + [self.refund, self.move, self.give_back] * 2
        self.dice.choice([*acts, self.attach, self.attach, self.rename, self.erase])()

    def give(self):
        self.given.append(facts.settled(self.who()))
        settle(self.settings, self.given[-1])

    def register(self):
        self.registered.append(facts.registered(self.who(), event_id=self.dice.choice(self.events)))
        register(self.settings, self.registered[-1])

    def refund(self):
        if self.given:
            refund(self.settings, self.given.pop(self.dice.randrange(len(self.given))))

    def move(self):
        if self.registered:
            move(self.settings, self.dice.choice(self.registered))

    def give_back(self):
        if self.registered:
            give_back(self.settings, self.registered.pop(self.dice.randrange(len(self.registered))))

    def attach(self):
        person = uuid7()
        keep(facts.card(person, 1))
        attach(self.who(), person)

    def rename(self):
        person = self.person(self.who())
        keep(facts.card(person, self.dice.randrange(1, 9), given_name=f"Clara{self.dice.random()}"))

    def erase(self):
        who = self.who()
        person = self.person(who)
        if person != who["party_id"]:
            keep(facts.heard(PersonCard.tombstone(person, 100)))
            self.people.remove(who)
            self.people.append(facts.registrant(email=f"{uuid7().hex}@example.org"))
            self.gone.add(who["email"])

    def who(self):
        return self.dice.choice(self.people)

    def person(self, who):
        with Transaction() as session:
            return parties.resolve(session, who["party_id"])
