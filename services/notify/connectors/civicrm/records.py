"""What each party and gift is over there, and which differences are ours to mend.

A contact goes by `external_identifier` (our party_id), a contribution by `trxn_id` (our donation's id); both
are unique in CiviCRM. A participant goes by a custom field (our registration's id), which is not.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.notify.connectors.target import Clash, Marks, Memory
from shared.money import decimal_text

CONTACT = "contact"
CONTACT_FIELDS = (
    "first_name",
    "last_name",
    "email_primary.email",
    "preferred_language",
    "is_deceased",
    "is_deleted",
)
GIFT_FIELDS = (
    "total_amount",
    "currency",
    "contribution_status_id:name",
    "source",
)
REGISTRATION_FIELDS = ("status_id:name", "source")
EVENT_FIELDS = ("title", "start_date", "end_date")
CAME_OR_NOT = frozenset({"Attended", "No-show"})
"""What people over there say of who was registered: no difference from Registered."""

OURS_ALONE = frozenset({"is_deleted"})
"""Merging and unmerging are decided here alone."""

LANGUAGES = {"fr": "fr_FR", "en": "en_US"}
UNNAMED = "(sans nom)"
SHOWN_MAX = 500
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls, and those that change the direction of writing."""

NAMELESS = {
    "first_name": "",
    "last_name": "(effacé)",
    "email_primary.email": None,
    "preferred_language": "",
}
"""What stays of a contact who was erased, or merged into another."""

Values = dict[str, Any]


def contact(state: Mapping[str, Any]) -> Values:
    """The fields of a contact; CiviCRM takes none without name and address."""
    named = state["given_name"] or state["email"]
    return {
        "first_name": state["given_name"],
        "last_name": state["family_name"] or ("" if named else UNNAMED),
        "email_primary.email": state["email"] or None,
        "preferred_language": LANGUAGES.get(state["locale"], "fr_FR"),
        "is_deceased": state["status"] == "died",
        "is_deleted": False,
    }


def contributions(state: Mapping[str, Any]) -> dict[str, Values]:
    """By donation's id, the fields of each contribution but whose it is."""
    return {each["donation_id"]: _contribution(each) for each in state["donations"]}


def _contribution(gift: Mapping[str, Any]) -> Values:
    """CiviCRM has no state for a part that went back: it stays Completed, its source says how much did.

    One of which nothing is left is Refunded, whether we gave it back or the donor's bank took it.
    """
    source, currency = gift["campaign_title"]["fr"], gift["currency"]
    refunded, disputed = gift["refunded_minor"], gift["disputed_minor"]
    is_gone = refunded + disputed >= gift["amount_minor"]
    if refunded and gift["status"] != "refunded":
        source = f"{source[:180]} (remboursé en partie : {decimal_text(refunded, currency)} {currency})"
    if disputed:
        source = f"{source[:210]} (contesté : {decimal_text(disputed, currency)} {currency})"
    return {
        "total_amount": decimal_text(gift["amount_minor"], gift["currency"]),
        "currency": gift["currency"],
        "contribution_status_id:name": "Refunded" if is_gone else "Completed",
        "source": source[:255],
    }


def participants(state: Mapping[str, Any]) -> dict[str, Values]:
    """By registration's id, the fields of each participant but whose it is, and at which event."""
    return {
        each["registration_id"]: {
            "status_id:name": "Cancelled" if each["status"] == "cancelled" else "Registered",
            "source": f"{each['seats']} place{'s' if each['seats'] > 1 else ''}",
        }
        for each in state["registrations"]
    }


def events(state: Mapping[str, Any]) -> dict[str, Values]:
    """By event's id, its fields; when it is as clocks show it where it takes place."""
    return {
        event_id: {
            "title": each["title"]["fr"][:255],
            "start_date": _shown(each["starts_at"], each["time_zone"]),
            "end_date": _shown(each["ends_at"], each["time_zone"]),
        }
        for event_id, each in state["events"].items()
    }


def _shown(moment: str, time_zone: str) -> str:
    return datetime.fromisoformat(moment).astimezone(ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def received(moment: str) -> str:
    """A moment as CiviCRM writes it."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True)
class Comparison:
    """What to write over there, and what somebody changed there and is left alone."""

    writes: Values
    clashes: tuple[Clash, ...]


def compare(record: str, ours: Values, theirs: Mapping[str, Any], memory: Memory, key: str) -> Comparison:
    """What differs and is ours there by our own hand is written; what another hand wrote is a clash.

    A value of ours that staff have decided not to write is neither, until ours changes.
    """
    writes, clashes = {}, []
    for name in differing(record, ours, theirs, memory.kept, key):
        value, there = ours[name], folded(name, theirs.get(name))
        if name in OURS_ALONE or mark(key, name, there) in _marks(memory.written, record, name):
            writes[name] = value
        else:
            clashes.append(Clash(record, name, value, there))
    return Comparison(writes, tuple(clashes))


def differing(
    record: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], kept: Marks, key: str
) -> list[str]:
    """The fields that are not the same, but for values of ours that staff decided not to write."""
    found = []
    for name, value in ours.items():
        there = folded(name, theirs.get(name))
        if there == folded(name, value) or (value == "Registered" and there in CAME_OR_NOT):
            continue
        if mark(key, name, value) not in _marks(kept, record, name):
            found.append(name)
    return found


def _marks(marks: Marks, record: str, name: str) -> list[str]:
    return list(marks.get(record, {}).get(name, ()))


def folded(name: str, value: Any) -> Any:
    """A value so that what means the same is equal: CiviCRM answers 120.0, "120.00", null and ""."""
    if name == "total_amount" and value not in (None, ""):
        return f"{float(value):.4f}"
    if name in ("is_deceased", "is_deleted"):
        return bool(value)
    if value is None:
        return ""
    return str(value).strip()


def shown(name: str, value: Any) -> str:
    """A value as staff are shown it: its beginning, without signs that would turn or hide what stands there.

    What is the same is told by marks, of the whole value.
    """
    text = UNSEEN.sub("\ufffd", str(folded(name, value))[: SHOWN_MAX + 1])
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def mark(key: str, name: str, value: Any) -> str:
    """What a value is remembered by: enough to recognise it, too little to read it."""
    text = json.dumps([name, folded(name, value)], ensure_ascii=False)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:24]


def marks(state: Mapping[str, Any], key: str) -> dict[str, dict[str, str]]:
    """The marks of all that this state would write."""
    if state["erased"]:
        return {}
    if state["merged_into"]:
        return _marked({CONTACT: NAMELESS}, key)
    return _marked({CONTACT: contact(state), **contributions(state), **participants(state)}, key)


def event_marks(state: Mapping[str, Any], key: str) -> dict[str, dict[str, str]]:
    """The marks of the events that this state would write."""
    return _marked(events(state), key)


def _marked(wanted: Mapping[str, Values], key: str) -> dict[str, dict[str, str]]:
    return {
        record: {name: mark(key, name, value) for name, value in values.items()}
        for record, values in wanted.items()
    }
