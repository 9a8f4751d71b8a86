"""Contacts over there: found by our id, made, changed, put aside and made nameless."""

from collections.abc import Mapping
from typing import Any

from services.notify.connectors.civicrm import records
from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import Clash, Missed

ALL = ["is_deleted", "IN", [0, 1]]
"""Without it CiviCRM answers as if nothing were in its trash, where an id of ours may well lie."""

TRACES = ("Email", "Phone", "Address", "Participant")
NOT_WRITTEN_TO = {"is_opt_out": True, "do_not_email": True}


def find(api: Api, party_id: str) -> Row | None:
    """The contact of our id; Missed when the CRM answers somebody else, or two of them."""
    rows = api.call(
        "Contact",
        "get",
        select=["id", "external_identifier", *records.CONTACT_FIELDS],
        where=[["external_identifier", "=", party_id], ALL],
        limit=2,
    )
    return _only(rows, party_id)


def _only(rows: list[Row], party_id: str) -> Row | None:
    if any(row.get("external_identifier") != party_id for row in rows):
        raise Missed("answered another contact")
    if len(rows) > 1:
        raise Missed("answered two contacts of one id")
    if rows and not isinstance(rows[0].get("id"), int):
        raise Missed("answered a contact without id")
    return rows[0] if rows else None


def upsert(api: Api, state: Mapping[str, Any]) -> tuple[int, tuple[Clash, ...]]:
    """The contact is there as `state` says, but where another hand changed it: its id, and where."""
    party_id, ours = state["party_id"], records.contact(state)
    found = find(api, party_id)
    if found is None:
        return create(api, party_id, ours), ()
    target = api.target
    compared = records.compare(records.CONTACT, ours, found, target.memory, target.mark_key)
    if compared.writes:
        update(api, found["id"], party_id, compared.writes)
    return found["id"], compared.clashes


def create(api: Api, party_id: str, values: Mapping[str, Any]) -> int:
    """A new contact under our id."""
    made = api.call(
        "Contact",
        "create",
        values={"contact_type": "Individual", "external_identifier": party_id, **values},
    )
    row = _only(made, party_id)
    if row is None:
        raise Missed("answered no contact")
    return int(row["id"])


def update(api: Api, contact_id: int, party_id: str, values: Mapping[str, Any]) -> None:
    """Both ids are asked for: a contact that is no longer ours is never written upon."""
    where = [["id", "=", contact_id], ["external_identifier", "=", party_id], ALL]
    changed = api.call("Contact", "update", where=where, values=dict(values))
    if [row.get("id") for row in changed] != [contact_id]:
        raise Missed("changed another contact, or none")


def put_aside(api: Api, party_id: str) -> None:
    """Whoever was merged goes nameless to the trash over there, from where unmerging brings them back."""
    found = find(api, party_id)
    if found is not None and not (
        found["is_deleted"] and found["last_name"] == records.NAMELESS["last_name"]
    ):
        update(api, found["id"], party_id, {**records.NAMELESS, "is_deleted": True})


def erase(api: Api, party_id: str) -> None:
    """Nothing that names the person stays; the contact itself only when contributions hang on it."""
    found = find(api, party_id)
    if found is None:
        return
    contact_id = found["id"]
    if is_named(found):
        mine = [["contact_id", "=", contact_id], ["contact_id.external_identifier", "=", party_id]]
        for entity in TRACES:
            api.call(entity, "delete", where=mine)
        update(api, contact_id, party_id, {**records.NAMELESS, **NOT_WRITTEN_TO})
    held = api.call(
        "Contribution",
        "get",
        select=["id"],
        where=[["contact_id.external_identifier", "=", party_id]],
        limit=1,
    )
    if not held:
        where = [["id", "=", contact_id], ["external_identifier", "=", party_id], ALL]
        api.call("Contact", "delete", where=where, useTrash=False)


def is_named(found: Row) -> bool:
    """Whether anything of a name is left."""
    return any(
        records.folded(name, found.get(name)) != records.folded(name, value)
        for name, value in records.NAMELESS.items()
    )


def confirm(api: Api, contact_id: int, party_id: str) -> None:
    """Before something is hung on a contact: the id that was answered is ours, asked the other way round."""
    where = [["id", "=", contact_id], ["external_identifier", "=", party_id], ALL]
    if not api.call("Contact", "get", select=["external_identifier"], where=where):
        raise Missed("answered another contact")
