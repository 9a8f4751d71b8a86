"""Reconciliations: what the provider's own lists say, compared with what we took and booked.

Events that no webhook brought are taken as if one had. Then each movement of the account's money must
have its gift or refund, with the same sum, and each gift its movement; what has not is a finding, and
waits in the suspense account. At the end what the provider holds must be what our books say it holds.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import (
    chases,
    findings,
    payout_outcomes,
    provider_balances,
    provider_events,
    settlements,
    surpluses,
    suspense,
)
from services.giving.differences import CHARGES, Books, Difference, unmoved
from services.giving.models import ProviderEvent, Reconciliation, Settlement, Surplus, Transaction
from services.giving.settings import EntityWithoutAccount, current
from services.giving.told_events import Told
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged
from shared.payments import gateway
from shared.payments.accounts import Account
from shared.telemetry import log

routes = Blueprint("reconciliations", __name__, url_prefix="/api/v1/giving/reconciliations")

OVERLAP = timedelta(hours=2)
FIRST_SPAN = timedelta(days=30)
"""How far the provider's list of events goes back."""
GRACE = timedelta(minutes=5)
"""What happened this recently may not stand in the other's list yet."""


class ReconciliationWish(Schema):
    """How far back to look; since the last reconciliation when not told."""

    days = fields.Integer(strict=True, validate=validate.Range(1, 30))


class ReconciliationShown(Schema):
    """What one comparison found."""

    id = fields.UUID(required=True)
    account = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    until = fields.AwareDateTime(required=True)
    finished_at = fields.AwareDateTime(required=True)
    events_taken = fields.Integer(required=True)
    movements_seen = fields.Integer(required=True)
    findings_new = fields.Integer(required=True)


class ReconciliationsMade(Schema):
    """One comparison an account."""

    items = fields.List(fields.Nested(ReconciliationShown), required=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(ReconciliationShown))
def index(query: dict[str, Any]) -> Any:
    """What was compared, the newest first."""
    with Transaction() as session:
        return page(session, select(Reconciliation), keys=[Reconciliation.id.desc()], **query)


@routes.post("", allow="giving.manage", refuses=(EntityWithoutAccount, gateway.ProviderUnavailable))
@routes.arguments(ReconciliationWish)
@routes.response(201, ReconciliationsMade)
def create(wish: dict[str, int]) -> Any:
    """Compare now. Doing it twice changes nothing more."""
    since = now() - timedelta(days=wish["days"]) if "days" in wish else None
    by = caller().person_id
    with Transaction() as session:
        audit.record(
            session,
            by=by,
            action="giving.reconciled",
            subject=("service", "giving"),
            right="giving.manage",
            at=now(),
            key=current().link_key,
        )
    return {"items": reconcile_each(current().accounts.values(), since=since, by=by)}


def reconcile_each(
    accounts: Iterable[Account], *, since: datetime | None = None, by: UUID | None = None
) -> list[Reconciliation]:
    """Compare each account with the provider. One that fails stops no other, and is raised at the end."""
    made, failed = list[Reconciliation](), list[Exception]()
    for account in accounts:
        try:
            made.append(reconcile(account, since=since, by=by))
        except Exception as error:
            log.error("reconciliation fails", account=account.account, error=type(error).__name__)
            failed.append(error)
    if failed:
        raise failed[0]
    return made


def reconcile(account: Account, *, since: datetime | None = None, by: UUID | None = None) -> Reconciliation:
    """Compare one account with the provider; no transaction is open while the provider is asked."""
    started = now()
    with Transaction() as session:
        since = since or _since(session, account.account, at=started)
    taken = take_missed(account, since=since)
    payout_outcomes.catch_up(account, since=since, at=started)
    _ask_details(account.account, at=started)
    payout_outcomes.tell_gifts([account.account], at=started)
    seen, new = _compare(account, since=since, until=started - GRACE)
    with Transaction() as session:
        made = Reconciliation(
            account=account.account,
            since=since,
            until=started,
            by=by,
            finished_at=now(),
            events_taken=taken,
            movements_seen=seen,
            findings_new=new,
        )
        session.add(made)
    log.info("reconciled", account=account.account, events_taken=taken, movements=seen, findings=new)
    return made


