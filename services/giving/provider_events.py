"""Provider events: each taken once, in any order, and applied only when it moves something forward."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import HasCTE

from services.giving import (
    checkouts,
    debits,
    disputes,
    findings,
    gifts,
    payout_outcomes,
    refund_outcomes,
    settlements,
)
from services.giving.models import ProviderEvent, Refund
from services.giving.told_events import EventUnreadable, Told
from shared.db import is_ill
from shared.payments import reading
from shared.payments.records import Payout as ProviderPayout
from shared.payments.records import Refund as ProviderRefund
from shared.telemetry import log

BODY_KEPT = timedelta(days=30)
PARKED_LONG = timedelta(hours=1)
"""An event that fits nothing for this long is a finding."""

TAKE = (
    insert(ProviderEvent.__table__)
    .values(
        {
            name: bindparam(name)
            for name in (
                "account",
                "event_id",
                "type",
                "object_id",
                "happened_at",
                "received_at",
                "source",
                "body",
            )
        }
    )
    .on_conflict_do_nothing()
    .returning(ProviderEvent.__table__.c.event_id)
)
COUNT_COPY = (
    update(ProviderEvent)
    .where(ProviderEvent.account == bindparam("of_account"), ProviderEvent.event_id == bindparam("of_event"))
    .values(copies=ProviderEvent.copies + 1)
    .execution_options(synchronize_session=False)
)


def with_gift(take: HasCTE) -> Select[Any]:
    """The event taken and, in the same round trip, the gift of its checkout locked.

    `told` is the outer side of the only join: a gift is looked for after its event was taken, and not at all
    when the event was taken before.
    """
    told, gift = take.cte("told"), gifts.LOCK_BY_CHECKOUT.cte("gift")
    return select(told.c.event_id, *gift.c).select_from(told.outerjoin(gift, true()))


TAKE_WITH_GIFT = with_gift(TAKE)


def take(
    session: Session,
    told: Told,
    *,
    body: str,
    received_at: datetime | None = None,
    source: str = "webhook",
) -> str:
    """Take an event and apply it, in this transaction; `repeated` when it was taken before.

    The row decides: it is inserted first, and who comes second with the same id waits for the first one's
    commit and then changes nothing.
    """
    row = {
        "account": told.account,
        "event_id": told.id,
        "type": told.type,
        "object_id": str(told.object.get("id", "")),
        "happened_at": told.happened_at,
        "received_at": received_at or told.at,
        "source": source,
        "body": body,
    }
    if not _is_new(session, told, row):
        session.execute(COUNT_COPY, {"of_account": told.account, "of_event": told.id})
        return "repeated"
    outcome = apply(session, told)
    if outcome != "applied":
        taken = session.get_one(ProviderEvent, (told.account, told.id))
        taken.outcome = outcome
        taken.retry_at = told.at + timedelta(seconds=2) if outcome == "parked" else None
    return outcome


def _is_new(session: Session, told: Told, row: dict[str, Any]) -> bool:
    """Insert the event's row, and lock with it the gift that a payment is for; False when it was there."""
    checkout_id = told.mark("checkout_id") if HANDLERS.get(told.type) is _completed else None
    if checkout_id is None:
        return session.execute(TAKE, row).one_or_none() is not None
    taken = session.execute(TAKE_WITH_GIFT, row | {"checkout_id": checkout_id}).one_or_none()
    if taken is not None and taken.donation_id is not None:
        told.gift = taken
    return taken is not None


def apply(session: Session, told: Told) -> str:
    """What the event does: `applied`, `ignored`, `parked` or `mismatch`."""
    handler = HANDLERS.get(told.type)
    if handler is None:
        return "ignored"
    try:
        return handler(session, told)
    except EventUnreadable as error:
        detail = {"type": told.type, "field": str(error)}
        return findings.mismatch(session, "event_unreadable", told.account, told.id, None, detail, at=told.at)


def gift_of(session: Session, told: Told) -> UUID | None:
    """The gift that an event is about; None when it is none of ours. Refunds and disputes are looked up."""
    if (marked := told.mark("donation_id")) is not None:
        return marked
    if (refund_id := told.mark("refund_id")) is not None:
        known = select(Refund.donation_id).where(Refund.id == refund_id)
        return session.execute(known).scalar_one_or_none()
    paid = gifts.by_payment(session, told.account, str(told.object.get("payment_intent") or ""))
    return paid.donation_id if paid else None


def _completed(session: Session, told: Told) -> str:
    checkout_id = told.mark("checkout_id")
    if checkout_id is None:
        return "parked"
    if told.text("payment_status") != "paid":
        return debits.promise(session, checkout_id, payment_id=told.text("payment_intent"), at=told.at)
    return settlements.settle(session, _paid(told, checkout_id), at=told.at, gift=told.gift)


def _paid(told: Told, checkout_id: UUID) -> settlements.Paid:
    methods = told.object.get("payment_method_types") or []
    return settlements.Paid(
        account=told.account,
        checkout_id=checkout_id,
        session_id=told.text("id"),
        donation_id=told.object.get("client_reference_id"),
        payment_id=told.text("payment_intent"),
        amount_minor=told.whole("amount_total"),
        currency=told.text("currency").upper(),
        method=str(methods[0]) if len(methods) == 1 else None,
        paid_at=told.happened_at,
    )


def _ended(outcome: str) -> "Handler":
    def handle(session: Session, told: Told) -> str:
        checkout_id = told.mark("checkout_id")
        return checkouts.end(session, checkout_id, outcome, at=told.at) if checkout_id else "parked"

    return handle


