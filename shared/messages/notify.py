"""What notify says on `amicale.notify`. A conflict is a field that another hand changed in a CRM."""

from marshmallow import fields

from shared.messages.base import Message

TOPIC = "amicale.notify"


class CrmConflictFound(Message):
    """A field over there is not as we wrote it: staff decide. Ids and the field's name, no value."""

    type = "crm.conflict_found"
    topic = TOPIC
    key = "conflict_id"

    conflict_id = fields.UUID(required=True)
    subscription_id = fields.UUID(required=True)
    party_id = fields.UUID(required=True)
    record = fields.String(
        required=True, metadata={"description": "`contact`, or the id of the donation or registration"}
    )
    field = fields.String(required=True, metadata={"description": "as CiviCRM names it"})
    found_at = fields.AwareDateTime(required=True)
