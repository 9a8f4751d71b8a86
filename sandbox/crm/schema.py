"""What the CRM knows: its entities, their fields, options and custom fields."""

from dataclasses import dataclass, field
from typing import Any

BOOLEAN, INTEGER, MONEY, STRING, MOMENT = "Boolean", "Integer", "Money", "String", "Timestamp"

FINANCIAL_TYPES = {1: "Donation", 2: "Member Dues", 3: "Campaign Contribution", 4: "Event Fee"}
LOCATION_TYPES = {1: "Home", 2: "Work", 3: "Main", 4: "Other", 5: "Billing"}
CONTRIBUTION_STATUSES = {
    1: "Completed", 2: "Pending", 3: "Cancelled", 4: "Failed", 5: "In Progress", 7: "Refunded",
    8: "Partially paid", 9: "Pending refund", 10: "Chargeback", 11: "Template",
}  # fmt: skip
PARTICIPANT_STATUSES = {
    1: "Registered", 2: "Attended", 3: "No-show", 4: "Cancelled", 5: "Pending from pay later",
    6: "Pending from incomplete transaction", 7: "On waitlist", 8: "Awaiting approval",
    9: "Pending from waitlist", 10: "Pending from approval", 11: "Rejected", 12: "Expired",
}  # fmt: skip
PARTICIPANT_ROLES = {1: "Attendee", 2: "Volunteer", 3: "Host", 4: "Speaker"}
EVENT_TYPES = {
    1: "Conference",
    2: "Exhibition",
    3: "Fundraiser",
    4: "Meeting",
    5: "Performance",
    6: "Workshop",
}

OPTION_GROUPS = {1: "contribution_status", 2: "participant_role", 3: "event_type"}


