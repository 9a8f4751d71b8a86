"""A record as it arrives: CloudEvents headers, key and value; what is wrong with it, the message in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from shared.db import uuid7_time
from shared.messages import Message, MessageMalformed, PersonCard, by_type, parse
from shared.outbox import MESSAGE_MAX_BYTES

AHEAD_MAX = timedelta(days=1)
WHOLLY_PERSONAL = ""
"""The payload of a stored record of which every part is personal: all of it is in `contact`."""


@dataclass(frozen=True)
class Envelope:
    """One record of a topic. `value` is its text; None is a tombstone."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    value: str | None = None

    @classmethod
    def of(cls, record: Any) -> "Envelope":
        """From a record of kafka-python. What is not UTF-8, or cannot be stored as text, is replaced."""
        headers = {name: _text(value) or "" for name, value in record.headers or ()}
        return cls(
            record.topic, record.partition, record.offset, _text(record.key), headers, _text(record.value)
        )

    @property
    def type(self) -> str:
        """What kind of fact it says it is; empty when it does not say."""
        return self.headers.get("ce_type", "")

    @cached_property
    def message_id(self) -> UUID | None:
        """The speaker's id of the message, when it is one."""
        return _uuid(self.headers.get("ce_id"))

    @cached_property
    def correlation_id(self) -> UUID | None:
        """The id at the origin of the chain."""
        return _uuid(self.headers.get("ce_correlationid"))

    @property
    def versioned(self) -> bool:
        """True for state that a version guards: no inbox row, never held."""
        return self.type in by_type and by_type[self.type].versioned

    def fault(self, at: datetime) -> str | None:
        """What is wrong with the envelope itself, in words without values; None when nothing is."""
        if not self.type:
            return "no type"
        if self.type not in by_type:
            return "unknown type"
        if by_type[self.type].topic != self.topic:
            return "type of another topic"
        if len(self.value or "") > MESSAGE_MAX_BYTES:
            return "larger than a message may be"
        if self.message_id is None or self.message_id.version != 7:
            return "id is not a UUID of version 7"
        if uuid7_time(self.message_id) > at + AHEAD_MAX:
            return "id is over a day ahead"
        if (moment := self._occurred_at()) is not None and moment > at + AHEAD_MAX:
            return "time is over a day ahead"
        return None

    def message(self) -> Message:
        """The message in it; MessageMalformed when its value is not what its type declares."""
        if self.value is None:
            message: Message = self._tombstone()
        else:
            message = parse(self.type, _json(self.value))
        message.message_id = self.message_id
        message.correlation_id = self.correlation_id
        message.occurred_at = self._occurred_at()
        return message

    def parts(self) -> tuple[str | None, str | None]:
        """(public, personal) text to store; `joined` makes the value of them again."""
        if self.value is None:
            return None, None
        try:
            value = _json(self.value)
        except MessageMalformed:
            value = None
        if self.versioned or not isinstance(value, dict):
            return WHOLLY_PERSONAL, self.value
        personal = value.pop("contact", None)
        return _dump(value), None if personal is None else _dump(personal)

    def _tombstone(self) -> PersonCard:
        if not self.versioned:
            raise MessageMalformed(f"{self.type}: no value")
        person_id, version = _uuid(self.key), self.headers.get("ce_sequence", "")
        if person_id is None or not version.isdecimal():
            raise MessageMalformed(f"{self.type}: a tombstone without its id or version")
        return PersonCard.tombstone(person_id, int(version))

    def _occurred_at(self) -> datetime | None:
        try:
            moment = datetime.fromisoformat(self.headers.get("ce_time", ""))
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        return uuid7_time(self.message_id) if self.message_id else None


def joined(payload: str | None, contact: str | None) -> str | None:
    """The value again, of its public and its personal part as the outbox and dead letters keep them."""
    if payload is None or contact is None:
        return payload
    if payload == WHOLLY_PERSONAL:
        return contact
    return f'{payload[:-1]}{"," if len(payload) > 2 else ""}"contact":{contact}}}'


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MessageMalformed("not JSON") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))  # ASCII: a lone surrogate cannot be stored


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _text(raw: bytes | None) -> str | None:
    """As text that PostgreSQL can store: no NUL, nothing outside UTF-8."""
    return None if raw is None else raw.decode("utf-8", "replace").replace("\x00", "�")
