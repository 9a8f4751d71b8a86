"""Party states: what is posted to subscriptions, as the document for integrators says it.

`services.notify.parties` makes them; tests/journeys/test_integrators_guide.py holds what arrives to this.
"""

from marshmallow import Schema, fields, validate

from services.notify.models import CHANGED, ERASED, gift, registration
from shared.i18n import Bilingual
from shared.promises import SOMETIMES


class GivingTotal(Schema):
    """What a party gave in one currency, over all its gifts: `given_minor` is what did not go back to it."""

    currency = fields.String(required=True)
    given_minor = fields.Integer(required=True)
    refunded_minor = fields.Integer(required=True)
    disputed_minor = fields.Integer(required=True)
    donations_count = fields.Integer(required=True)
    first_at = fields.AwareDateTime(required=True)
    latest_at = fields.AwareDateTime(required=True)


class DonationState(Schema):
    """One gift as it stands."""

    donation_id = fields.UUID(required=True)
    campaign_id = fields.UUID(required=True)
    campaign_title = fields.Nested(Bilingual, required=True)
    entity_name = fields.String(required=True)
    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(gift.STATUSES))
    refunded_minor = fields.Integer(required=True)
    disputed_minor = fields.Integer(required=True, metadata={"description": "what the donor’s bank holds"})
    settled_at = fields.AwareDateTime(required=True)
    refunded_at = fields.AwareDateTime(required=True, allow_none=True)


class RegistrationState(Schema):
    """One registration as it stands."""

    registration_id = fields.UUID(required=True)
    event_id = fields.UUID(required=True)
    event_title = fields.Nested(Bilingual, required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    time_zone = fields.String(required=True)
    place = fields.String(required=True)
    seats = fields.Integer(required=True)
    status = fields.String(required=True, validate=validate.OneOf(registration.STATUSES))
    confirmed_at = fields.AwareDateTime(required=True)
    cancelled_at = fields.AwareDateTime(required=True, allow_none=True)


class PartyKnown(Schema):
    """What is always told of a party. Of one erased, or known under `merged_into` now, only this."""

    party_id = fields.UUID(required=True)
    sequence = fields.Integer(required=True, metadata={"description": "rises with each change of the party"})
    erased = fields.Boolean(required=True)
    merged_into = fields.UUID(required=True, allow_none=True)


class PartyState(PartyKnown):
    """All that is told of a party; its latest hundred gifts and registrations."""

    person_id = fields.UUID(allow_none=True, metadata={"description": "null of a guest", **SOMETIMES})
    given_name = fields.String(metadata=SOMETIMES)
    family_name = fields.String(metadata=SOMETIMES)
    email = fields.String(
        allow_none=True, metadata={"description": "null of who may not be written to", **SOMETIMES}
    )
    locale = fields.String(metadata=SOMETIMES)
    class_year = fields.Integer(allow_none=True, metadata=SOMETIMES)
    status = fields.String(validate=validate.OneOf(["living", "died"]), metadata=SOMETIMES)
    contactable = fields.Boolean(metadata=SOMETIMES)
    giving = fields.List(fields.Nested(GivingTotal), metadata=SOMETIMES)
    donations = fields.List(fields.Nested(DonationState), metadata=SOMETIMES)
    registrations = fields.List(fields.Nested(RegistrationState), metadata=SOMETIMES)


class PartyChanged(Schema):
    """A party is now like this: put it in place of what you have under its `party_id`."""

    type = fields.String(required=True, validate=validate.Equal(CHANGED))
    timestamp = fields.AwareDateTime(required=True, metadata={"description": "when the party was like this"})
    data = fields.Nested(PartyState, required=True)


class PartyErased(Schema):
    """A person was erased: delete what you hold of the party, and keep its id and `sequence`."""

    type = fields.String(required=True, validate=validate.Equal(ERASED))
    timestamp = fields.AwareDateTime(required=True)
    data = fields.Nested(PartyKnown, required=True)


POSTED = {CHANGED: PartyChanged, ERASED: PartyErased}
"""What is sent, by its type."""
