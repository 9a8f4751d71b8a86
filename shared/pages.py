"""Keyset pages: any page costs what the first costs, and rows added meanwhile shift nothing.

The cursor is opaque and signed; one that was not made here, or for another list, is refused.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from flask import has_request_context, request
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import ColumnElement, Select, and_, literal, or_, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import desc_op

from shared import links
from shared.bodies import FieldsRefused

LIMIT_MAX = 100


class QueryInteger(fields.Integer):
    """A whole number in a query string: ASCII digits only."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        text = str(value)
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 18):
            raise ValidationError("Not a valid integer.")
        return int(text)


class PageQuery(Schema):
    """Which page: `after` is the `next` of the page before."""

    after = fields.String(load_default=None, validate=validate.Length(max=1000))
    limit = QueryInteger(load_default=50, validate=validate.Range(1, LIMIT_MAX))


def page(
    session: Session,
    statement: Select[Any],
    *,
    after: str | None,
    limit: int,
    keys: Sequence[Any],
    link_key: str | None = None,
) -> dict[str, Any]:
    """`{"items": […], "next": cursor or None}` of `statement`, ordered by `keys`.

    `keys` are columns, never null, that together are unique: `[Gift.created_at.desc(), Gift.id.desc()]`.
    Items are entities, or rows when the statement selects several things.
    """
    single = len(statement.column_descriptions) == 1
    columns = [_column(each) for each in keys]
    order = _order(keys)
    if after is not None:
        told = read_cursor(after, link_key, order=order)
        statement = statement.where(_beyond(keys, _typed(told, columns)))
    ordered = statement.add_columns(*columns).order_by(*keys).limit(limit + 1)
    rows = session.execute(ordered).all()
    kept, more = rows[:limit], len(rows) > limit
    cursor = write_cursor(kept[-1][-len(columns) :], link_key, order=order) if more else None
    return {"items": [row[0] if single else row for row in kept], "next": cursor}


@cache
def paged(item: type[Schema]) -> type[Schema]:
    """The schema of a page of `item`."""
    parts = {
        "items": fields.List(fields.Nested(item), required=True),
        "next": fields.String(required=True, allow_none=True),
    }
    return type(f"{item.__name__}Page", (Schema,), parts)


def _column(key: Any) -> ColumnElement[Any]:
    element = key.__clause_element__() if hasattr(key, "__clause_element__") else key
    return element.element if isinstance(element, UnaryExpression) else element


def _descends(key: Any) -> bool:
    return isinstance(key, UnaryExpression) and key.modifier is desc_op


def _beyond(keys: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows after `values` in the order of `keys`: one row comparison, or its expansion for mixed order."""
    columns = [_column(each) for each in keys]
    falling = [_descends(each) for each in keys]
    if all(falling) or not any(falling):
        here, there = tuple_(*columns), tuple_(*map(_literal, columns, values))
        return here < there if falling[0] else here > there
    steps = []
    for at, column in enumerate(columns):
        same = [column == value for column, value in zip(columns[:at], values[:at], strict=True)]
        steps.append(and_(*same, column < values[at] if falling[at] else column > values[at]))
    return or_(*steps)


def _literal(column: ColumnElement[Any], value: Any) -> Any:
    return literal(value, column.type)


def _order(keys: Sequence[Any]) -> str:
    """What a cursor of this order is told apart by: one of another order says where other columns are."""
    return ",".join(f"{'-' if _descends(key) else ''}{_column(key)}" for key in keys)


def _scope(order: str) -> str:
    rule = request.url_rule.rule if has_request_context() and request.url_rule else ""
    return f"page:{rule}:{order}"


def write_cursor(values: Sequence[Any], link_key: str | None = None, *, order: str = "") -> str:
    """An opaque cursor for the list that the current request reads, in this order."""
    texts = [_text(each) for each in values]
    return links.sign_content(_scope(order), json.dumps(texts, separators=(",", ":")).encode(), key=link_key)


def read_cursor(text: str, link_key: str | None = None, *, order: str = "") -> list[Any]:
    """The texts and numbers in a cursor of this same list and order; FieldsRefused for any other text."""
    content = links.verify_content(_scope(order), text, key=link_key)
    if content is None:
        raise FieldsRefused({"after": ["Not a cursor of this list."]})
    values: list[Any] = json.loads(content)
    return values


def _typed(values: list[Any], columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        return [_value(each, column) for each, column in zip(values, columns, strict=True)]
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        raise FieldsRefused({"after": ["Not a cursor of this list."]}) from None


def _text(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) else str(value)


def _value(text: Any, column: ColumnElement[Any]) -> Any:
    kind = column.type.python_type
    if kind in (datetime, date):
        return kind.fromisoformat(text)
    return UUID(text) if kind is UUID else kind(text)
