"""What events says on `amicale.events`. An event is something to attend; a registration takes its seats."""

from marshmallow import EXCLUDE, Schema, fields, validate

from shared.messages.base import Message
from shared.messages.contact import Contact
from shared.messages.secret import Secret
from shared.messages.title import Title

TOPIC = "amicale.events"


class Occasion:
    """When and where: what a calendar needs to know of an event. `revision` rises when it is rescheduled."""

    event_id = fields.UUID(required=True)
    event_slug = fields.String(required=True)
    event_title = fields.Nested(Title, required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    time_zone = fields.String(required=True, metadata={"description": "IANA name: Europe/Paris"})
    place = fields.String(required=True, metadata={"description": "name and address; empty when online only"})
    revision = fields.Integer(required=True, strict=True)


class EventPublished(Occasion, Message):
    """An event stands in the agenda from now on."""

    type = "event.published"
    topic = TOPIC
    key = "event_id"

    visibility = fields.String(required=True, metadata={"description": "public, alumni, …"})
    published_at = fields.AwareDateTime(required=True)


class EventRescheduled(Occasion, Message):
    """A published event has another time or place. Each registration is told by its own message."""

    type = "event.rescheduled"
    topic = TOPIC
    key = "event_id"

    rescheduled_at = fields.AwareDateTime(required=True)


class EventCancelled(Occasion, Message):
    """A published event will not take place. Each registration is cancelled by its own message."""

    type = "event.cancelled"
    topic = TOPIC
    key = "event_id"

    cancelled_at = fields.AwareDateTime(required=True)


class Attendee(Schema):
    """Who takes a seat: the registrant first, then who comes along."""

    class Meta:
        """Readers ignore fields that came later."""

        unknown = EXCLUDE

    given_name = fields.String(required=True)
    family_name = fields.String(required=True)


class RegistrantContact(Contact):
    """A registrant with the names of who comes, and the sealed addresses that are theirs alone."""

    attendees = fields.List(fields.Nested(Attendee), load_default=list)
    link = Secret(allow_none=True, load_default=None, metadata={"description": "their page of it"})
    online_url = Secret(allow_none=True, load_default=None, metadata={"description": "where to join"})


class Registration(Occasion):
    """What every message about a registration says."""

    registration_id = fields.UUID(required=True)
    party_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True)
    seats = fields.Integer(required=True, strict=True)


class RegistrationConfirmed(Registration, Message):
    """The seats are theirs."""

    type = "registration.confirmed"
    topic = TOPIC
    key = "registration_id"

    confirmed_at = fields.AwareDateTime(required=True)
    contact = fields.Nested(RegistrantContact)


class RegistrationRescheduled(Registration, Message):
    """The event that these seats are for has another time or place; once a registration and revision."""

    type = "registration.rescheduled"
    topic = TOPIC
    key = "registration_id"

    rescheduled_at = fields.AwareDateTime(required=True)
    contact = fields.Nested(RegistrantContact)


class RegistrationCancelled(Registration, Message):
    """The seats are free again: given back, taken back by staff, or the event will not take place."""

    type = "registration.cancelled"
    topic = TOPIC
    key = "registration_id"

    cancelled_at = fields.AwareDateTime(required=True)
    reason = fields.String(
        required=True, validate=validate.OneOf(["withdrawn", "by_staff", "event_cancelled"])
    )
    note = fields.Nested(Title, metadata={"description": "what the organisers say about it"})
    contact = fields.Nested(RegistrantContact)


class RegistrantAttached(Message):
    """A guest's registrations belong to a person from now on: the card carries the same verified address."""

    type = "registrant.attached"
    topic = TOPIC
    key = "party_id"

    party_id = fields.UUID(required=True, metadata={"description": "the guest's own id"})
    person_id = fields.UUID(required=True)
    attached_at = fields.AwareDateTime(required=True)
