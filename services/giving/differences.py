"""Differences: each movement of the provider's money beside its gift or refund in our books, both ways."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving.models import Donation, LedgerTransaction, Refund, Settlement, Surplus
from services.giving.models.ledger import DISPUTE, DISPUTE_WON
from shared.payments.accounts import Account
from shared.payments.records import Movement

CHARGES = {"charge", "payment"}
REFUNDS = {"refund", "payment_refund"}
RETURNED = {"refund_failure", "payment_failure_refund"}
OTHERS = {"payout", "payout_failure", "payout_cancel", *RETURNED}
"""Movements that are neither gift, refund nor dispute."""
DISPUTED = "adjustment"


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

    by_charge: dict[str, tuple[Settlement, Donation] | tuple[Surplus, Surplus]]
    refunds: dict[str, Refund]
    disputed: set[str]
    """Movements of disputes that are in the books."""

    @classmethod
    def read(cls, session: Session, account: str, moved: Iterable[Movement]) -> "Books":
        sources = [each.source for each in moved if each.source]
        pairs = (
            select(Settlement, Donation)
            .join(Donation, Donation.id == Settlement.donation_id)
            .where(Settlement.account == account, Settlement.charge_id.in_(sources))
        )
        paid: dict[str, Any] = {str(row[0].charge_id): (row[0], row[1]) for row in session.execute(pairs)}
        again = select(Surplus).where(Surplus.account == account, Surplus.charge_id.in_(sources))
        paid |= {str(each.charge_id): (each, each) for each in session.execute(again).scalars()}
        refunds = select(Refund).where(Refund.account == account, Refund.provider_refund_id.in_(sources))
        disputed = select(LedgerTransaction.reference).where(
            LedgerTransaction.kind.in_((DISPUTE, DISPUTE_WON)),
            LedgerTransaction.reference.in_([each.id for each in moved if each.kind == DISPUTED]),
        )
        return cls(
            paid,
            {str(each.provider_refund_id): each for each in session.execute(refunds).scalars()},
            set(session.execute(disputed).scalars()),
        )

    def difference(self, movement: Movement, account: Account) -> Difference | None:
        """What is wrong with a movement; None when the books say the same."""
        if movement.kind in CHARGES:
            return self._of_charge(movement, account)
        if movement.kind in REFUNDS:
            return self._of_refund(movement)
        if movement.kind in OTHERS or movement.id in self.disputed:
            return None
        # By its own id: a dispute moves money twice when it is won, and each is to be seen.
        detail = _told(movement) | {"source": movement.source}
        return Difference("movement_unexplained", movement.id, None, detail)

    def _of_charge(self, movement: Movement, account: Account) -> Difference | None:
        pair = self.by_charge.get(movement.source or "")
        if pair is None:
            return _unexplained("charge_unknown", movement)
        proof, paid = pair
        ours = (paid.amount_minor, paid.currency, proof.fee_minor)
        theirs = (movement.amount_minor, movement.currency, movement.fee_minor)
        return None if ours == theirs else _differs("charge_differs", movement, proof.donation_id, ours)

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


def unmoved(
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
