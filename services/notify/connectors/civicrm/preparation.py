"""What a CRM must have before anything is written there, said by name when it is missing."""

import time

from services.notify.connectors.civicrm import events, participants
from services.notify.connectors.civicrm.api import Api
from services.notify.connectors.civicrm.gifts import FINANCIAL_TYPE
from services.notify.connectors.target import Missed, Target
from shared.errors import Conflict, Refused

STATUSES = ("Completed", "Refunded")
CUSTOM_FIELDS = {events.OURS: "Event", participants.OURS: "Participant"}
REFUSED = frozenset({401, 403})
TOGETHER_S = 10
"""Somebody waits for it in front of a page, and a thread of web with them."""


class CrmBeingChecked(Conflict):
    """A CRM is being checked at this moment; ask again in some seconds."""


class CrmNotReached(Refused):
    """This address did not answer as a CiviCRM does, or not all that it was asked within ten seconds."""


class CrmKeyRefused(Refused):
    """The CRM does not take this API key, or its user may not see contacts, contributions and their types."""


class CrmFinancialTypeMissing(Refused):
    """The CRM has no active financial type named Donation."""


class CrmStatusMissing(Refused):
    """The CRM lacks one of the contribution statuses Completed and Refunded."""


class CrmEventTypeMissing(Refused):
    """The CRM has no event type named Meeting."""


class CrmCustomFieldMissing(Refused):
    """The CRM lacks a custom field of ours."""

    def __init__(self, missing: list[str]) -> None:
        told = ", ".join(f"{name} (of {CUSTOM_FIELDS[name]})" for name in missing)
        super().__init__(
            f"The CRM lacks these custom fields, of one line of text each: {told}.", missing=missing
        )


REFUSALS = (
    CrmNotReached,
    CrmKeyRefused,
    CrmFinancialTypeMissing,
    CrmStatusMissing,
    CrmEventTypeMissing,
    CrmCustomFieldMissing,
)
"""What a CiviCRM may lack."""


def prepare(target: Target) -> None:
    """Look all of it up, with no transaction open; the first that is missing is raised."""
    api = Api(target, ends=time.monotonic() + TOGETHER_S)
    try:
        for entity in ("Contact", "Contribution", "Event", "Participant"):
            api.call(entity, "get", select=["id"], limit=1)
        types = api.call(
            "FinancialType", "get", where=[["name", "=", FINANCIAL_TYPE], ["is_active", "=", True]]
        )
        statuses = _options(api, "contribution_status", *STATUSES)
        event_types = _options(api, "event_type", events.EVENT_TYPE)
        custom = _custom_fields(api)
    except Missed as missed:
        raise (CrmKeyRefused if missed.code in REFUSED else CrmNotReached) from None
    if not types:
        raise CrmFinancialTypeMissing
    if statuses != set(STATUSES):
        raise CrmStatusMissing
    if not event_types:
        raise CrmEventTypeMissing
    if missing := sorted(set(CUSTOM_FIELDS) - custom):
        raise CrmCustomFieldMissing(missing)


def _options(api: Api, group: str, *names: str) -> set[str]:
    where = [["option_group_id:name", "=", group], ["name", "IN", list(names)]]
    return {str(row.get("name")) for row in api.call("OptionValue", "get", select=["name"], where=where)}


def _custom_fields(api: Api) -> set[str]:
    """Those of ours that are there and extend what they are meant for: writing to others is ignored there."""
    rows = api.call(
        "CustomField",
        "get",
        select=["name", "custom_group_id.name", "custom_group_id.extends"],
        where=[["name", "IN", [name.partition(".")[2] for name in CUSTOM_FIELDS]], ["is_active", "=", True]],
    )
    found = {f"{row.get('custom_group_id.name')}.{row.get('name')}": row for row in rows}
    return {
        name
        for name, entity in CUSTOM_FIELDS.items()
        if name in found and found[name].get("custom_group_id.extends") == entity
    }
