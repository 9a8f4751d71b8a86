"""What a message is: a fact in the past tense, with declared fields, of which some are personal.

    class DonationSettled(Message):
        type = "donation.settled"
        topic = "amicale.giving"
        key = "donation_id"
        donation_id = fields.UUID(required=True)
        contact = fields.Nested(Contact)

The personal part (the field `contact`, and nothing else) travels beside the public part in the outbox
and is joined to it when the message is sent. Cards are personal as a whole.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from shared.messages.writing import written

by_type: dict[str, type["Message"]] = {}


class MessageMalformed(ValueError):
    """The value of a message does not have the shape that its type declares."""


class Message:
    """One fact. Subclasses declare `type`, `topic`, `key` and marshmallow fields."""

    type: ClassVar[str]
    topic: ClassVar[str]
    key: ClassVar[str]
    versioned: ClassVar[bool] = False
    """True when a version inside the message guards its effect, so that it needs no inbox row."""
    schema: ClassVar[Schema]

    message_id: UUID | None = None
    occurred_at: datetime | None = None
    correlation_id: UUID | None = None

    def __init_subclass__(cls) -> None:
        declared = {
            name: field
            for base in reversed(cls.__mro__)
            for name, field in vars(base).items()
            if isinstance(field, fields.Field)
        }
        cls.schema = Schema.from_dict(dict(declared), name=cls.__name__)(unknown=EXCLUDE)
        for name in declared:
            setattr(cls, name, None)
        if cls.type in by_type:
            raise TypeError(f"{cls.type} is declared twice")
        by_type[cls.type] = cls

    def __init__(self, **values: Any) -> None:
        unknown = set(values) - set(self.schema.fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        for name, value in values.items():
            setattr(self, name, value)

    @classmethod
    def of(cls, row: Any, **extra: Any) -> Self:
        """The message about a row: each field from `extra`, else the row's attribute of that name.

        The key field falls back to the row's `id`, so `donation_id` of a `Donation` is its id.
        """
        values = dict(extra)
        for name in cls.schema.fields:
            if name in values:
                continue
            if hasattr(row, name):
                values[name] = getattr(row, name)
            elif name == cls.key:
                values[name] = row.id
        return cls(**values)

    @property
    def key_text(self) -> str:
        """The Kafka key: the id of the aggregate that the fact is about."""
        return str(getattr(self, self.key))

    def dump(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """(public part, personal part) as JSON; MessageMalformed names the fields that are wrong."""
        said = {name: each for name in self.schema.fields if (each := getattr(self, name)) is not None}
        try:
            value = written(self.schema, said)
        except ValidationError as error:
            raise self._malformed(error) from None
        return value, value.pop("contact", None)

    @classmethod
    def load(cls, value: Mapping[str, Any]) -> Self:
        """The message that a decoded value says; MessageMalformed names the fields that are wrong."""
        try:
            return cls(**cls.schema.load(value))
        except ValidationError as error:
            raise cls._malformed(error) from None

    @classmethod
    def _malformed(cls, error: ValidationError) -> MessageMalformed:
        return MessageMalformed(f"{cls.type}: {', '.join(sorted(map(str, error.messages)))}")


def parse(type_name: str, value: Any) -> Message:
    """A message from its type and decoded value; MessageMalformed for an unknown type or a bad value."""
    if type_name not in by_type:
        raise MessageMalformed(f"unknown type {type_name[:80]}")
    if not isinstance(value, Mapping):
        raise MessageMalformed(f"{type_name}: not an object")
    return by_type[type_name].load(value)
