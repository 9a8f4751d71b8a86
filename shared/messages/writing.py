"""The JSON of a message, checked in the same pass that writes it.

marshmallow checks only what it reads. Written by it and read again to be checked, the message was a seventh
of the processor time of a gift's settlement.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields

Writer = Callable[[Any, Any], Any]


def written(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as JSON that `schema` loads; what it does not declare is left out.

    Nothing is converted but times, which are told in UTC: a value of another kind than its field's is as
    wrong as one that is missing.
    Raises ValidationError, which names the fields that are wrong.
    """
    told: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for name, field in schema.fields.items():
        try:
            if name in values:
                told[name] = _written(field, values[name])
            elif field.required:
                raise field.make_error("required")
        except ValidationError as error:
            wrong[name] = error.messages
    if wrong:
        raise ValidationError(wrong)
    return told


def _written(field: fields.Field[Any], value: Any) -> Any:
    if value is None and field.allow_none:
        return None
    json = _writer(type(field))(field, value)
    for check in field.validators:
        check(value)
    return json


def _text(_: fields.String, value: Any) -> str:
    return str(_of(str, value))


def _id(_: fields.UUID, value: Any) -> str:
    return str(_of(UUID, value))


def _yes_or_no(_: fields.Boolean, value: Any) -> bool:
    return bool(_of(bool, value))


def _whole(_: fields.Integer, value: Any) -> int:
    if isinstance(value, bool):
        raise ValidationError("Not a whole number.")
    return int(_of(int, value))


def _moment(_: fields.AwareDateTime, value: Any) -> str:
    if _of(datetime, value).utcoffset() is None:
        raise ValidationError("Of no time zone.")
    return str(value.astimezone(UTC).isoformat())


def _day(_: fields.Date, value: Any) -> str:
    if isinstance(value, datetime):
        raise ValidationError("Not a day.")
    return str(_of(date, value).isoformat())


def _block(field: fields.Nested, value: Any) -> dict[str, Any]:
    return written(field.schema, _of(Mapping, value))


def _list(field: fields.List[Any], value: Any) -> list[Any]:
    return [_written(field.inner, each) for each in _of(list, value)]


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValidationError(f"Not a {kind.__name__}.")
    return value


WRITERS: dict[type, Writer] = {
    fields.UUID: _id,
    fields.String: _text,
    fields.Boolean: _yes_or_no,
    fields.Integer: _whole,
    fields.AwareDateTime: _moment,
    fields.Date: _day,
    fields.Nested: _block,
    fields.List: _list,
}
"""All kinds of fields that a message may declare, and what is derived from them."""


def _writer(kind: type) -> Writer:
    for each in kind.__mro__:
        if each in WRITERS:
            return WRITERS[each]
    raise TypeError(f"messages have no {kind.__name__}")
