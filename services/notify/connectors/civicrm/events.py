"""Events over there: found by our id in a custom field, made when one of ours is missing.

CiviCRM has no key on it: only the delivery that holds an event (services/notify/crm_holds.py) makes it.
"""

from collections.abc import Mapping
from typing import Any

from services.notify.connectors.civicrm import records
from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import BeingMade, Missed

OURS = "Amicale_event.event_id"
EVENT_TYPE = "Meeting"


def upsert(api: Api, state: Mapping[str, Any]) -> dict[str, int]:
    """Each event of `state` is there once: its number over there by our id.

    What another hand wrote in an event stays as it is, and is no conflict: an event is nobody's own data.
    """
    wanted = records.events(state)
    found = find(api, sorted(wanted))
    if missing := sorted(set(wanted) - set(found)):
        found |= _make(api, missing, wanted)
    for event_id, there in found.items():
        compared = records.compare(event_id, wanted[event_id], there, api.target.memory, api.target.mark_key)
        if compared.writes:
            _update(api, event_id, there["id"], compared.writes)
    return {event_id: int(there["id"]) for event_id, there in found.items()}


def find(api: Api, event_ids: list[str]) -> dict[str, Row]:
    """The events of these ids of ours; Missed when the CRM answers others, or two of one id."""
    if not event_ids:
        return {}
    rows = api.call(
        "Event", "get", select=["id", OURS, *records.EVENT_FIELDS], where=[[OURS, "IN", event_ids]]
    )
    found = {str(row.get(OURS)): row for row in rows}
    if not set(found) <= set(event_ids):
        raise Missed("answered another event")
    if len(found) != len(rows):
        raise Missed("answered two events of one id")
    return found


def _make(api: Api, event_ids: list[str], wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Row]:
    """Those that this delivery holds are there afterwards; BeingMade when another one holds some."""
    held = sorted(api.target.hold(event_ids))
    there = made_meanwhile(api, held)
    if absent := [each for each in held if each not in there]:
        _create(api, absent, wanted)
        there |= find(api, absent)
    if sorted(there) != held:
        raise Missed("made other events")
    if held != event_ids:
        raise BeingMade
    return there


def made_meanwhile(api: Api, event_ids: list[str]) -> dict[str, Row]:
    """What another delivery made after this one looked and before it held them."""
    return find(api, event_ids)


def _create(api: Api, event_ids: list[str], wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """One call for all that are missing; its answer need not show our ids, so they are looked for again."""
    api.call(
        "Event",
        "save",
        records=[{OURS: event_id, **wanted[event_id]} for event_id in event_ids],
        defaults={"event_type_id:name": EVENT_TYPE},
    )


def _update(api: Api, event_id: str, there_id: int, values: Mapping[str, Any]) -> None:
    where = [["id", "=", there_id], [OURS, "=", event_id]]
    changed = api.call("Event", "update", where=where, values=dict(values))
    if [row.get("id") for row in changed] != [there_id]:
        raise Missed("changed another event, or none")
