"""Debits: the donor has signed, is told when the debit comes, and it is a gift once the bank has paid."""

from datetime import datetime
from functools import partial
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving import chases, gifts
from services.giving.models import Checkout, Debit, Transaction
from services.giving.settings import current
from shared.db import lock
from shared.messages import DebitAnnounced
from shared.outbox import publish
from shared.payments import gateway
from shared.payments.records import Method


class DebitShown(Schema):
    """A debit as the donor was told of it: from which day, from which account, under which mandate."""

    debit_on = fields.Date(required=True)
    last4 = fields.String(allow_none=True)
    mandate_reference = fields.String(required=True)
    creditor_id = fields.String(required=True)
    announced_at = fields.AwareDateTime(required=True)


PROMISE = insert(Debit.__table__).on_conflict_do_nothing(index_elements=["checkout_id"])


def promise(session: Session, checkout_id: UUID, *, payment_id: str, at: datetime) -> str:
    """The donor has signed: nothing is given yet."""
    checkout = session.get(Checkout, checkout_id, with_for_update=True)
    if checkout is None:
        return "parked"
    if checkout.closed_at is not None or checkout.processing_at is not None:
        return "ignored"
    gift = gifts.read(session, checkout.donation_id)
    checkout.processing_at, checkout.payment_id = at, payment_id
    values = {
        "checkout_id": checkout.id,
        "donation_id": checkout.donation_id,
        "account": checkout.account,
        "payment_id": payment_id,
        "creditor_id": gift.creditor_id or "",
        "promised_at": at,
        "retry_at": at,
    }
    session.execute(PROMISE, values)
    return "applied"


def latest(session: Session, donation_id: UUID) -> Debit | None:
    """The debit of a gift that its donor was told of last."""
    signed = select(Debit).where(Debit.donation_id == donation_id, Debit.announced_at.is_not(None))
    return session.execute(signed.order_by(Debit.promised_at.desc()).limit(1)).scalar_one_or_none()


def unannounced(session: Session, accounts: list[str], *, at: datetime, most: int = 50) -> list[Debit]:
    """Debits whose donor was not told yet when they come; each is looked at again in a while."""
    unknown = (
        select(Debit)
        .join(Checkout, Checkout.id == Debit.checkout_id)
        .where(Debit.announced_at.is_(None), Debit.account.in_(accounts), Checkout.closed_at.is_(None))
    )
    return chases.take_due(session, unknown, since="promised_at", at=at, most=most)


def announce_each(accounts: list[str], *, at: datetime) -> int:
    """Ask the provider for what was signed, and tell the donors; how many were told."""
    with Transaction() as session:
        waiting = unannounced(session, accounts, at=at)
    told, failed = chases.each(waiting, partial(_announce, at=at))
    if failed:
        raise failed[0]
    return told


def _announce(debit: Debit, *, at: datetime) -> bool:
    account = current().account(debit.account)
    charge = gateway.fetch_payment(account, debit.payment_id).charge
    if charge is None or charge.method is None or charge.method.mandate is None:
        return False
    mandate = gateway.fetch_mandate(account, charge.method.mandate)
    with Transaction() as session:
        return announce(session, debit.checkout_id, mandate.reference, charge.method, at=at)


def announce(session: Session, checkout_id: UUID, reference: str, method: Method, *, at: datetime) -> bool:
    """Tell the donor once: amount, day, creditor and mandate (the pre-notification of the scheme)."""
    known = session.get_one(Debit, checkout_id)
    gift = gifts.lock(session, known.donation_id)
    debit = lock(session, Debit, checkout_id)
    if debit.announced_at is not None:
        return False
    debit.announce(reference=reference, country=method.country, last4=method.last4, at=at)
    party = gifts.party_id(session, gift)
    news = DebitAnnounced(
        **gifts.said(gift, party, with_link=True),
        announced_at=at,
        debit_on=debit.debit_on,
        mandate_reference=reference,
        creditor_id=debit.creditor_id,
        last4=method.last4,
    )
    publish(session, news, correlation_id=gift.donation_id, at=at)
    return True