def _since(session: Session, account: str, *, at: datetime) -> datetime:
    last = select(Reconciliation.until).where(Reconciliation.account == account)
    until = session.execute(last.order_by(Reconciliation.until.desc()).limit(1)).scalar_one_or_none()
    return until - OVERLAP if until else at - FIRST_SPAN


def take_missed(account: Account, *, since: datetime) -> int:
    """Take every event of the provider's list that is not ours yet, the oldest first; how many."""
    listed = [each for each in gateway.events(account, since) if each["type"] in provider_events.HANDLERS]
    with Transaction() as session:
        known = _known_events(session, account.account, [each["id"] for each in listed])
    missed = [each for each in reversed(listed) if each["id"] not in known]
    return sum(_take(account, each) for each in missed)


def _known_events(session: Session, account: str, ids: list[str]) -> set[str]:
    rows = select(ProviderEvent.event_id).where(
        ProviderEvent.account == account, ProviderEvent.event_id.in_(ids)
    )
    return set(session.execute(rows).scalars())


def _take(account: Account, event: dict[str, Any]) -> bool:
    """One event from the list. It came over our own authenticated call; live or test must still be right."""
    if event["livemode"] is not account.is_live:
        return False
    body = json.dumps(event, ensure_ascii=False)
    told = Told.late(event, account=account.account)
    with Transaction() as session:
        outcome = provider_events.take(session, told, body=body, received_at=now(), source="reconciliation")
    return outcome != "repeated"


def _ask_details(account: str, *, at: datetime) -> None:
    """Fees and charges of settled gifts, without which movements cannot be told whose they are."""
    soon = at + timedelta(days=1)
    while _ask([account], due_by=soon, at=at) is not None:
        pass


def fetch_details(accounts: list[str], *, at: datetime) -> int:
    """Ask the provider for means and fee of gifts that have none yet; how many were told."""
    return _ask(accounts, due_by=at, at=at) or 0


def _ask(accounts: list[str], *, due_by: datetime, at: datetime) -> int | None:
    """One batch: of how many gifts the details are there now; None when none was due.

    A gift that the provider does not tell of stops no other, and is raised at the end.
    """
    with Transaction() as session:
        waiting: list[Settlement | Surplus] = [
            *settlements.without_details(session, accounts, at=due_by),
            *surpluses.without_details(session, accounts, at=due_by),
        ]
    told, failed = chases.each(waiting, partial(_detail, at=at))
    if failed:
        raise failed[0]
    return told if waiting else None


def _detail(paid: Settlement | Surplus, *, at: datetime) -> bool:
    payment = gateway.fetch_payment(current().account(paid.account), paid.payment_id)
    with Transaction() as session:
        if isinstance(paid, Surplus):
            return surpluses.detail(session, paid.id, payment, at=at)
        return settlements.detail(session, paid.donation_id, payment, at=at)


def _compare(account: Account, *, since: datetime, until: datetime) -> tuple[int, int]:
    """Movements against gifts and refunds, both ways; (movements seen, findings that are new)."""
    moved = list(gateway.balance_transactions(account, since))
    settled = [each for each in moved if each.created_at <= until]
    with Transaction() as session:
        books = Books.read(session, account.account, moved)
    new = 0
    for movement in settled:
        if difference := books.difference(movement, account):
            new += _record(account.account, difference)
            if difference.kind in suspense.KINDS:
                with Transaction() as session:
                    suspense.book(session, account, movement, at=now())
    with Transaction() as session:
        suspense.correct(session, account, at=now())
    charged = {each.id for each in moved if each.kind in CHARGES}
    with Transaction() as session:
        silent = unmoved(session, account.account, since=since, until=until, charged=charged)
    new += sum(_record(account.account, each) for each in silent)
    return len(moved), new + provider_balances.compare(account, moved, until=until)


def _record(account: str, found: Difference) -> bool:
    with Transaction() as session:
        return findings.record(
            session, found.kind, account, found.reference, found.donation_id, found.detail, at=now()
        )
