"""All that we know beside all that a CiviCRM holds, told by what differs and mended by deliveries."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import select

from services.notify import comparison_parts, comparisons, conflicts, deliveries, schedule
from services.notify.connectors.civicrm import participants
from services.notify.models import CrmConflict, Delivery, Transaction
from services.notify.models.crm_comparison import ComparisonOutdated, ComparisonRunning
from shared.db import uuid7
from shared.messages import PersonCard
from tests.support import facts
from tests.support.crm_changes import (
    Clock,
    again,
    differing,
    give_back,
    keep,
    push,
    refund,
    register,
    run_dry,
    settle,
)
from tests.support.crm_comparisons import compare, counts, listed, read, repair, start
from tests.support.facts import NOW


@pytest.fixture
def filled(demo, crm):
    """Five givers who come to a dinner too, all over there."""
    told = [facts.settled() for _ in range(5)]
    settle(demo, *told)
    for each in told:
        register(demo, facts.registered({**facts.registrant(), "party_id": each.party_id}))
    run_dry(Clock())
    return told


def test_what_is_the_same_is_no_difference(demo, crm, filled, small):
    comparison = compare(crm)

    assert (comparison.status, counts(comparison)) == ("finished", (0, 0, 0, 0))
    assert (comparison.parties_count, comparison.parties_total) == (5, 5)
    counted = ("contacts_count", "contributions_count", "participants_count")
    assert [getattr(comparison, each) for each in counted] == [5, 5, 5]


def test_what_is_missing_extra_or_differs_is_listed_mended_and_then_the_same(demo, crm, filled, small):
    one, two, three, *_ = filled
    erased = _erased(demo, crm)
    crm.call("Contribution", "delete", where=[["trxn_id", "=", str(one.donation_id)]])
    crm.call("Participant", "delete", where=[["contact_id.external_identifier", "=", str(two.party_id)]])
    crm.call("Contact", "delete", where=[["external_identifier", "=", str(two.party_id)]], useTrash=False)
    crm.call(
        "Contribution",
        "update",
        where=[["trxn_id", "=", str(three.donation_id)]],
        values={"contact_id": crm.contact(one.party_id)["id"]},
    )
    crm.call("Contact", "create", values={"first_name": "Zoé", "external_identifier": str(erased)})

    first = compare(crm)
    kinds = sorted((each.kind, each.entity, each.field) for each in listed(first))

    assert kinds == [
        ("differing", "contribution", "contact_id"),
        ("extra", "contact", None),
        ("missing", "contact", None),
        ("missing", "contribution", None),
        ("missing", "contribution", None),
        ("missing", "participant", None),
    ]
    assert repair(first).repaired_parties_count == 4
    run_dry(Clock())
    second = compare(crm)
    assert (counts(second), differing(crm)) == ((0, 0, 0, 0), 0)
    assert listed(first) == []


def _erased(settings, crm):
    giver = uuid7()
    keep(facts.card(giver, 1))
    register(settings, facts.registered({**facts.registrant(), "party_id": giver, "person_id": giver}))
    push()
    keep(facts.heard(PersonCard.tombstone(giver, 2)))
    run_dry(Clock())
    return giver


def test_ids_of_ours_that_we_do_not_know_are_listed_and_other_peoples_are_not(demo, crm, filled, small):
    crm.call("Contact", "create", values={"first_name": "Zoé", "external_identifier": str(uuid7())})
    crm.call("Contact", "create", values={"first_name": "Zoé", "external_identifier": "member-12"})

    [found] = listed(compare(crm))

    assert (found.kind, found.party_id, found.repairable) == ("extra", None, False)


def test_a_contribution_that_an_erased_person_left_is_no_difference(demo, crm, small):
    giver = uuid7()
    keep(facts.card(giver, 1))
    settle(demo, facts.settled(facts.contact(party_id=giver, person_id=giver)))
    push()
    keep(facts.heard(PersonCard.tombstone(giver, 2)))
    run_dry(Clock())

    assert len(crm.contributions()) == 1 and counts(compare(crm)) == (0, 0, 0, 0)


def test_two_participants_of_one_registration_are_doubled_and_not_repaired(demo, crm, filled, small):
    twin = crm.participants()[0]
    values = {name: twin[name] for name in ("contact_id", "event_id", participants.OURS)}
    crm.call("Participant", "create", values=values)

    comparison = compare(crm)

    assert counts(comparison) == (0, 0, 0, 1)
    assert repair(comparison).repaired_parties_count == 0


def test_what_another_hand_changed_becomes_a_conflict_and_is_counted_apart(demo, crm, filled, small):
    crm.change(filled[0].party_id, first_name="Clarisse")
    first = compare(crm)
    [found] = listed(first)
    assert (found.field, found.ours, found.theirs) == ("first_name", "Claire", "Clarisse")
    assert "Clarisse" not in repr(found)

    repair(first)
    run_dry(Clock())
    second = compare(crm)

    assert (counts(second), second.in_conflict_count) == ((0, 0, 0, 0), 1)


def test_a_value_that_staff_left_is_no_difference(demo, crm, filled, small):
    crm.change(filled[0].party_id, first_name="Clarisse")
    repair(compare(crm))
    run_dry(Clock())
    with Transaction() as session:
        conflict = session.execute(select(CrmConflict)).scalar_one()
        conflicts.decide(session, conflict.id, keep="theirs", by=uuid7(), at=NOW)

    comparison = compare(crm)

    assert (counts(comparison), comparison.in_conflict_count) == ((0, 0, 0, 0), 0)


def test_a_party_that_a_delivery_is_on_its_way_of_is_not_judged(demo, crm, filled, small):
    refund(demo, filled[0])

    comparison = compare(crm)

    assert (counts(comparison), comparison.under_way_count) == ((0, 0, 0, 0), 1)


def test_a_party_whose_delivery_is_tried_again_while_it_is_read_is_not_judged(demo, crm, monkeypatch):
    """Nothing changed since, and nothing was on its way when the part was begun."""
    settle(demo, facts.settled())
    with Transaction() as session:
        delivery = session.execute(select(Delivery)).scalar_one()
        delivery.status, delivery.given_up_at = "failed", NOW
    read_part = comparison_parts.read

    def read_late(part):
        if part.states:
            assert part.under_way == set()
            with Transaction() as session:
                deliveries.retry(session, delivery.id, at=NOW)
        return read_part(part)

    monkeypatch.setattr(comparison_parts, "read", read_late)

    comparison = compare(crm)

    assert (counts(comparison), comparison.under_way_count) == ((0, 0, 0, 0), 1)


def test_a_party_that_changes_while_it_is_read_is_not_judged(demo, crm, filled, monkeypatch):
    read = comparison_parts.read

    def read_late(part):
        found = read(part)
        if part.states and not crm.late:
            crm.late = True
            settle(demo, facts.settled(again(filled[0])))
            run_dry(Clock())
        return found

    crm.late = False
    crm.call("Contribution", "delete", where=[["trxn_id", "=", str(filled[0].donation_id)]])
    monkeypatch.setattr(comparison_parts, "read", read_late)

    comparison = compare(crm)

    assert (counts(comparison), comparison.under_way_count) == ((0, 0, 0, 0), 1)


@pytest.mark.parametrize("guarded", [True, False])
def test_a_part_that_is_read_twice_is_written_down_once(demo, crm, filled, small, monkeypatch, guarded):
    """Without the guard, the control, what it found is there twice."""
    crm.call("Contribution", "delete", where=[["id", ">", 0]])
    if not guarded:
        monkeypatch.setattr(comparison_parts, "is_taken", lambda comparison, part: False)
    comparison_id, clock = start(crm), Clock()
    for _ in range(100):
        with Transaction() as session:
            parts = [comparison_parts.claim(session, at=clock(), settings=demo)]
        clock.at += timedelta(seconds=61)
        with Transaction() as session:
            parts.append(comparison_parts.claim(session, at=clock(), settings=demo))
        for part in filter(None, parts if len(listed(read(comparison_id))) == 0 else parts[1:]):
            found = comparison_parts.read(part)
            with Transaction() as session:
                comparison_parts.conclude(session, part, found, at=clock())
        if read(comparison_id).step is None:
            break

    assert (len(listed(read(comparison_id))) == 5) == guarded


def test_killed_anywhere_it_goes_on_and_faults_end_in_the_same_list(demo, crm, filled, small, monkeypatch):
    dice, clock = random.Random(7), Clock()
    crm.call("Contribution", "delete", where=[["id", ">", 0]])
    comparison_id = start(crm)
    crm.sandbox.switch(crm_limit_percent=20, crm_fail_percent=20, crm_html_percent=20, crm_seed=7)
    for _ in range(500):
        _try_next(demo, clock, killed=dice.random() < 0.3)
        clock.at += timedelta(seconds=61)
        if read(comparison_id).step is None:
            break

    comparison = read(comparison_id)
    assert (comparison.status, counts(comparison)) == ("finished", (5, 0, 0, 0))


def _try_next(settings, clock, *, killed):
    with Transaction() as session:
        part = comparison_parts.claim(session, at=clock(), settings=settings)
    if part is None or killed:
        return
    found = comparison_parts.read(part)
    with Transaction() as session:
        comparison_parts.conclude(session, part, found, at=clock())


def test_one_at_a_time_with_a_crm_and_only_the_latest_is_repaired(demo, crm, filled):
    first = start(crm)
    with Transaction() as session:
        assert comparisons.start(session, crm.subscription_id, by=None, at=NOW) is None
    with pytest.raises(ComparisonRunning):
        repair(read(first))
    while schedule.compare_next(clock=Clock()):
        pass
    compare(crm)

    with pytest.raises(ComparisonOutdated):
        repair(read(first))


def test_a_crm_that_does_not_answer_is_given_up_after_half_a_day(demo, crm, filled):
    clock, comparison_id = Clock(), start(crm)
    crm.sandbox.switch(crm_off=True)
    for _ in range(200):
        schedule.compare_next(clock=clock)
        clock.at += timedelta(minutes=5)
    crm.sandbox.behave()

    assert (read(comparison_id).status, read(comparison_id).error) == ("failed", "Contact.get answered 503")


def test_a_paused_crm_is_not_compared(demo, crm, filled):
    give_back(demo, facts.registered())
    comparison_id = start(crm)
    with Transaction() as session:
        session.get_one(comparisons.Subscription, crm.subscription_id).active = False

    assert schedule.compare_next(clock=Clock()) == 0 and read(comparison_id).status == "failed"
