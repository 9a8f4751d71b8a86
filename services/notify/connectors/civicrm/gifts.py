"""Contributions over there: one for each gift, found by our id before anything is written."""

from collections.abc import Mapping
from typing import Any

from services.notify.connectors.civicrm import contacts, records
from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import Clash, Missed

PAGE = 100
WHOSE = "contact_id.external_identifier"
FINANCIAL_TYPE = "Donation"


def upsert(api: Api, state: Mapping[str, Any], contact_id: int) -> tuple[Clash, ...]:
    """Each gift of `state` is a contribution of this contact; where other hands changed one."""
    clashes: list[Clash] = []
    gifts = state["donations"]
    for begin in range(0, len(gifts), PAGE):
        part = gifts[begin : begin + PAGE]
        found = find(api, [each["donation_id"] for each in part])
        if missing := [each for each in part if each["donation_id"] not in found]:
            contacts.confirm(api, contact_id, state["party_id"])
            _create(api, missing, contact_id)
        wanted = records.contributions({"donations": part})
        for donation_id, there in found.items():
            clashes += _mend(api, donation_id, wanted[donation_id], there)
        _move(api, found, state["party_id"], contact_id)
    return tuple(clashes)


def _move(api: Api, found: Mapping[str, Row], party_id: str, contact_id: int) -> None:
    """What stands under another contact, such as the guest that this person was, comes to this one."""
    elsewhere = sorted(each for each, there in found.items() if there.get(WHOSE) != party_id)
    if elsewhere:
        contacts.confirm(api, contact_id, party_id)
        where = [["trxn_id", "IN", elsewhere]]
        moved = api.call("Contribution", "update", where=where, values={"contact_id": contact_id})
        if {row.get("id") for row in moved} != {found[each]["id"] for each in elsewhere}:
            raise Missed("moved other contributions")


def find(api: Api, donation_ids: list[str]) -> dict[str, Row]:
    """The contributions of these gifts by our id; Missed when the CRM answers others, or one twice."""
    rows = api.call(
        "Contribution",
        "get",
        select=["id", "trxn_id", WHOSE, *records.GIFT_FIELDS],
        where=[["trxn_id", "IN", donation_ids]],
    )
    found = {row.get("trxn_id"): row for row in rows}
    if len(found) != len(rows) or not set(found) <= set(donation_ids):
        raise Missed("answered another contribution")
    return {str(donation_id): row for donation_id, row in found.items()}


def _create(api: Api, gifts: list[Mapping[str, Any]], contact_id: int) -> None:
    """One call for all that are missing; cut short, the next time finds those that were made."""
    wanted = records.contributions({"donations": gifts})
    made = api.call(
        "Contribution",
        "save",
        records=[
            {
                "trxn_id": gift["donation_id"],
                "invoice_id": gift["donation_id"],
                "receive_date": records.received(gift["settled_at"]),
                **wanted[gift["donation_id"]],
            }
            for gift in gifts
        ],
        defaults={"contact_id": contact_id, "financial_type_id:name": FINANCIAL_TYPE},
    )
    if sorted(str(row.get("trxn_id")) for row in made) != sorted(wanted):
        raise Missed("made other contributions")


def _mend(api: Api, donation_id: str, ours: dict[str, Any], there: Row) -> tuple[Clash, ...]:
    target = api.target
    compared = records.compare(donation_id, ours, there, target.memory, target.mark_key)
    if compared.writes:
        _update(api, donation_id, there["id"], compared.writes)
    return compared.clashes


def _update(api: Api, donation_id: str, contribution_id: int, values: Mapping[str, Any]) -> None:
    where = [["id", "=", contribution_id], ["trxn_id", "=", donation_id]]
    changed = api.call("Contribution", "update", where=where, values=dict(values))
    if [row.get("id") for row in changed] != [contribution_id]:
        raise Missed("changed another contribution, or none")
