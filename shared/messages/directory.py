"""What directory says on `amicale.directory`."""

from marshmallow import Schema, fields, validate

from shared.messages.base import Message
from shared.messages.contact import Contact
from shared.messages.secret import Secret


class LinkContact(Contact):
    """A contact who gets a secret: the sealed sign-in link."""

    link = Secret(required=True)


class SignInLinkIssued(Message):
    """Somebody asked for a link to sign in by, and the address belongs to an account or a person."""

    type = "sign_in.link_issued"
    topic = "amicale.directory"
    key = "link_id"

    link_id = fields.UUID(required=True)
    expires_at = fields.AwareDateTime(required=True)
    contact = fields.Nested(LinkContact)


class AccountOpened(Message):
    """A person has an account from now on."""

    type = "account.opened"
    topic = "amicale.directory"
    key = "person_id"

    person_id = fields.UUID(required=True)
    account_id = fields.UUID(required=True)
    opened_at = fields.AwareDateTime(required=True)


class ImportCounts(Schema):
    """What an import did, in people."""

    created = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    refused = fields.Integer(required=True)


class ImportCompleted(Message):
    """An import of people came to its end."""

    type = "import.completed"
    topic = "amicale.directory"
    key = "import_id"

    import_id = fields.UUID(required=True)
    counts = fields.Nested(ImportCounts, required=True)
    completed_at = fields.AwareDateTime(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["done", "failed"]))
