"""The personal block of a message that leads to an email, and the HMAC that verified addresses go by."""

import hashlib
import hmac

from marshmallow import EXCLUDE, Schema, fields, validate


class Contact(Schema):
    """Whom a message leads an email to. `party_id` is the person's id when known, else the guest's own."""

    class Meta:
        """Readers ignore fields that came later."""

        unknown = EXCLUDE

    party_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True, load_default=None)
    email = fields.String(required=True)
    given_name = fields.String(load_default="")
    family_name = fields.String(load_default="")
    locale = fields.String(load_default="fr", validate=validate.OneOf(["fr", "en"]))
    typed = fields.Boolean(
        load_default=False, metadata={"description": "the person gave this address for this act"}
    )
    card_version = fields.Integer(load_default=0)


def email_mark(email: str, key: str) -> str:
    """What a verified address is known by between services: HMAC-SHA-256 of its folded form, in hex."""
    folded = email.strip().casefold().encode()
    return hmac.new(key.encode(), folded, hashlib.sha256).hexdigest()
