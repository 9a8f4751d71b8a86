"""`amicale.people`: the latest card of each person, written by directory alone. State, not facts."""

from typing import Any, Self
from uuid import UUID

from marshmallow import EXCLUDE, Schema, fields, validate

from shared.messages.base import Message


class Degree(Schema):
    """One degree: what was studied and the class (year of graduation)."""

    class Meta:
        """Readers ignore fields that came later."""

        unknown = EXCLUDE

    programme = fields.String(required=True)
    class_year = fields.Integer(required=True)


class Permission(Schema):
    """What the person allows for one purpose on one channel, today."""

    class Meta:
        """Readers ignore fields that came later."""

        unknown = EXCLUDE

    purpose = fields.String(required=True)
    channel = fields.String(required=True)
    allowed = fields.Boolean(required=True)


class PersonCard(Message):
    """All that other services may know of a person; `version` rises by one with each change."""

    type = "person.card"
    topic = "amicale.people"
    key = "person_id"
    versioned = True

    person_id = fields.UUID(required=True)
    version = fields.Integer(required=True, strict=True)
    merged_into = fields.UUID()
    given_name = fields.String()
    family_name = fields.String()
    degrees = fields.List(fields.Nested(Degree))
    city = fields.String()
    group_ids = fields.List(fields.UUID())
    locale = fields.String(validate=validate.OneOf(["fr", "en"]))
    status = fields.String(validate=validate.OneOf(["living", "died"]))
    contactable = fields.Boolean()
    email = fields.String(metadata={"description": "only if contactable"})
    verified = fields.List(fields.String(), metadata={"description": "HMAC of each verified address"})
    permissions = fields.List(fields.Nested(Permission))

    erased: bool = False
    """True for a tombstone: forget all but the id and the version."""

    @classmethod
    def tombstone(cls, person_id: UUID, version: int) -> Self:
        """The card of a person who was erased: a null value whose version travels in a header."""
        card = cls(person_id=person_id, version=version)
        card.erased = True
        return card

    @property
    def class_year(self) -> int | None:
        """The class the person is known by: that of their first degree."""
        years: list[Any] = [each["class_year"] for each in getattr(self, "degrees", None) or ()]
        return min(years, default=None)
