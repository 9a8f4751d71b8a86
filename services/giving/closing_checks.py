"""Closing checks: what of a fiscal year remains to be looked at before it is closed."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.giving import books
from services.giving.models import Entity, Finding, LedgerTransaction, Reconciliation, Transaction
from services.giving.settings import EntityWithoutAccount, current
from shared.clock import today
from shared.http import Blueprint

routes = Blueprint("closing_checks", __name__, url_prefix="/api/v1/giving/entities")

FINDINGS, UNRECONCILED, UNBALANCED, PROVISIONAL = "findings", "unreconciled_days", "unbalanced", "provisional"
CHECKS = (FINDINGS, UNRECONCILED, UNBALANCED, PROVISIONAL)
ACCEPTABLE = (FINDINGS, UNRECONCILED)
DAYS_SHOWN = 31

SOUND = text(
    """
    select count(*) filter (where n.number is null) as provisional,
           count(*) filter (where not exists (
             select from ledger_entries e where e.transaction_id = t.id)
             or exists (select from ledger_entries e where e.transaction_id = t.id
                        group by e.currency having sum(e.debit_minor) <> sum(e.credit_minor))) as unbalanced
    from ledger_transactions t left join ledger_numbers n on n.transaction_id = t.id
    where t.entity_id = :entity_id and t.at >= :since and t.at < :until
    """
)


class YearAsked(Schema):
    """A fiscal year, by its last day."""

    last_day = fields.Date(required=True, validate=validate.Range(books.FIRST, books.LAST))


class CheckShown(Schema):
    """What remains: differences nobody closed, days not compared with the provider, transactions that do not
    balance or have no number yet. The first two may be accepted with a note."""

    kind = fields.String(required=True, validate=validate.OneOf(CHECKS))
    count = fields.Integer(required=True)
    days = fields.List(fields.String(metadata={"format": "date"}), required=True)


class ChecksShown(Schema):
    """Nothing remains when the list is empty; the numbers are given when the year is closed."""

    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    items = fields.List(fields.Nested(CheckShown), required=True)


@routes.get("/<uuid:entity_id>/closing-checks", allow="giving.read", refuses=(books.NoYearEndsThen,))
@routes.arguments(YearAsked, location="query")
@routes.response(200, ChecksShown)
def show(query: dict[str, date], entity_id: UUID) -> Any:
    """What remains of this year before it can be closed."""
    last_day = query["last_day"]
    with Transaction() as session:
        entity = books.of(session, entity_id)
        first_day = books.year_that_ends(entity, last_day)
        items = remaining(session, entity, first_day=first_day, last_day=last_day)
        return {"first_day": first_day, "last_day": last_day, "items": items}


def remaining(session: Session, entity: Entity, *, first_day: date, last_day: date) -> list[dict[str, Any]]:
    """What remains, by kind; days as texts, as they are kept with the closing."""
    period = {"since": books.begins(first_day), "until": books.ends(last_day)}
    account = _account(entity)
    sound = session.execute(SOUND, {"entity_id": entity.id, **period}).one()
    days = unreconciled(session, entity.id, account, first_day=first_day, last_day=last_day)
    counts = {
        FINDINGS: _waiting(session, account, before=period["until"]),
        UNRECONCILED: len(days),
        UNBALANCED: sound.unbalanced,
        PROVISIONAL: sound.provisional,
    }
    shown = [each.isoformat() for each in days[:DAYS_SHOWN]]
    return [
        {"kind": kind, "count": count, "days": shown if kind == UNRECONCILED else []}
        for kind, count in counts.items()
        if count
    ]


def _account(entity: Entity) -> str | None:
    try:
        return current().account_of(entity.slug).account
    except EntityWithoutAccount:
        return None


def _waiting(session: Session, account: str | None, *, before: datetime) -> int:
    """Differences of the account that nobody closed, about what happened before the year's end."""
    happened = func.coalesce(func.cast(Finding.detail["at"].astext, Finding.found_at.type), Finding.found_at)
    open_ = select(func.count()).where(
        Finding.account == account, Finding.resolved_at.is_(None), happened < before
    )
    return int(session.execute(open_).scalar_one())


def unreconciled(
    session: Session, entity_id: UUID, account: str | None, *, first_day: date, last_day: date
) -> list[date]:
    """Days since the first transaction of the year that no comparison covers whole."""
    since, until = books.begins(first_day), books.ends(last_day)
    own = select(func.min(LedgerTransaction.at)).where(
        LedgerTransaction.entity_id == entity_id, LedgerTransaction.at >= since, LedgerTransaction.at < until
    )
    first = session.execute(own).scalar_one()
    if first is None:
        return []
    spans = select(Reconciliation.since, Reconciliation.until).where(
        Reconciliation.account == account, Reconciliation.until > first, Reconciliation.since < until
    )
    covered = [(row.since, row.until) for row in session.execute(spans.order_by(Reconciliation.since))]
    return list(_days(gaps(covered, first, until)))


def gaps(
    covered: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime
) -> Iterable[tuple[datetime, datetime]]:
    """What of a time is in none of the spans, which are ordered by their beginning."""
    reached = since
    for start, end in covered:
        if start > reached:
            yield reached, min(start, until)
        reached = max(reached, end)
        if reached >= until:
            return
    yield reached, until


def _days(spans: Iterable[tuple[datetime, datetime]]) -> Iterable[date]:
    last: date | None = None
    for start, end in spans:
        day = today(start)
        while books.begins(day) < end:
            if day != last:
                yield day
            last, day = day, day + timedelta(days=1)
