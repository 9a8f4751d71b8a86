"""Two pushers at a CiviCRM that has no key on events and participants: one makes each, whatever was there."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.event import listen

from services.notify import crm_holds, deliveries, schedule
from services.notify.connectors import Arrived, Missed
from services.notify.connectors.civicrm import api, events, making, participants
from services.notify.models import CrmHold, Delivery, Subscription, Transaction
from shared.db import uuid7
from tests.support import facts
from tests.support.crm_changes import Clock, attach, doubled, keep, last, move, push, register, run_dry
from tests.support.facts import NOW
from tests.support.scale import sized


@pytest.fixture
def dinner(demo, crm):
    """Three who come to one dinner, all over there."""
    event_id = uuid7()
    told = [facts.registered(event_id=event_id) for _ in range(3)]
    register(demo, *told)
    run_dry(Clock())
    return told


def _lost(crm):
    """As after a restored backup."""
    for entity in ("Participant", "Event"):
        crm.call(entity, "delete", where=[["id", ">", 0]])


def _beside(monkeypatch, module, name, run):
    """While `name` is called for the first time, `run` happens before it does anything."""
    original, called = getattr(module, name), []

    def call(*args, **values):
        if not called:
            called.append(1)
            run()
        return original(*args, **values)

    monkeypatch.setattr(module, name, call)


def _made_beside_one_another(demo, crm, monkeypatch, told):
    """Everybody's state changes; while one delivery is about to make the event, the next one comes to it."""
    clock = Clock()
    for each in told:
        move(demo, each)
    _beside(monkeypatch, events, "_create", lambda: schedule.push_next(clock=clock))
    push(clock, most=1)
    said = _errors()
    run_dry(clock)
    return said


def _errors():
    with Transaction() as session:
        return set(session.execute(select(Delivery.error).where(Delivery.error.is_not(None))).scalars())


def _nobody_asks(session, *, record_ids, **_):
    return set(record_ids)


def test_who_waits_for_another_delivery_is_never_given_up_for_it(demo, crm, dinner, monkeypatch):
    """As after a pause of days: a miss would be the last."""
    _lost(crm)
    clock, days = Clock(), timedelta(days=4)
    for each in dinner:
        move(demo, each)
    with Transaction() as session:
        session.execute(update(Delivery).values(created_at=Delivery.created_at - days))
    _beside(monkeypatch, events, "_create", lambda: schedule.push_next(clock=clock))

    push(clock, most=1)

    with Transaction() as session:
        statement = select(Delivery).where(Delivery.error == "another delivery is making it")
        waiting = session.execute(statement).scalar_one()
        assert (waiting.status, waiting.next_attempt_at - clock() <= timedelta(seconds=1)) == ("queued", True)
    run_dry(clock)
    assert len(crm.participants()) == 3


def test_an_event_that_was_lost_over_there_is_made_by_one_delivery_at_a_time(demo, crm, dinner, monkeypatch):
    _lost(crm)

    said = _made_beside_one_another(demo, crm, monkeypatch, dinner)

    assert said == {"another delivery is making it"}
    assert (len(crm.events()), len(crm.participants()), doubled(crm)) == (1, 3, 0)


def test_an_event_that_never_was_there_is_made_by_one_delivery_at_a_time(demo, crm, monkeypatch):
    event_id = uuid7()
    told = [facts.registered(event_id=event_id) for _ in range(3)]
    register(demo, *told)

    _made_beside_one_another(demo, crm, monkeypatch, told)

    assert (len(crm.events()), len(crm.participants()), doubled(crm)) == (1, 3, 0)


def test_control_without_holding_it_the_event_is_made_twice_and_everybody_waits(
    demo, crm, dinner, monkeypatch
):
    monkeypatch.setattr(crm_holds, "hold", _nobody_asks)
    _lost(crm)

    with pytest.raises(AssertionError, match="answered two events of one id"):
        _made_beside_one_another(demo, crm, monkeypatch, dinner)

    assert len(crm.events()) == 2


@pytest.mark.parametrize("guarded", [True, False])
def test_what_was_made_between_looking_and_holding_is_not_made_again(demo, crm, dinner, monkeypatch, guarded):
    """Without looking once more, the control, it is there twice."""
    clock = Clock()
    _lost(crm)
    for each in dinner:
        move(demo, each)
    if not guarded:
        monkeypatch.setattr(making, "made_meanwhile", lambda api, held, find: {})
    _beside(monkeypatch, schedule, "hold", lambda: schedule.push_next(clock=clock))

    push(clock, most=1)

    assert len(crm.events()) == (1 if guarded else 2)