@dataclass(frozen=True)
class Entity:
    """`hidden` are the flags that `get` leaves out by itself; `links` lead to another entity's id."""

    fields: dict[str, str]
    required: tuple[str, ...] = ()
    defaults: dict[str, Any] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    options: dict[str, dict[int, str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    custom: tuple[str, ...] = ()

    def kind(self, name: str) -> str | None:
        """The type of a field, or None when there is no such field."""
        return STRING if name in self.custom else self.fields.get(name)


ENTITIES = {
    "Contact": Entity(
        fields={
            "id": INTEGER, "contact_type": STRING, "external_identifier": STRING, "first_name": STRING,
            "last_name": STRING, "display_name": STRING, "sort_name": STRING, "preferred_language": STRING,
            "source": STRING, "do_not_email": BOOLEAN, "is_opt_out": BOOLEAN, "is_deceased": BOOLEAN,
            "is_deleted": BOOLEAN, "created_date": MOMENT, "modified_date": MOMENT,
        },
        defaults={
            "contact_type": "Individual", "do_not_email": 0, "is_opt_out": 0, "is_deceased": 0,
            "is_deleted": 0,
        },
        hidden=("is_deleted",),
        custom=("Amicale.party_id", "Amicale.synced_at"),
    ),
    "Email": Entity(
        fields={
            "id": INTEGER, "contact_id": INTEGER, "location_type_id": INTEGER, "email": STRING,
            "is_primary": BOOLEAN, "is_billing": BOOLEAN, "on_hold": INTEGER, "hold_date": MOMENT,
        },
        required=("contact_id", "email"),
        defaults={"location_type_id": 1, "is_primary": 0, "is_billing": 0, "on_hold": 0},
        options={"location_type_id": LOCATION_TYPES},
        links={"contact_id": "Contact"},
    ),
    "Contribution": Entity(
        fields={
            "id": INTEGER, "contact_id": INTEGER, "financial_type_id": INTEGER, "total_amount": MONEY,
            "currency": STRING, "receive_date": MOMENT, "trxn_id": STRING, "invoice_id": STRING,
            "contribution_status_id": INTEGER, "source": STRING, "cancel_date": MOMENT,
            "cancel_reason": STRING,
            "is_test": BOOLEAN, "is_template": BOOLEAN,
        },
        required=("contact_id", "financial_type_id", "total_amount"),
        defaults={"contribution_status_id": 1, "currency": "EUR", "is_test": 0, "is_template": 0},
        hidden=("is_test", "is_template"),
        options={"financial_type_id": FINANCIAL_TYPES, "contribution_status_id": CONTRIBUTION_STATUSES},
        links={"contact_id": "Contact"},
        custom=("Amicale_gift.gift_id",),
    ),
    "Event": Entity(
        fields={
            "id": INTEGER, "title": STRING, "event_type_id": INTEGER, "start_date": MOMENT,
            "end_date": MOMENT,
            "is_active": BOOLEAN, "is_public": BOOLEAN, "is_template": BOOLEAN, "max_participants": INTEGER,
        },
        required=("title", "event_type_id", "start_date"),
        defaults={"is_active": 1, "is_public": 1, "is_template": 0},
        hidden=("is_template",),
        options={"event_type_id": EVENT_TYPES},
        custom=("Amicale_event.event_id",),
    ),
    "Participant": Entity(
        fields={
            "id": INTEGER, "contact_id": INTEGER, "event_id": INTEGER, "status_id": INTEGER,
            "role_id": INTEGER,
            "register_date": MOMENT, "source": STRING, "is_test": BOOLEAN,
        },
        required=("contact_id", "event_id"),
        defaults={"status_id": 1, "role_id": 1, "is_test": 0},
        hidden=("is_test",),
        options={"status_id": PARTICIPANT_STATUSES, "role_id": PARTICIPANT_ROLES},
        links={"contact_id": "Contact", "event_id": "Event"},
        custom=("Amicale_registration.registration_id", "Amicale_registration.cancelled_at"),
    ),
    "Phone": Entity(
        fields={"id": INTEGER, "contact_id": INTEGER, "phone": STRING, "is_primary": BOOLEAN},
        required=("contact_id", "phone"),
        links={"contact_id": "Contact"},
    ),
    "Address": Entity(
        fields={
            "id": INTEGER, "contact_id": INTEGER, "street_address": STRING, "postal_code": STRING,
            "city": STRING, "is_primary": BOOLEAN,
        },
        required=("contact_id",),
        links={"contact_id": "Contact"},
    ),
    "FinancialType": Entity(fields={"id": INTEGER, "name": STRING, "is_active": BOOLEAN}),
    "LocationType": Entity(fields={"id": INTEGER, "name": STRING, "is_active": BOOLEAN}),
    "ParticipantStatusType": Entity(fields={"id": INTEGER, "name": STRING, "is_active": BOOLEAN}),
    "CustomGroup": Entity(
        fields={"id": INTEGER, "name": STRING, "title": STRING, "extends": STRING, "is_active": BOOLEAN}
    ),
    "CustomField": Entity(
        fields={
            "id": INTEGER, "custom_group_id": INTEGER, "name": STRING, "label": STRING, "data_type": STRING,
            "is_active": BOOLEAN,
        },
        links={"custom_group_id": "CustomGroup"},
    ),
    "OptionValue": Entity(
        fields={
            "id": INTEGER, "option_group_id": INTEGER, "name": STRING, "value": STRING, "is_active": BOOLEAN,
        },
        options={"option_group_id": OPTION_GROUPS},
    ),
}  # fmt: skip

LOOKUPS = {
    "FinancialType": FINANCIAL_TYPES,
    "LocationType": LOCATION_TYPES,
    "ParticipantStatusType": PARTICIPANT_STATUSES,
}
"""Entities that are there from the first, and that this API key may only read."""
READ_ONLY = frozenset({*LOOKUPS, "OptionValue", "CustomGroup", "CustomField"})


def option_values() -> list[dict[str, Any]]:
    """The option groups' values as the entity OptionValue shows them."""
    groups = (CONTRIBUTION_STATUSES, PARTICIPANT_ROLES, EVENT_TYPES)
    told = [(group, id, name) for group, each in enumerate(groups, 1) for id, name in each.items()]
    return [
        {"id": n, "option_group_id": group, "name": name, "value": str(id), "is_active": 1}
        for n, (group, id, name) in enumerate(told, 1)
    ]


def custom_groups() -> list[dict[str, Any]]:
    """The groups of custom fields: each extends one entity."""
    return [
        {"id": n, "name": name, "title": name.replace("_", " "), "extends": entity, "is_active": 1}
        for n, (name, entity) in enumerate(_groups().items(), 1)
    ]


def custom_fields() -> list[dict[str, Any]]:
    """Every custom field, in its group."""
    groups = {name: n for n, name in enumerate(_groups(), 1)}
    told = [each.partition(".") for known in ENTITIES.values() for each in known.custom]
    return [
        {"id": n, "custom_group_id": groups[group], "name": name, "label": name, "data_type": "String",
         "is_active": 1}
        for n, (group, _, name) in enumerate(told, 1)
    ]  # fmt: skip


def _groups() -> dict[str, str]:
    return {each.partition(".")[0]: entity for entity, known in ENTITIES.items() for each in known.custom}
