"""Events over there: found by our id in a custom field, made when one of ours is missing.

CiviCRM has no key on it: only the delivery that holds an event makes it.
"""

from collections.abc import Mapping
from typing import Any

from services.notify.connectors.civicrm import making, records
from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import Missed

OURS = "Amicale_event.event_id"
EVENT_TYPE = "Meeting"


def upsert(api: Api, state: Mapping[str, Any]) -> dict[str, int]:
    """Each event of `state` is there once: its number over there by our id.

    What another hand wrote in an event stays as it is, and is no conflict: an event is nobody's own data.
    """
    wanted = records.events(state)
    found = find(api, sorted(wanted))
    if missing := sorted(set(wanted) - set(found)):
        making.once(api, missing, find, lambda absent: _create(api, absent, wanted))
        found |= find(api, missing)
    if set(found) != set(wanted):
        raise Missed("made other events")
    for event_id, there in found.items():
        compared = records.compare(event_id, wanted[event_id], there, api.target.memory, api.target.mark_key)
        if compared.writes:
            _update(api, event_id, there["id"], compared.writes)
    return {event_id: int(there["id"]) for event_id, there in found.items()}


def find(api: Api, event_ids: list[str]) -> dict[str, Row]:
    """The events of these ids of ours; Missed when the CRM answers others, or two of one id."""
    rows = search(api, event_ids)
    found = {str(row[OURS]): row for row in rows}
    if len(found) != len(rows):
        raise Missed("answered two events of one id")
    return found


def search(api: Api, event_ids: list[str]) -> list[Row]:
    """Every event that bears one of these ids of ours."""
    rows = api.call(
        "Event", "get", select=["id", OURS, *records.EVENT_FIELDS], where=[[OURS, "IN", event_ids]]
    )
    if not {row.get(OURS) for row in rows} <= set(event_ids):
        raise Missed("answered another event")
    return rows


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