def _declined(session: Session, told: Told) -> str:
    checkout_id = told.mark("checkout_id")
    error = told.object.get("last_payment_error")
    codes = error if isinstance(error, dict) else {}
    code = str(codes.get("decline_code") or codes.get("code") or "unknown")
    return (
        checkouts.decline(session, checkout_id, code=code, at=told.happened_at) if checkout_id else "parked"
    )


def _refunded(session: Session, told: Told) -> str:
    """A refund's own events; a refund that we asked for carries our id."""
    done = ProviderRefund(
        id=told.text("id"),
        status=told.text("status"),
        amount_minor=told.whole("amount"),
        currency=told.text("currency").upper(),
        payment_intent=told.text("payment_intent"),
        charge=None,
        refund_id=None,
        failure_reason=told.object.get("failure_reason"),
        created_at=told.happened_at,
    )
    ours = told.mark("refund_id")
    if ours is not None and refund_outcomes.is_ours(session, ours, account=told.account):
        return refund_outcomes.take_answer(session, ours, done, at=told.at)
    return refund_outcomes.take_foreign(session, told.account, done, at=told.at)


def _disputed(session: Session, told: Told) -> str:
    """A dispute's own events; each tells all of it."""
    try:
        dispute = reading.dispute(told.object)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EventUnreadable("dispute") from error
    return disputes.take(session, told.account, dispute, happened_at=told.happened_at, at=told.at)


def _paid_out(session: Session, told: Told) -> str:
    done = ProviderPayout(
        id=told.text("id"),
        status=told.text("status"),
        amount_minor=told.whole("amount"),
        currency=told.text("currency").upper(),
        failure_code=told.object.get("failure_code"),
        created_at=datetime.fromtimestamp(told.whole("created"), UTC),
        arrives_at=datetime.fromtimestamp(told.whole("arrival_date"), UTC),
    )
    return payout_outcomes.take(session, told.account, done, at=told.happened_at)


Handler = Callable[[Session, Told], str]

PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(PAID, _completed),
    "checkout.session.async_payment_failed": _ended("failed"),
    "checkout.session.expired": _ended("expired"),
    "payment_intent.payment_failed": _declined,
    "refund.created": _refunded,
    "refund.updated": _refunded,
    "refund.failed": _refunded,
    "charge.dispute.created": _disputed,
    "charge.dispute.updated": _disputed,
    "charge.dispute.closed": _disputed,
    "charge.dispute.funds_withdrawn": _disputed,
    "charge.dispute.funds_reinstated": _disputed,
    "payout.created": _paid_out,
    "payout.paid": _paid_out,
    "payout.failed": _paid_out,
    "payout.canceled": _paid_out,
}
"""All that giving listens to; everything else is taken and ignored."""


def retry_parked(session: Session, *, at: datetime, most: int = 20) -> int:
    """Try parked events again, the longest waiting first; how many were applied or found wrong."""
    due = (
        select(ProviderEvent)
        .where(ProviderEvent.outcome == "parked", ProviderEvent.retry_at <= at)
        .order_by(ProviderEvent.retry_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return sum(_retry(session, each, at=at) for each in session.execute(due).scalars().all())


def _retry(session: Session, parked: ProviderEvent, *, at: datetime) -> bool:
    """One that raises keeps its place and stops nobody else; only an illness of the database is raised."""
    try:
        with session.begin_nested():
            outcome = apply(session, Told.late(json.loads(parked.body or "{}"), account=parked.account))
    except Exception as error:
        if is_ill(error):
            raise
        log.error("parked event fails", event_id=parked.event_id, error=type(error).__name__)
        outcome = "parked"
    parked.tries += 1
    waited = at - parked.received_at
    if outcome != "parked":
        parked.outcome, parked.retry_at = outcome, None
        return True
    parked.retry_at = at + min(max(waited, timedelta(seconds=2)), timedelta(hours=1))
    if waited >= PARKED_LONG:
        detail = _told_of(parked)
        findings.record(session, "event_unmatched", parked.account, parked.event_id, None, detail, at=at)
    return False


def _told_of(parked: ProviderEvent) -> dict[str, Any]:
    """What a person needs to find the payment at the provider: its id, sum and time."""
    thing = json.loads(parked.body or "{}").get("data", {}).get("object", {})
    minor, currency = thing.get("amount_total", thing.get("amount")), thing.get("currency")
    return {
        "type": parked.type,
        "object": parked.object_id,
        "payment": thing.get("payment_intent"),
        "at": parked.happened_at.isoformat(),
        **({"amount_minor": minor, "currency": currency.upper()} if minor is not None and currency else {}),
    }


def clear_bodies(session: Session, *, at: datetime) -> int:
    """Forget the raw bodies of events older than 30 days; ids and sums stay. What still waits is given up."""
    old = select(ProviderEvent.account, ProviderEvent.event_id).where(
        ProviderEvent.body.is_not(None), ProviderEvent.received_at < at - BODY_KEPT
    )
    batch = old.limit(1000).subquery()
    cleared = (
        update(ProviderEvent)
        .where(ProviderEvent.account == batch.c.account, ProviderEvent.event_id == batch.c.event_id)
        .values(
            body=None,
            retry_at=None,
            outcome=func.replace(ProviderEvent.outcome, "parked", "ignored"),
        )
    )
    return len(session.execute(cleared.returning(ProviderEvent.event_id)).all())
