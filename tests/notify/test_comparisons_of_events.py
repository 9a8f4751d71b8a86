"""Events of ours beside those that a CiviCRM holds: each is to be there once."""

from uuid import UUID

import pytest

from services.notify.connectors.civicrm import events
from shared.db import uuid7
from tests.support import facts
from tests.support.crm_changes import Clock, push, register, run_dry
from tests.support.crm_comparisons import compare, counts, listed, repair


@pytest.fixture
def dinner(demo, crm):
    """Five who come to one dinner, all over there; its id."""
    event_id = uuid7()
    register(demo, *(facts.registered(event_id=event_id) for _ in range(5)))
    run_dry(Clock())
    return str(event_id)


def test_an_event_that_was_lost_is_missing_once_and_made_again(demo, crm, dinner, small):
    for entity in ("Participant", "Event"):
        crm.call(entity, "delete", where=[["id", ">", 0]])

    comparison = compare(crm)
    kinds = [(each.kind, each.entity, each.record_id) for each in listed(comparison)]

    assert counts(comparison) == (6, 0, 0, 0) and kinds.count(("missing", "event", dinner)) == 1
    repair(comparison)
    run_dry(Clock())
    assert (counts(compare(crm)), len(crm.events()), len(crm.participants())) == ((0, 0, 0, 0), 1, 5)


def test_two_events_of_one_id_are_doubled_once_though_deliveries_wait_for_it(demo, crm, dinner, small):
    [event] = crm.events()
    told = {name: event[name] for name in ("title", "start_date", events.OURS, "event_type_id")}
    [twin] = crm.call("Event", "create", values=told)
    register(demo, *(facts.registered(event_id=UUID(dinner)) for _ in range(2)))
    push()

    comparison = compare(crm)

    [found] = listed(comparison)
    assert (found.kind, found.entity, found.record_id) == ("doubled", "event", dinner)
    assert found.crm_id == twin["id"] and not found.repairable and comparison.under_way_count == 2


def test_what_another_hand_wrote_in_an_event_is_no_difference(demo, crm, dinner, small):
    crm.call("Event", "update", where=[["id", ">", 0]], values={"title": "Dîner"})

    assert counts(compare(crm)) == (0, 0, 0, 0)
