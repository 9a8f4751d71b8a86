"""Idempotency-Key: the same wish twice is one act, and both are answered from its row.

No answer is stored: it is rendered from the row that the first request made, so that a 409, 429 or 5xx
never sticks. The model takes the columns of `Once` and a unique key over `ONCE_KEY`.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from flask import has_request_context, request
from sqlalchemy import DateTime, LargeBinary, Text, func, inspect, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import auth
from shared.db import uuid7
from shared.errors import Conflict, Refused

ONCE_KEY = ("caller", "route", "idempotency_key")
CLAIM_S = 30


class KeyReused(Refused):
    """This Idempotency-Key was used for another wish; take a new one."""


class StillWorking(Conflict):
    """The first request with this Idempotency-Key is still being answered; ask again shortly."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class Once:
    """Columns of a model whose rows are made by `once`; all null in rows made otherwise."""

    caller: Mapped[str | None] = mapped_column(Text)
    route: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    wish_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    repeated: ClassVar[bool] = False

    def release(self) -> None:
        """The answer is whole: a repeat from now on is answered from the row at once."""
        self.claimed_until = None


Row = TypeVar("Row", bound=Once)
Written = TypeVar("Written")


def once(
    session: Session,
    model: type[Row],
    key: str,
    *,
    values: dict[str, Any] | Callable[[], dict[str, Any]] | None = None,
    claim_s: int = CLAIM_S,
    **wish: Any,
) -> Row:
    """The row that this key made, old or new; `row.repeated` tells which.

    `wish` is what the caller asked for: all of it must be the same in a repeat (KeyReused otherwise), and
    what is named like a column is written in the new row, as are `values`, which a repeat may change; a
    function that makes them, with its rules and limits, is called only when there is no row yet. The row is
    claimed for `claim_s` seconds: StillWorking for a repeat before that, unless the door has called
    `row.release()`; a repeat after it goes on from where the first stopped. A door that ends in this same
    transaction passes `claim_s=0`.
    """
    scope = scope_of(key)
    digest = wish_hash(wish)
    if callable(values):
        if session.execute(select(literal(1)).select_from(model).filter_by(**scope)).first():
            return _repeat(session, model, scope, digest, claim_s)
        values = values()
    row_id = _insert(session, model, {**scope, "wish_hash": digest}, {**wish, **(values or {})}, claim_s)
    if row_id is not None:
        made = session.get(model, row_id)
        assert made is not None
        return made
    return _repeat(session, model, scope, digest, claim_s)


def or_the_same(taken: type[Conflict], write: Callable[[], Written]) -> Written:
    """What `write` gives, asked once more when a unique key other than ONCE_KEY was `taken`.

    By another row, or by that of this same wish, written at the same instant: by its key it is found now.
    """
    try:
        return write()
    except taken:
        return write()


def scope_of(key: str) -> dict[str, str]:
    """The columns that a key is unique in: who calls, which route, and the key."""
    return {"caller": auth.caller().key, "route": _route(), "idempotency_key": key}


def _insert(
    session: Session, model: type[Row], scope: dict[str, Any], wished: dict[str, Any], claim_s: int
) -> Any:
    columns = dict(inspect(model).column_attrs.items())
    values = {name: value for name, value in wished.items() if name in columns}
    values |= {"id": values.get("id") or uuid7(), **scope}
    if claim_s:
        values["claimed_until"] = _soon(claim_s)
    statement = insert(model).values(values).on_conflict_do_nothing(index_elements=ONCE_KEY)
    return session.execute(statement.returning(columns["id"].columns[0])).scalar_one_or_none()


def _repeat(session: Session, model: type[Row], scope: dict[str, Any], digest: bytes, claim_s: int) -> Row:
    row = session.execute(
        select(model).filter_by(**scope).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    if row.wish_hash != digest:
        raise KeyReused
    if row.claimed_until is not None:
        now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        if row.claimed_until > now:
            raise StillWorking(max(1, round((row.claimed_until - now).total_seconds())))
        row.claimed_until = _soon(claim_s) if claim_s else None
    row.repeated = True  # type: ignore[misc]
    return row


def wish_hash(wish: dict[str, Any]) -> bytes:
    """SHA-256 of the wish in one canonical form, the ids in the request's path included."""
    path = dict(request.view_args or {}) if has_request_context() else {}
    return hashlib.sha256(
        json.dumps([path, wish], sort_keys=True, separators=(",", ":"), default=str).encode(
            "utf-8", "replace"
        )
    ).digest()


def _route() -> str:
    assert request.url_rule is not None
    return f"{request.method} {request.url_rule.rule}"


def _soon(seconds: int) -> Any:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, literal(seconds))
