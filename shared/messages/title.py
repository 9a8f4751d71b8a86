"""A text in both languages, as messages say it."""

from marshmallow import Schema, fields


class Title(Schema):
    """A text in both languages."""

    fr = fields.String(required=True)
    en = fields.String(required=True)