def test_what_a_call_that_was_given_up_makes_late_is_not_made_by_another(demo, crm, monkeypatch):
    clock, event_id = Clock(), uuid7()
    register(demo, *(facts.registered(event_id=event_id) for _ in range(3)))
    late = []

    def given_up(*told):
        late.append(told)
        raise Missed("ReadTimeout", retry_after_s=api.LATE_S)

    with monkeypatch.context() as patched:
        patched.setattr(events, "_create", given_up)
        push(clock)
        for seconds in range(1, 29, 4):
            clock.at = NOW + timedelta(seconds=seconds)
            push(clock)
    assert len(late) == 1
    events._create(*late[0])
    run_dry(clock)

    assert (len(crm.events()), len(crm.participants()), doubled(crm)) == (1, 3, 0)


def test_a_delivery_that_died_holds_nothing_for_longer_than_its_claim(demo, crm, monkeypatch):
    clock, event_id = Clock(), uuid7()
    register(demo, *(facts.registered(event_id=event_id) for _ in range(2)))
    with Transaction() as session:
        parcel = deliveries.claim(session, at=NOW, settings=demo)
    assert schedule.hold(parcel, clock, [str(event_id)]) == {str(event_id)}

    push(clock)
    assert (last().status, crm.events()) == ("queued", [])
    run_dry(clock)

    assert (len(crm.events()), len(crm.participants())) == (1, 2)


def test_of_two_that_want_the_same_events_neither_waits_for_the_other_for_ever(demo, crm, monkeypatch):
    """Each makes what it holds, and finds the rest when it comes again."""
    clock, one, two = Clock(), uuid7(), uuid7()
    for who in (facts.registrant(), facts.registrant()):
        register(demo, facts.registered(who, event_id=one), facts.registered(who, event_id=two))
    with Transaction() as session:
        parcel = deliveries.claim(session, at=NOW, settings=demo)
    schedule.hold(parcel, clock, [str(two)])

    push(clock)
    assert [each[events.OURS] for each in crm.events()] == [str(one)]
    run_dry(clock)

    assert (len(crm.events()), len(crm.participants()), doubled(crm)) == (2, 4, 0)


def test_waiting_for_another_delivery_is_no_miss_of_the_crm(demo, crm):
    clock, event_id = Clock(), uuid7()
    register(demo, *(facts.registered(event_id=event_id) for _ in range(8)))
    with Transaction() as session:
        parcel = deliveries.claim(session, at=NOW, settings=demo)
    schedule.hold(parcel, clock, [str(event_id)])

    assert push(clock) == 7
    with Transaction() as session:
        assert session.get_one(Subscription, crm.subscription_id).misses_in_a_row == 0


def test_a_delivery_that_arrived_holds_nothing(demo, crm, dinner):
    with Transaction() as session:
        assert session.execute(select(CrmHold)).all() == []


def test_two_events_of_one_id_are_never_written_upon(demo, crm, dinner):
    clock, [event] = Clock(), crm.events()
    told = {name: event[name] for name in ("title", "start_date", events.OURS, "event_type_id")}
    crm.call("Event", "create", values=told)

    move(demo, dinner[0])
    push(clock)

    assert last().error == "answered two events of one id"
    assert [each["start_date"] for each in crm.events()] == [event["start_date"]] * 2


def test_however_many_come_to_one_event_a_claim_takes_what_one_takes_and_locks_nobody_elses(demo, crm):
    """While one delivery is making an event of many, the next is claimed, and the first is written down
    before that claim commits."""
    event_id = uuid7()
    register(demo, *(facts.registered(event_id=event_id) for _ in range(sized(600, least=50))))
    with Transaction() as session:
        first = deliveries.claim(session, at=NOW, settings=demo)
    schedule.hold(first, Clock(), [str(event_id)])

    with Transaction() as beside:
        asked = _statements(beside)
        second = deliveries.claim(beside, at=NOW, settings=demo)
        with Transaction() as session:
            session.execute(text("set local lock_timeout = '2s'"))
            assert deliveries.conclude(session, first, Arrived(200), at=NOW).status == "delivered"

    assert second.party_id != first.party_id
    assert len(asked) < 40, len(asked)


def _statements(session):
    """All that this session asks from now on."""
    asked = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    listen(session.connection(), "before_cursor_execute", note)
    return asked


@pytest.mark.parametrize("guarded", [True, False])
def test_a_guests_registration_is_there_once_when_they_become_a_person_meanwhile(
    demo, crm, monkeypatch, guarded
):
    """Without holding it, the control, both deliveries make it."""
    clock, who, person_id = Clock(), facts.registrant(), uuid7()
    if not guarded:
        monkeypatch.setattr(crm_holds, "hold", _nobody_asks)
    register(demo, facts.registered(who))

    def known():
        keep(facts.card(person_id, 1))
        attach(who, person_id)
        push(clock, most=3)

    _beside(monkeypatch, participants, "_create", known)
    push(clock, most=1)

    assert len(crm.participants()) == (1 if guarded else 2)
    if guarded:
        run_dry(clock)
        [participant] = crm.participants()
        assert participant["contact_id"] == crm.contact(person_id)["id"]
