"""What differs between a CRM and us: read in parts of bounded size, judged without a network."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

from services.notify.connectors.civicrm import contacts, events, gifts, participants, records
from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import Marks, Missed

PART = 100
OUR_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids that people over there give themselves do not look like this."""

HELD = {
    "contacts": ("Contact", "external_identifier", "external_identifier"),
    "contributions": ("Contribution", "trxn_id", gifts.WHOSE),
    "participants": ("Participant", participants.OURS, participants.WHOSE),
}
"""By step: the entity, where our id is, and where the id of whose it is."""


@dataclass(frozen=True)
class Difference:
    """One that was found; the values of a field name people, so they are not shown in a log."""

    kind: str
    entity: str
    record_id: str
    party_id: str | None
    crm_id: int | None = None
    field: str | None = None
    ours: str | None = attribute(default=None, repr=False)
    theirs: str | None = attribute(default=None, repr=False)


@dataclass(frozen=True)
class Held:
    """A record over there that bears an id which looks like one of ours."""

    crm_id: int
    record_id: str
    party_id: str


Rows = Mapping[str, Mapping[str, list[Row]]]


def read(api: Api, states: Sequence[Mapping[str, Any]]) -> Rows:
    """By entity and our id: all that is there of these parties."""
    gift_ids = [each["donation_id"] for state in states for each in state.get("donations", ())]
    registration_ids = [
        each["registration_id"] for state in states for each in state.get("registrations", ())
    ]
    event_ids = sorted({event_id for state in states for event_id in state["events"]})
    return {
        "contact": _by_id("external_identifier", _contacts(api, [state["party_id"] for state in states])),
        "contribution": _by_id("trxn_id", _in_parts(api, _contributions, gift_ids)),
        "participant": _by_id(participants.OURS, _in_parts(api, participants.search, registration_ids)),
        "event": _by_id(events.OURS, _in_parts(api, events.search, event_ids)),
    }


def _in_parts(api: Api, search: Any, ids: list[str]) -> Iterable[Row]:
    for begin in range(0, len(ids), PART):
        yield from search(api, ids[begin : begin + PART])


def _by_id(name: str, rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _contacts(api: Api, party_ids: list[str]) -> list[Row]:
    rows = api.call(
        "Contact",
        "get",
        select=["id", "external_identifier", *records.CONTACT_FIELDS],
        where=[["external_identifier", "IN", party_ids], contacts.ALL],
    )
    if not {row.get("external_identifier") for row in rows} <= set(party_ids):
        raise Missed("answered another contact")
    return rows


def _contributions(api: Api, donation_ids: list[str]) -> list[Row]:
    return list(gifts.find(api, donation_ids).values())


def judge(state: Mapping[str, Any], there: Rows, kept: Marks, key: str) -> list[Difference]:
    """All that differs of one party, but for values of ours that staff decided not to write.

    An event is to be there once; what another hand wrote in it is theirs.
    """
    party_id = state["party_id"]
    found = there["contact"].get(party_id, [])
    if state["erased"] or state["merged_into"]:
        return [
            Difference("extra", "contact", party_id, party_id, row["id"])
            for row in found
            if _names(state, row)
        ]
    wanted = {"contact": {party_id: records.contact(state)}}
    wanted["contribution"] = records.contributions(state)
    wanted["participant"] = records.participants(state)
    found_of_events = [
        each
        for event_id in state["events"]
        for each in _counted("event", event_id, party_id, there["event"].get(event_id, []))
    ]
    return found_of_events + [
        each
        for entity, ours in wanted.items()
        for record_id, values in ours.items()
        for each in _judged(entity, record_id, party_id, values, there[entity].get(record_id, []), kept, key)
    ]


def _names(state: Mapping[str, Any], row: Row) -> bool:
    """Whether a contact of somebody who is gone, or somebody else now, still stands there as theirs."""
    named = contacts.is_named(row)
    return named if state["erased"] else named or not row["is_deleted"]


def _judged(
    entity: str,
    record_id: str,
    party_id: str,
    ours: Mapping[str, Any],
    rows: list[Row],
    kept: Marks,
    key: str,
) -> Iterable[Difference]:
    yield from _counted(entity, record_id, party_id, rows)
    if len(rows) != 1:
        return
    [row] = rows
    place = records.CONTACT if entity == "contact" else record_id
    for name in records.differing(place, ours, row, kept, key):
        told, theirs = (records.shown(name, each) for each in (ours[name], row.get(name)))
        yield Difference("differing", entity, record_id, party_id, row["id"], name, told, theirs)
    if entity != "contact" and row.get(gifts.WHOSE) != party_id:
        whose = records.shown("contact_id", row.get(gifts.WHOSE))
        yield Difference("differing", entity, record_id, party_id, row["id"], "contact_id", party_id, whose)


def _counted(entity: str, record_id: str, party_id: str, rows: list[Row]) -> Iterable[Difference]:
    """Whether it is there once."""
    if not rows:
        yield Difference("missing", entity, record_id, party_id)
    for row in rows[1:]:
        yield Difference("doubled", entity, record_id, party_id, row["id"])


def held(api: Api, step: str, *, after: int, limit: int) -> tuple[list[Held], int | None]:
    """The next records there that bear an id of ours, and the last number; None when there are no more."""
    entity, name, whose = HELD[step]
    rows = api.call(
        entity,
        "get",
        select=["id", name, whose],
        where=[[name, "IS NOT NULL"], ["id", ">", after], *([contacts.ALL] if entity == "Contact" else [])],
        orderBy={"id": "ASC"},
        limit=limit,
    )
    numbers = [row["id"] for row in rows]
    if numbers != sorted(set(numbers)) or (numbers and numbers[0] <= after):
        raise Missed("answered another page")
    ours = [row for row in rows if OUR_ID.fullmatch(str(row.get(name)).lower())]
    found = [Held(row["id"], str(row[name]).lower(), str(row.get(whose) or "")) for row in ours]
    return found, numbers[-1] if len(rows) == limit else None
