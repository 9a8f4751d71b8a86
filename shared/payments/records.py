"""What the provider answers, reduced to what we act on. Amounts are in minor units, times in UTC."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Page:
    """The provider's payment page of one checkout."""

    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Checkout:
    """A payment page and what became of it.

    `status` is open, complete or expired; `payment_status` is paid, unpaid or no_payment_required:
    a complete checkout that is unpaid waits for a debit to arrive.
    """

    id: str
    status: str
    payment_status: str
    amount_minor: int
    currency: str
    payment_intent: str | None
    checkout_id: str | None
    donation_id: str | None
    url: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Movement:
    """One line of the account's balance: `net_minor` = `amount_minor` − `fee_minor`.

    `kind` is the provider's type (charge, refund, payout, …); `source` the id of the charge or
    refund behind it.
    """

    id: str
    kind: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    source: str | None
    created_at: datetime
    available_at: datetime


@dataclass(frozen=True)
class Payout:
    """Money sent to the bank; `status` is pending, in_transit, paid, failed or canceled.

    A negative amount is what the provider takes from the bank. `arrives_at` is a day, at midnight.
    """

    id: str
    status: str
    amount_minor: int
    currency: str
    failure_code: str | None
    created_at: datetime
    arrives_at: datetime


@dataclass(frozen=True)
class Method:
    """How it was paid; `brand` and `last4` are known for cards and, without brand, for debits.

    A debit has the provider's id of the `mandate` that was signed, and the `country` of the bank.
    """

    kind: str
    brand: str | None
    last4: str | None
    country: str | None = None
    mandate: str | None = None


@dataclass(frozen=True)
class Mandate:
    """What a donor signed: `reference` stands on their bank statement."""

    id: str
    reference: str


@dataclass(frozen=True)
class Charge:
    """Money taken, or refused (`status` failed, with the reason in `failure_code`)."""

    id: str
    status: str
    amount_minor: int
    refunded_minor: int
    currency: str
    disputed: bool
    payment_intent: str | None
    failure_code: str | None
    method: Method | None
    movement: Movement | None
    created_at: datetime


@dataclass(frozen=True)
class Payment:
    """A payment intent; `charge` is its latest attempt."""

    id: str
    status: str
    amount_minor: int
    received_minor: int
    currency: str
    checkout_id: str | None
    donation_id: str | None
    charge: Charge | None
    created_at: datetime


@dataclass(frozen=True)
class Dispute:
    """Money that the donor's bank asks back. `status` is the provider's: lost, won and others (see its API).

    `movements` are what it did to the account's balance so far: the money withdrawn, its fee beside it, and
    perhaps the money reinstated.
    """

    id: str
    status: str
    amount_minor: int
    currency: str
    payment_intent: str | None
    reason: str
    answer_by: datetime | None
    movements: tuple[Movement, ...]
    created_at: datetime


@dataclass(frozen=True)
class Refund:
    """Money given back; `status` is pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount_minor: int
    currency: str
    payment_intent: str | None
    charge: str | None
    refund_id: str | None
    failure_reason: str | None
    created_at: datetime
