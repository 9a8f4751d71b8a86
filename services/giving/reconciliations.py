"""Reconciliations: what the provider's own lists say, compared with what we took and booked.

Events that no webhook brought are taken as if one had. Then each movement of the account's money must
have its gift or refund, with the same sum, and each gift its movement; what has not is a finding.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import findings, provider_events, settlements
from services.giving.models import (
    Donation,
    ProviderEvent,
    Reconciliation,
    Refund,
    Settlement,
    Transaction,
)
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.http import Blueprint
from shared.payments import gateway
from shared.payments.accounts import Account
from shared.payments.records import Movement
from shared.telemetry import log

routes = Blueprint("reconciliations", __name__, url_prefix="/api/v1/giving/reconciliations")

OVERLAP = timedelta(hours=2)
FIRST_SPAN = timedelta(days=30)
"""How far the provider's list of events goes back."""
GRACE = timedelta(minutes=5)
"""What happened this recently may not stand in the other's list yet."""

CHARGES = {"charge", "payment"}
REFUNDS = {"refund", "payment_refund"}
OTHERS = {
    "payout",
    "payout_failure",
    "payout_cancel",
    "refund_failure",
    "payment_failure_refund",
}
"""Movements that are neither gift nor refund. Those of disputes (`adjustment`) a person must see."""


class ReconciliationWish(Schema):
    """How far back to look; since the last reconciliation when not told."""

    days = fields.Integer(strict=True, validate=validate.Range(1, 30))


class ReconciliationShown(Schema):
    """What one comparison found."""

    id = fields.UUID(required=True)
    account = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    until = fields.AwareDateTime(required=True)
    events_taken = fields.Integer(required=True)
    movements_seen = fields.Integer(required=True)
    findings_new = fields.Integer(required=True)


class ReconciliationsMade(Schema):
    """One comparison an account."""

    items = fields.List(fields.Nested(ReconciliationShown), required=True)


@routes.post("", allow="giving.manage")
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
    return {"items": [reconcile(each, since=since, by=by) for each in current().accounts.values()]}


def reconcile(account: Account, *, since: datetime | None = None, by: UUID | None = None) -> Reconciliation:
    """Compare one account with the provider; no transaction is open while the provider is asked."""
    started = now()
    with Transaction() as session:
        since = since or _since(session, account.account, at=started)
    taken = take_missed(account, since=since)
    _ask_details(account.account, at=started)
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
    with Transaction() as session:
        outcome = provider_events.take(
            session, event, account=account.account, body=body, at=now(), source="reconciliation"
        )
    return outcome != "repeated"


def _ask_details(account: str, *, at: datetime) -> None:
    """Fees and charges of settled gifts, without which movements cannot be told whose they are."""
    soon = at + timedelta(days=1)
    while _ask([account], due_by=soon, at=at):
        pass


def fetch_details(accounts: list[str], *, at: datetime) -> int:
    """Ask the provider for means and fee of gifts that have none yet; how many were told."""
    return sum(_ask(accounts, due_by=at, at=at))


def _ask(accounts: list[str], *, due_by: datetime, at: datetime) -> list[bool]:
    """One batch: for each gift asked about, whether its details are there now."""
    with Transaction() as session:
        waiting = settlements.without_details(session, accounts, at=due_by)
    return [_detail(each, at=at) for each in waiting]


def _detail(settlement: Settlement, *, at: datetime) -> bool:
    payment = gateway.fetch_payment(current().account(settlement.account), settlement.payment_id)
    with Transaction() as session:
        return settlements.detail(session, settlement.donation_id, payment, at=at)


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
    charged = {each.id for each in moved if each.kind in CHARGES}
    with Transaction() as session:
        unmoved = _unmoved(session, account.account, since=since, until=until, charged=charged)
    return len(moved), new + sum(_record(account.account, each) for each in unmoved)


@dataclass(frozen=True)
class Difference:
    """What does not agree: the kind of finding, the provider's id, the gift, both sides."""

    kind: str
    reference: str
    donation_id: UUID | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Books:
    """Our side of some movements."""

    by_charge: dict[str, tuple[Settlement, Donation]]
    refunds: dict[str, Refund]

    @classmethod
    def read(cls, session: Session, account: str, moved: Iterable[Movement]) -> "Books":
        sources = [each.source for each in moved if each.source]
        pairs = (
            select(Settlement, Donation)
            .join(Donation, Donation.id == Settlement.donation_id)
            .where(Settlement.account == account, Settlement.charge_id.in_(sources))
        )
        settled = [(row[0], row[1]) for row in session.execute(pairs)]
        refunds = select(Refund).where(Refund.account == account, Refund.provider_refund_id.in_(sources))
        return cls(
            {str(settlement.charge_id): (settlement, donation) for settlement, donation in settled},
            {str(each.provider_refund_id): each for each in session.execute(refunds).scalars()},
        )

    def difference(self, movement: Movement, account: Account) -> Difference | None:
        """What is wrong with a movement; None when the books say the same."""
        if movement.kind in CHARGES:
            return self._of_charge(movement, account)
        if movement.kind in REFUNDS:
            return self._of_refund(movement)
        return None if movement.kind in OTHERS else _unexplained("movement_unexplained", movement)

    def _of_charge(self, movement: Movement, account: Account) -> Difference | None:
        pair = self.by_charge.get(movement.source or "")
        if pair is None:
            return _unexplained("charge_unknown", movement)
        settlement, donation = pair
        ours = (donation.amount_minor, donation.currency, settlement.fee_minor)
        theirs = (movement.amount_minor, movement.currency, movement.fee_minor)
        return None if ours == theirs else _differs("charge_differs", movement, donation.id, ours)

    def _of_refund(self, movement: Movement) -> Difference | None:
        refund = self.refunds.get(movement.source or "")
        if refund is None or refund.completed_at is None:
            return _unexplained("refund_unknown", movement)
        ours, theirs = (-refund.amount_minor, refund.currency), (movement.amount_minor, movement.currency)
        return None if ours == theirs else _differs("refund_differs", movement, refund.donation_id, ours)


def _unexplained(kind: str, movement: Movement) -> Difference:
    return Difference(kind, movement.source or movement.id, None, _told(movement))


def _differs(kind: str, movement: Movement, donation_id: UUID, ours: tuple[Any, ...]) -> Difference:
    return Difference(
        kind, movement.source or movement.id, donation_id, _told(movement) | {"ours": list(ours)}
    )


def _told(movement: Movement) -> dict[str, Any]:
    return {
        "movement": movement.id,
        "kind": movement.kind,
        "amount_minor": movement.amount_minor,
        "fee_minor": movement.fee_minor,
        "currency": movement.currency,
        "at": movement.created_at.isoformat(),
    }


def _unmoved(
    session: Session, account: str, *, since: datetime, until: datetime, charged: set[str]
) -> list[Difference]:
    """Gifts that we settled in this span, of which the provider's balance knows nothing."""
    settled = select(Settlement).where(
        Settlement.account == account, Settlement.paid_at > since, Settlement.paid_at <= until
    )
    return [
        Difference("settlement_unmoved", each.payment_id, each.donation_id, {"movement": each.movement_id})
        for each in session.execute(settled).scalars()
        if each.movement_id not in charged
    ]


def _record(account: str, found: Difference) -> bool:
    with Transaction() as session:
        return findings.record(
            session, found.kind, account, found.reference, found.donation_id, found.detail, at=now()
        )
