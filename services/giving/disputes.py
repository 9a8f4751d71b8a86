"""Disputes: the donor's bank takes a payment back, and in the end keeps it (lost) or gives it again (won).

Whichever of the provider's events comes first: each tells the dispute whole, with the movements of money that
it made so far, and each movement is booked once.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import findings, gift_changes, gifts, ledger, surpluses
from services.giving.models import Dispute, Donation, LedgerTransaction, Surplus, Transaction
from services.giving.models.disputes import STATUSES
from services.giving.models.donations import DonationUnderDispute
from services.giving.models.ledger import DISPUTE, DISPUTE_WON, FEE
from shared.db import lock, uuid7
from shared.http import Blueprint
from shared.messages import DonationDisputed
from shared.money import Minor
from shared.outbox import publish
from shared.pages import PageQuery, page, paged
from shared.payments.records import Dispute as ProviderDispute
from shared.payments.records import Movement

routes = Blueprint("disputes", __name__, url_prefix="/api/v1/giving/disputes")

ENDS = {"won": "won", "warning_closed": "won", "prevented": "won", "lost": "lost"}
"""The provider's last words, by what they mean to us: a question of the bank that led to nothing is won."""


class DisputeShown(Schema):
    """A dispute. `withdrawn_minor` is what the bank holds of it now; `answer_by` until when to answer it."""

    id = fields.UUID(required=True)
    donation_id = fields.UUID(required=True)
    surplus_id = fields.UUID(allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    provider_dispute_id = fields.String(required=True)
    amount_minor = Minor(required=True)
    withdrawn_minor = Minor(required=True)
    fee_minor = Minor(required=True)
    currency = fields.String(required=True)
    reason = fields.String(required=True)
    opened_at = fields.AwareDateTime(required=True)
    answer_by = fields.AwareDateTime(allow_none=True)
    won_at = fields.AwareDateTime(allow_none=True)
    lost_at = fields.AwareDateTime(allow_none=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(DisputeShown))
def index(query: dict[str, Any]) -> Any:
    """Disputes that the bank has not decided, the oldest first."""
    with Transaction() as session:
        undecided = select(Dispute).where(Dispute.won_at.is_(None), Dispute.lost_at.is_(None))
        return page(session, undecided, keys=[Dispute.opened_at, Dispute.id], **query)


def check_refundable(session: Session, donation: Donation) -> None:
    """Raise DonationUnderDispute while a bank holds money of it, or when all that is left was lost to one."""
    held = _of(donation.id).where(Dispute.surplus_id.is_(None), Dispute.withdrawn_minor > 0)
    undecided = held.where(Dispute.won_at.is_(None), Dispute.lost_at.is_(None))
    is_lost = donation.disputed_minor > 0 and donation.left_minor == 0
    if is_lost or session.execute(undecided).first() is not None:
        raise DonationUnderDispute


def of_donation(session: Session, donation_id: UUID) -> list[Dispute]:
    """The disputes of a gift's payments, the oldest first."""
    return list(session.execute(_of(donation_id).order_by(Dispute.opened_at, Dispute.id)).scalars())


def _of(donation_id: UUID) -> Any:
    return select(Dispute).where(Dispute.donation_id == donation_id)


def take(
    session: Session, account: str, told: ProviderDispute, *, happened_at: datetime, at: datetime
) -> str:
    """What the provider tells of a dispute: its money booked, its state taken forward, and said.

    One of a payment that we do not know (yet) is parked; money that the gift has no more is a finding.
    """
    paid = gifts.by_payment(session, account, told.payment_intent)
    if paid is None:
        return "parked"
    gift = gifts.lock(session, paid.donation_id)
    dispute, is_new = _known(session, account, told, paid.surplus_id, gift)
    before = (dispute.status, dispute.withdrawn_minor)
    for movement in _unbooked(session, gift, told):
        if not _book(session, gift, dispute, movement, posted_at=at):
            detail = {"dispute": told.id, "movement": movement.id, "amount_minor": movement.amount_minor}
            return findings.mismatch(
                session, "dispute_differs", account, movement.id, gift.donation_id, detail, at=at
            )
    dispute.answer_by = told.answer_by or dispute.answer_by
    if outcome := ENDS.get(told.status):
        dispute.end(outcome, at=happened_at)
    session.flush()
    if not is_new and before == (dispute.status, dispute.withdrawn_minor):
        return "ignored"
    if dispute.surplus_id is None:
        _say(session, gift, dispute, at=at)
    return "applied"


def _known(
    session: Session, account: str, told: ProviderDispute, surplus_id: UUID | None, gift: gifts.Gift
) -> tuple[Dispute, bool]:
    """Our row of it, and whether it is made now; the gift's lock is held."""
    row = select(Dispute).where(Dispute.account == account, Dispute.provider_dispute_id == told.id)
    known = session.execute(row).scalar_one_or_none()
    if known is not None:
        return known, False
    made = Dispute(
        id=uuid7(),
        donation_id=gift.donation_id,
        surplus_id=surplus_id,
        account=account,
        provider_dispute_id=told.id,
        amount_minor=told.amount_minor,
        currency=told.currency,
        reason=told.reason,
        opened_at=told.created_at,
        withdrawn_minor=0,
        fee_minor=0,
    )
    session.add(made)
    session.flush()
    return made, True


def _unbooked(session: Session, gift: gifts.Gift, told: ProviderDispute) -> list[Movement]:
    """Movements of the dispute that are not in the books, the oldest first."""
    ids = [each.id for each in told.movements]
    there = select(LedgerTransaction.reference).where(
        LedgerTransaction.entity_id == gift.entity_id,
        LedgerTransaction.kind.in_((DISPUTE, DISPUTE_WON)),
        LedgerTransaction.reference.in_(ids),
    )
    known = set(session.execute(there).scalars())
    return sorted((each for each in told.movements if each.id not in known), key=lambda each: each.created_at)


def _book(
    session: Session, gift: gifts.Gift, dispute: Dispute, movement: Movement, *, posted_at: datetime
) -> bool:
    """One movement: money withdrawn or reinstated, and the fee beside it; False when it cannot be ours."""
    withdrawn = -movement.amount_minor
    surplus = lock(session, Surplus, dispute.surplus_id) if dispute.surplus_id else None
    held = surplus or session.get_one(Donation, gift.donation_id, populate_existing=True)
    fits = -dispute.withdrawn_minor <= withdrawn <= held.left_minor
    if not withdrawn or not fits or movement.currency != gift.currency or movement.fee_minor < 0:
        return False
    kind = DISPUTE if withdrawn > 0 else DISPUTE_WON
    moved = {"reference": movement.id, "at": movement.created_at, "posted_at": posted_at}
    if surplus is not None:
        surplus.disputed_minor += withdrawn
        surpluses.post(session, gift, kind, withdrawn, currency=gift.currency, **moved)
    else:
        gift_changes.change(session, gift, kind, abs(withdrawn), **moved)
    dispute.withdrawn_minor += withdrawn
    if movement.fee_minor:
        dispute.fee_minor += movement.fee_minor
        ledger.post(
            session,
            FEE,
            ledger.fee(movement.fee_minor),
            entity_id=gift.entity_id,
            donation_id=gift.donation_id,
            currency=gift.currency,
            **moved,
        )
    return True


def _say(session: Session, gift: gifts.Gift, dispute: Dispute, *, at: datetime) -> None:
    """The state of the dispute and of the gift's money: nobody is written to, so that no address travels."""
    donation = session.get_one(Donation, gift.donation_id)
    told = gifts.said(gift, gifts.party_id(session, gift))
    del told["contact"]
    news = DonationDisputed(
        **told,
        dispute_id=dispute.id,
        status=dispute.status,
        reason=dispute.reason,
        dispute_minor=dispute.amount_minor,
        disputed_minor=donation.disputed_minor,
        disputed_at=dispute.won_at or dispute.lost_at or dispute.opened_at,
    )
    publish(session, news, correlation_id=gift.donation_id, at=at)
