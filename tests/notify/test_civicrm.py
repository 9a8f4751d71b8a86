"""Changes of parties on their way to a CiviCRM that answers as it likes."""

import random
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import func, select

from services.notify import conflicts, gifts, parties, paths, recipients, schedule, subscriptions
from services.notify.app import create_app
from services.notify.connectors.civicrm import api, contacts, records
from services.notify.connectors.civicrm import gifts as contributions
from services.notify.models import (
    CHANGED,
    CIVICRM,
    CrmChange,
    CrmConflict,
    Delivery,
    Guest,
    Transaction,
)
from services.notify.settings import use
from shared.db import uuid7
from shared.messages import DonorAttached, PersonCard
from tests.notify.conftest import told
from tests.support import facts, tokens
from tests.support.civicrm import civicrm
from tests.support.facts import NOW
from tests.support.provider import CRM_KEY
from tests.support.scale import SCALE, sized

LATER = count(1)


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.at = NOW

    def __call__(self):
        return self.at


@pytest.fixture
def demo(settings):
    """Settings that let the CRM be on this machine."""
    return use(told(settings.database_url, demo=True))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The sandbox's CRM."""
    with civicrm(tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture
def crm(demo, running):
    """A CRM that is empty and told of everything from now on."""
    running.empty()
    _connect(running, demo)
    return running


def _connect(crm, settings):
    with Transaction() as session:
        subscriptions.subscribe(
            session,
            url=crm.url,
            types=[CHANGED],
            at=NOW - timedelta(days=1),
            settings=settings,
            secret=CRM_KEY,
            connector=CIVICRM,
        )


def _settle(settings, *messages):
    with Transaction() as session:
        for message in messages:
            gifts.settled(session, message, settings=settings, at=NOW)


def _refund(settings, message, **values):
    with Transaction() as session:
        gifts.refunded(session, facts.refunded(message, **values), settings=settings, at=NOW)


def _card(card):
    with Transaction() as session:
        recipients.keep(session, card, at=NOW)


def _attach(who, person_id):
    with Transaction() as session:
        attached = DonorAttached(party_id=who["party_id"], person_id=person_id, attached_at=NOW)
        gifts.attached(session, facts.heard(attached), at=NOW)


def _push(clock=None, most=10_000):
    clock, pushed = clock or Clock(), 0
    while pushed < most and schedule.push_next(clock=clock):
        pushed += 1
    return pushed


def _run_dry(clock, rounds=800):
    for _ in range(rounds):
        _push(clock)
        if not _waiting():
            return
        clock.at += timedelta(minutes=5)
    with Transaction() as session:
        left = session.execute(
            select(Delivery.status, Delivery.error, Delivery.attempts).where(
                Delivery.status.in_(("queued", "sending", "failed"))
            )
        )
        raise AssertionError(f"still waiting: {left.all()}")


def _waiting():
    with Transaction() as session:
        waiting = Delivery.status.in_(("queued", "sending", "failed"))
        return session.execute(select(func.count()).select_from(Delivery).where(waiting)).scalar_one()


def _last():
    with Transaction() as session:
        return session.execute(select(Delivery).order_by(Delivery.id.desc()).limit(1)).scalar_one()


def test_a_gift_becomes_a_contact_with_a_contribution(demo, crm):
    message = facts.settled()
    _settle(demo, message)

    assert _push() == 1

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
    _settle(demo, whole, part)
    _push()
    _refund(demo, whole)
    _refund(demo, part, refund_minor=2_050, refunded_minor=2_050)
    _push()

    told_of = {row["trxn_id"]: row for row in crm.contributions()}
    assert told_of[str(whole.donation_id)]["contribution_status_id:name"] == "Refunded"
    assert told_of[str(part.donation_id)]["contribution_status_id:name"] == "Completed"
    assert told_of[str(part.donation_id)]["total_amount"] == 120
    assert "20.50 EUR" in told_of[str(part.donation_id)]["source"]


def test_a_guest_who_is_a_person_brings_the_contributions_along(demo, crm):
    who, person_id = facts.contact(), uuid7()
    _settle(demo, facts.settled(who))
    _push()
    _card(facts.card(person_id, 1))
    _attach(who, person_id)
    _push()

    guest, person = crm.contact(who["party_id"]), crm.contact(person_id)
    assert guest["is_deleted"] and not guest["first_name"] and not guest.get("email_primary.email")
    assert [row["contact_id"] for row in crm.contributions()] == [person["id"]]


def test_an_older_state_of_a_guest_does_not_take_a_persons_contributions_back(demo, crm):
    clock, who, person_id = Clock(), facts.contact(), uuid7()
    _settle(demo, facts.settled(who))
    crm.sandbox.switch(crm_off=True)
    _push(clock)
    crm.sandbox.behave()
    _card(facts.card(person_id, 1))
    _attach(who, person_id)
    _push(clock)

    _run_dry(clock)

    assert _owners(crm) == [crm.contact(person_id)["id"]]


def test_an_unmerged_person_is_brought_back(demo, crm):
    loser, survivor = uuid7(), uuid7()
    _card(facts.card(survivor, 1))
    _card(facts.card(loser, 1))
    _settle(demo, facts.settled(facts.contact(party_id=loser, person_id=loser)))
    _push()
    _card(facts.heard(PersonCard(person_id=loser, version=2, merged_into=survivor)))
    _push()
    assert crm.contact(loser)["is_deleted"]

    _card(facts.card(loser, 3))
    _push()

    assert not crm.contact(loser)["is_deleted"] and crm.contact(loser)["first_name"] == "Claire"
    assert [row["contact_id"] for row in crm.contributions()] == [crm.contact(loser)["id"]]
    assert _conflicts() == []


def test_an_erased_person_leaves_a_nameless_contact_only_where_accounts_need_it(demo, crm):
    giver, who = uuid7(), facts.contact()
    _card(facts.card(giver, 1))
    _settle(demo, facts.settled(who))
    _push()
    _attach(who, giver)
    _push()
    _card(facts.heard(PersonCard.tombstone(giver, 2)))
    _push()

    [kept] = crm.contacts()
    assert kept["external_identifier"] == str(giver)
    assert [row["contact_id"] for row in crm.contributions()] == [kept["id"]]
    assert "Claire" not in str(crm.contacts()) and "example.org" not in str(crm.contacts())


@pytest.mark.parametrize("fault", ["limit", "html", "error", "fail"])
def test_an_answer_that_is_none_is_tried_again(demo, crm, fault):
    clock = Clock()
    _settle(demo, facts.settled())
    crm.sandbox.switch(**{f"crm_{fault}_next": 3})
    _push(clock)
    crm.sandbox.behave()
    assert _last().status == "queued" and crm.contacts() == []

    clock.at += timedelta(minutes=1)
    _push(clock)

    assert _last().status == "delivered" and len(crm.contacts()) == 1


def test_another_contacts_id_in_the_answer_is_never_written_upon(demo, crm):
    clock, message = Clock(), facts.settled()
    _settle(demo, message)
    _push(clock)
    [other] = crm.call("Contact", "create", values={"first_name": "Paul", "external_identifier": "p"})
    with Transaction() as session:
        gifts.settled(session, facts.settled(_again(message)), settings=demo, at=NOW)
    crm.sandbox.switch(crm_swap_percent=100)
    _push(clock)
    assert _last().status == "queued"

    crm.sandbox.behave()
    clock.at += timedelta(minutes=1)
    _push(clock)

    assert crm.contact("p")["first_name"] == "Paul" and other["id"] not in _owners(crm)
    assert _owners(crm) == [crm.contact(message.party_id)["id"]] * 2


def _again(message):
    return {**facts.contact(), "party_id": message.party_id}


def _owners(crm):
    return [row["contact_id"] for row in crm.contributions()]


def test_what_was_done_unseen_is_found_and_not_done_again(demo, crm, monkeypatch):
    monkeypatch.setattr(api, "TIMEOUT_S", 0.3)
    clock = Clock()
    _settle(demo, facts.settled())
    crm.sandbox.switch(crm_late_percent=100, crm_late_s=0.5)
    for _ in range(3):
        _push(clock)
        clock.at += timedelta(minutes=1)

    crm.sandbox.behave()
    _run_dry(clock)

    assert (len(crm.contacts()), len(crm.contributions())) == (1, 1)


def test_a_name_that_was_changed_there_by_hand_is_a_conflict_and_stays(demo, crm):
    message, clock = facts.settled(), Clock()
    _settle(demo, message)
    _push(clock)
    crm.change(message.party_id, first_name="Clarisse")

    _settle(demo, facts.settled(_again(message)))
    _push(clock)

    [conflict] = _conflicts()
    assert (conflict.field, conflict.ours, conflict.theirs) == ("first_name", "Claire", "Clarisse")
    assert crm.contact(message.party_id)["first_name"] == "Clarisse" and len(crm.contributions()) == 2


@pytest.fixture
def conflict(demo, crm):
    """A first name that somebody changed over there."""
    message = facts.settled()
    _settle(demo, message)
    _push()
    crm.change(message.party_id, first_name="Clarisse")
    _settle(demo, facts.settled(_again(message)))
    _push()
    [conflict] = _conflicts()
    return conflict


def test_ours_is_written_over_theirs_when_staff_say_so(demo, crm, conflict):
    _decide(conflict, "ours")
    _push()

    assert crm.contact(conflict.party_id)["first_name"] == "Claire"


def test_theirs_stays_until_ours_changes_again(demo, crm, conflict):
    _decide(conflict, "theirs")
    _push_again(demo, conflict, given_name="Claire")
    assert crm.contact(conflict.party_id)["first_name"] == "Clarisse" and len(_conflicts()) == 1

    _push_again(demo, conflict, given_name="Clara")

    assert crm.contact(conflict.party_id)["first_name"] == "Clara" and len(_conflicts()) == 1


def test_a_decision_for_theirs_may_be_undone(demo, crm, conflict):
    _decide(conflict, "theirs")
    with Transaction() as session:
        conflicts.undo(session, conflict.id)
    _push_again(demo, conflict, given_name="Clara")

    assert crm.contact(conflict.party_id)["first_name"] == "Clarisse"
    assert [each.decided_at for each in _conflicts()] == [None]


def test_a_decision_is_not_undone_once_the_field_is_in_conflict_anew(demo, crm, conflict):
    _decide(conflict, "theirs")
    _push_again(demo, conflict, given_name="Clara")
    crm.change(conflict.party_id, first_name="Clarice")
    _push_again(demo, conflict, given_name="Clara")

    with Transaction() as session, pytest.raises(conflicts.ConflictAgain):
        conflicts.undo(session, conflict.id)


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


def test_the_path_of_a_gift_names_the_crm(demo, crm):
    message = facts.settled()
    _settle(demo, message)
    _push()

    with Transaction() as session:
        steps = paths.steps(session, message.donation_id, lambda right: False)

    assert {"fr": "CRM à jour", "en": "CRM up to date"} in [step.title for step in steps]


def _decide(conflict, keep):
    with Transaction() as session:
        conflicts.decide(session, conflict.id, keep=keep, by=uuid7(), at=NOW)


def _push_again(settings, conflict, *, given_name):
    at = NOW + timedelta(minutes=next(LATER))
    who = {**facts.contact(given_name=given_name), "party_id": conflict.party_id}
    with Transaction() as session:
        gifts.settled(session, facts.settled(who, at=at), settings=settings, at=NOW)
    assert _push() == 1


def _conflicts():
    with Transaction() as session:
        return session.execute(select(CrmConflict).order_by(CrmConflict.id)).scalars().all()


def test_faults_end_in_our_state_without_doubles(demo, crm, monkeypatch):
    """2,000 changes at full size; 429, 500 and too late after commit, a fifth each."""
    gone = _chaos(demo, crm, monkeypatch, changes=2_000 if SCALE >= 1 else sized(600))

    assert (_doubled(crm), _differing(crm), _conflicts()) == (0, 0, [])
    assert not [email for email in gone if email in str(crm.contacts())]


def test_control_without_looking_first_what_was_done_unseen_never_arrives(demo, crm, monkeypatch):
    monkeypatch.setattr(contacts, "find", lambda api, party_id: None)
    monkeypatch.setattr(contributions, "find", lambda api, donation_ids: {})

    with pytest.raises(AssertionError, match="still waiting"):
        _chaos(demo, crm, monkeypatch, changes=20, rounds=20)


def _chaos(settings, crm, monkeypatch, *, changes, rounds=400):
    """The addresses of who was erased meanwhile."""
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice, clock = random.Random(seed), Clock()
    people = [facts.contact(email=f"n{n}@example.org") for n in range(max(5, changes // 20))]
    given, gone = [], set()
    faults = {f"crm_{kind}_percent": 20 for kind in ("limit", "fail", "late")}
    crm.sandbox.switch(**faults, crm_late_s=0.25, crm_seed=seed)
    for _ in range(changes):
        _change(dice, people, given, gone, settings)
        _push(clock, most=dice.choice([0, 0, 1, 2]))
        clock.at += timedelta(seconds=1)
    _run_dry(clock, rounds)
    crm.sandbox.behave()
    return gone


def _change(dice, people, given, gone, settings):
    who, act = dice.choice(people), dice.random()
    if act < 0.6 or not given:
        given.append(facts.settled(who))
        _settle(settings, given[-1])
    elif act < 0.8:
        _refund(settings, given.pop(dice.randrange(len(given))))
    elif act < 0.9:
        person = uuid7()
        _card(facts.card(person, 1))
        _attach(who, person)
    else:
        with Transaction() as session:
            person = parties.resolve(session, who["party_id"])
        if person == who["party_id"] or act < 0.95:
            _card(facts.card(person, dice.randrange(1, 9), given_name=f"Clara{dice.random()}"))
        else:
            _card(facts.heard(PersonCard.tombstone(person, 100)))
            people.remove(who)
            people.append(facts.contact(email=f"{uuid7().hex}@example.org"))
            gone.add(who["email"])


def _doubled(crm):
    contacts = [row["external_identifier"] for row in crm.contacts()]
    gifts = [row["trxn_id"] for row in crm.contributions()]
    return len(contacts) - len(set(contacts)) + len(gifts) - len(set(gifts))


def _differing(crm):
    """Parties and gifts whose fields over there are not ours."""
    with Transaction() as session:
        changed = set(session.execute(select(CrmChange.party_id)).scalars())
        states = [parties.state(session, party_id, gifts_max=None) for party_id in changed]
    there = {row["external_identifier"]: row for row in crm.contacts()}
    gifts = {row["trxn_id"]: row for row in crm.contributions()}
    return sum(not _is_there(state, there.get(state["party_id"]), gifts) for state in states)


def _is_there(state, row, gifts):
    if state["erased"] or state["merged_into"]:
        return row is None or not row["first_name"]
    told = records.contributions(state)
    return (
        row is not None
        and _same(records.contact(state), row)
        and all(_same({**ours, "contact_id": row["id"]}, gifts[each]) for each, ours in told.items())
    )


def _same(ours, theirs):
    return all(
        records.folded(name, value) == records.folded(name, theirs.get(name)) for name, value in ours.items()
    )
