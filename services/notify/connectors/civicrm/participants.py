"""Participants over there: one for each registration, found by our id in a custom field.

CiviCRM has no key on it: only the delivery that holds a registration makes its participant.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from services.notify.connectors.civicrm import contacts, events, making, records
from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import Clash, Missed

PAGE = 100
OURS = "Amicale_registration.registration_id"
WHOSE = "contact_id.external_identifier"


def upsert(api: Api, state: Mapping[str, Any], contact_id: int) -> tuple[Clash, ...]:
    """Each registration of `state` is a participant, this contact; where other hands changed one."""
    registrations = state.get("registrations") or []
    if not registrations:
        return ()
    there = events.upsert(api, state)
    clashes: list[Clash] = []
    for begin in range(0, len(registrations), PAGE):
        part = {each["registration_id"]: each for each in registrations[begin : begin + PAGE]}
        found = find(api, list(part))
        if missing := [each for each in part if each not in found]:
            contacts.confirm(api, contact_id, state["party_id"])
            create = partial(_create, api, part, contact_id, there)
            found |= making.once(api, missing, find, create)
        wanted = records.participants({"registrations": list(part.values())})
        for registration_id, row in found.items():
            clashes += _mend(api, registration_id, wanted[registration_id], row)
        _move(api, found, state["party_id"], contact_id)
    return tuple(clashes)


def find(api: Api, registration_ids: list[str]) -> dict[str, Row]:
    """The participants of these registrations; Missed when the CRM answers others, or two of one id."""
    rows = search(api, registration_ids)
    found = {str(row[OURS]): row for row in rows}
    if len(found) != len(rows):
        raise Missed("answered two participants of one id")
    return found


def search(api: Api, registration_ids: list[str]) -> list[Row]:
    """Every participant that bears one of these ids of ours."""
    rows = api.call(
        "Participant",
        "get",
        select=["id", OURS, WHOSE, *records.REGISTRATION_FIELDS],
        where=[[OURS, "IN", registration_ids]],
    )
    if not {row.get(OURS) for row in rows} <= set(registration_ids):
        raise Missed("answered another participant")
    return rows


def _create(
    api: Api,
    part: Mapping[str, Mapping[str, Any]],
    contact_id: int,
    there: Mapping[str, int],
    missing: list[str],
) -> None:
    """One call for all that are missing; cut short, the next time finds those that were made."""
    registrations = [part[each] for each in missing]
    wanted = records.participants({"registrations": registrations})
    made = api.call(
        "Participant",
        "save",
        records=[
            {
                OURS: each["registration_id"],
                "event_id": there[each["event_id"]],
                "register_date": records.received(each["confirmed_at"]),
                **wanted[each["registration_id"]],
            }
            for each in registrations
        ],
        defaults={"contact_id": contact_id},
    )
    if len(made) != len(registrations):
        raise Missed("made other participants")


def _mend(api: Api, registration_id: str, ours: dict[str, Any], there: Row) -> tuple[Clash, ...]:
    target = api.target
    compared = records.compare(registration_id, ours, there, target.memory, target.mark_key)
    if compared.writes:
        where = [["id", "=", there["id"]], [OURS, "=", registration_id]]
        changed = api.call("Participant", "update", where=where, values=compared.writes)
        if [row.get("id") for row in changed] != [there["id"]]:
            raise Missed("changed another participant, or none")
    return compared.clashes


def _move(api: Api, found: Mapping[str, Row], party_id: str, contact_id: int) -> None:
    """What stands under another contact, such as the guest that this person was, comes to this one."""
    elsewhere = sorted(each for each, there in found.items() if there.get(WHOSE) != party_id)
    if elsewhere:
        contacts.confirm(api, contact_id, party_id)
        where = [[OURS, "IN", elsewhere]]
        moved = api.call("Participant", "update", where=where, values={"contact_id": contact_id})
        if {row.get("id") for row in moved} != {found[each]["id"] for each in elsewhere}:
            raise Missed("moved other participants")
