"""Closings: a fiscal year of an entity's books, closed for good.

From then on the database refuses what is dated in it; what the provider tells late is booked on the first
open day with its own day beside it. The trial balance is kept as it stood, in a chain of hashes.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.giving import books, closing_checks, ledger_numbers, trial_balances
from services.giving.closing_checks import ACCEPTABLE, CheckShown, YearAsked
from services.giving.models import Closing, Transaction
from services.giving.settings import current
from services.giving.trial_balances import FIGURES, BalanceShown
from shared import audit
from shared.auth import caller
from shared.clock import now, today
from shared.errors import Conflict, NotFound
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged

routes = Blueprint("closings", __name__, url_prefix="/api/v1/giving/entities")

# Everybody who posts to these books shares this lock (trigger ledger_period_open): who has it alone knows
# that nothing is under way.
ALONE = text("select pg_advisory_xact_lock(hashtext('ledger_period'), hashtext(cast(:entity_id as text)))")


class YearNotOver(Conflict):
    """This year is not over yet."""


class YearClosed(Conflict):
    """This year is closed already."""


class BooksNotReady(Conflict):
    """Something of this year remains to be looked at; `remaining` says what, and what may be accepted."""


class ClosingWish(YearAsked):
    """Which year, and what may remain of it: whoever accepts that says why."""

    accepts = fields.List(fields.String(validate=validate.OneOf(ACCEPTABLE)), load_default=list)
    note = fields.String(load_default="", validate=validate.Length(max=1000))

    @validates_schema
    def _with_a_note(self, told: dict[str, Any], **_: Any) -> None:
        if told["accepts"] and len(told["note"].strip()) < 3:
            raise ValidationError("Say why this is accepted.", "note")


class ClosingMade(Schema):
    """What who closes a year is answered."""

    id = fields.UUID(required=True)


class ClosingListed(ClosingMade):
    """One closed year. `hash` is the SHA-256, in hexadecimal, over its balance and the closing before."""

    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    closed_at = fields.AwareDateTime(required=True)
    closed_by = fields.UUID(required=True, allow_none=True)
    note = fields.String(required=True)
    accepted = fields.List(fields.Nested(CheckShown), required=True)
    hash = fields.Function(lambda each: each.hash.hex(), metadata={"type": "string"})


class ClosingShown(ClosingListed):
    """With the trial balance as it stood."""

    balance = fields.List(fields.Nested(BalanceShown), required=True)


@routes.get("/<uuid:entity_id>/closings", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(ClosingListed))
def index(query: dict[str, Any], entity_id: UUID) -> Any:
    """The closed years, the latest first."""
    with Transaction() as session:
        books.of(session, entity_id)
        own = select(Closing).where(Closing.entity_id == entity_id)
        return page(session, own, keys=[Closing.opens_at.desc(), Closing.id.desc()], **query)


@routes.get("/<uuid:entity_id>/closings/<uuid:closing_id>", allow="giving.read")
@routes.response(200, ClosingShown)
def show(entity_id: UUID, closing_id: UUID) -> Any:
    """A closed year, with its balance as it stood then."""
    with Transaction() as session:
        closing = session.get(Closing, closing_id)
        if closing is None or closing.entity_id != entity_id:
            raise NotFound
        return closing


@routes.post(
    "/<uuid:entity_id>/closings",
    allow="giving.manage",
    refuses=(books.NoYearEndsThen, YearNotOver, YearClosed, BooksNotReady),
)
@routes.arguments(ClosingWish)
@routes.response(201, ClosingMade)
def create(wish: dict[str, Any], entity_id: UUID) -> Any:
    """Close a year, and whatever was before it. It is never opened again."""
    at = now()
    while _numbered(entity_id, at=at):
        pass
    with Transaction() as session:
        return close(session, entity_id, by=caller().person_id, at=at, **wish)


def _numbered(entity_id: UUID, *, at: datetime) -> int:
    """Most of them beforehand, so that gifts wait for few while the year is closed."""
    with Transaction() as session:
        return ledger_numbers.give(session, entity_id, at=at)


def close(
    session: Session,
    entity_id: UUID,
    *,
    last_day: date,
    accepts: list[str],
    note: str,
    by: UUID | None,
    at: datetime,
) -> Closing:
    """The year's balance as it stands, once nothing remains, or what remains is accepted with a note."""
    entity = books.lock(session, entity_id)
    first_day = books.year_that_ends(entity, last_day)
    before = _latest(session, entity_id)
    if last_day >= today(at):
        raise YearNotOver
    if before is not None and before.last_day >= last_day:
        raise YearClosed
    session.execute(ALONE, {"entity_id": entity_id})
    while ledger_numbers.give(session, entity_id, at=at):
        pass
    remaining = closing_checks.remaining(session, entity, first_day=first_day, last_day=last_day)
    if refused := [each for each in remaining if each["kind"] not in accepts]:
        raise BooksNotReady(remaining=refused)
    lines = trial_balances.accounts(session, entity_id, first_day=first_day, last_day=last_day)
    balance = [line | {"fund_id": line["fund_id"] and str(line["fund_id"])} for line in lines]
    closing = Closing(
        entity_id=entity_id,
        first_day=first_day,
        last_day=last_day,
        opens_at=books.ends(last_day),
        closed_at=at,
        closed_by=by,
        note=note.strip(),
        accepted=remaining,
        balance=balance,
        hash=digest(entity_id, last_day, balance, before.hash if before else b""),
    )
    session.add(closing)
    session.flush()
    audit.record(
        session,
        by=by,
        action="books.closed",
        subject=("entity", entity_id),
        right="giving.manage",
        detail={
            "last_day": last_day,
            "accepted": remaining,
            "note": closing.note,
            "hash": closing.hash.hex(),
        },
        at=at,
        key=current().link_key,
    )
    return closing


def _latest(session: Session, entity_id: UUID) -> Closing | None:
    own = select(Closing).where(Closing.entity_id == entity_id).order_by(Closing.opens_at.desc()).limit(1)
    return session.execute(own).scalar_one_or_none()


def digest(entity_id: UUID, last_day: date, balance: list[dict[str, Any]], before: bytes) -> bytes:
    """The link of one closing in its entity's chain."""
    told = [str(entity_id), last_day.isoformat(), balance, before.hex()]
    return sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).digest()


def changed(session: Session) -> Iterator[tuple[str, str, Any, Any]]:
    """Every closed year that is not as it was closed: the year, what, how it stands, how it should."""
    before: dict[UUID, bytes] = {}
    for each in session.execute(select(Closing).order_by(Closing.entity_id, Closing.opens_at)).scalars():
        year = f"books {each.entity_id} until {each.last_day}"
        link = digest(each.entity_id, each.last_day, each.balance, before.get(each.entity_id, b""))
        before[each.entity_id] = each.hash
        if link != each.hash:
            yield year, "hash", link.hex(), each.hash.hex()
        lines = trial_balances.accounts(
            session, each.entity_id, first_day=each.first_day, last_day=each.last_day
        )
        stands, should = _figures(lines), _figures(each.balance)
        if stands != should:
            yield year, "trial balance", stands, should


def _figures(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a renumbered account does not change."""
    return sorted(
        (each["currency"], each["kind"], str(each["fund_id"]), *(each[name] for name in FIGURES))
        for each in lines
    )
