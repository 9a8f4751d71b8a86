"""The provider's objects read into our records."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.payments.records import (
    Charge,
    Checkout,
    Dispute,
    Mandate,
    Method,
    Movement,
    Page,
    Payment,
    Payout,
    Refund,
)

if TYPE_CHECKING:
    import stripe


def page(session: "stripe.checkout.Session") -> Page:
    if not session.url:
        raise ValueError("the provider opened a page without an address")
    return Page(id=session.id, url=session.url, expires_at=_time(session.expires_at))


def checkout(session: "stripe.checkout.Session") -> Checkout:
    return Checkout(
        id=session.id,
        status=session.status or "",
        payment_status=session.payment_status,
        amount_minor=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        payment_intent=_id(session.payment_intent),
        checkout_id=_mark(session.metadata, "checkout_id"),
        donation_id=session.client_reference_id,
        url=session.url,
        created_at=_time(session.created),
        expires_at=_time(session.expires_at),
    )


def movement(line: "stripe.BalanceTransaction") -> Movement:
    return Movement(
        id=line.id,
        kind=line.type,
        amount_minor=line.amount,
        fee_minor=line.fee,
        net_minor=line.net,
        currency=line.currency.upper(),
        source=_id(line.source),
        created_at=_time(line.created),
        available_at=_time(line.available_on),
    )


def payout(made: "stripe.Payout") -> Payout:
    return Payout(
        id=made.id,
        status=made.status,
        amount_minor=made.amount,
        currency=made.currency.upper(),
        failure_code=made.failure_code,
        created_at=_time(made.created),
        arrives_at=_time(made.arrival_date),
    )


def balance(told: "stripe.Balance") -> dict[str, int]:
    """What the provider holds in each currency, whether it would pay it out already or not."""
    held: dict[str, int] = {}
    parts: list[Any] = [*told.available, *told.pending]
    for part in parts:
        held[part.currency.upper()] = held.get(part.currency.upper(), 0) + part.amount
    return held


def charge(charge: "stripe.Charge") -> Charge:
    return Charge(
        id=charge.id,
        status=charge.status,
        amount_minor=charge.amount,
        refunded_minor=charge.amount_refunded,
        currency=charge.currency.upper(),
        disputed=charge.disputed,
        payment_intent=_id(charge.payment_intent),
        failure_code=charge.failure_code,
        method=method(charge.payment_method_details),
        movement=_movement(charge.balance_transaction),
        created_at=_time(charge.created),
    )


def method(details: Any) -> Method | None:
    """How it was paid, from an object of the library or from the JSON of a webhook."""
    if not details:
        return None
    found = details if isinstance(details, dict) else details.to_dict()
    of_kind = found.get(found["type"]) or {}
    return Method(
        kind=found["type"],
        brand=of_kind.get("brand"),
        last4=of_kind.get("last4"),
        country=of_kind.get("country"),
        mandate=_id(of_kind.get("mandate")),
    )


def mandate(signed: "stripe.Mandate") -> Mandate:
    details = signed.payment_method_details.to_dict()
    return Mandate(id=signed.id, reference=details["sepa_debit"]["reference"])


def payment(intent: "stripe.PaymentIntent") -> Payment:
    latest = intent.latest_charge
    return Payment(
        id=intent.id,
        status=intent.status,
        amount_minor=intent.amount,
        received_minor=intent.amount_received,
        currency=intent.currency.upper(),
        checkout_id=_mark(intent.metadata, "checkout_id"),
        donation_id=_mark(intent.metadata, "donation_id"),
        charge=None if latest is None or isinstance(latest, str) else charge(latest),
        created_at=_time(intent.created),
    )


def refund(made: "stripe.Refund") -> Refund:
    return Refund(
        id=made.id,
        status=made.status or "pending",
        amount_minor=made.amount,
        currency=made.currency.upper(),
        payment_intent=_id(made.payment_intent),
        charge=_id(made.charge),
        refund_id=_mark(made.metadata, "refund_id"),
        failure_reason=getattr(made, "failure_reason", None),
        created_at=_time(made.created),
    )


def dispute(told: dict[str, Any]) -> Dispute:
    """From the JSON of a webhook; KeyError, TypeError or ValueError of what is no dispute."""
    due = (told.get("evidence_details") or {}).get("due_by")
    return Dispute(
        id=str(told["id"]),
        status=str(told["status"]),
        amount_minor=int(told["amount"]),
        currency=str(told["currency"]).upper(),
        payment_intent=told.get("payment_intent"),
        reason=str(told.get("reason") or "general"),
        answer_by=_time(int(due)) if due else None,
        movements=tuple(_told_movement(each) for each in told.get("balance_transactions") or ()),
        created_at=_time(int(told["created"])),
    )


def _told_movement(line: dict[str, Any]) -> Movement:
    return Movement(
        id=str(line["id"]),
        kind=str(line["type"]),
        amount_minor=int(line["amount"]),
        fee_minor=int(line["fee"]),
        net_minor=int(line["net"]),
        currency=str(line["currency"]).upper(),
        source=line.get("source"),
        created_at=_time(int(line["created"])),
        available_at=_time(int(line["available_on"])),
    )


def _movement(line: "str | stripe.BalanceTransaction | None") -> Movement | None:
    return None if line is None or isinstance(line, str) else movement(line)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _id(reference: Any) -> str | None:
    return reference if reference is None or isinstance(reference, str) else str(reference.id)


def _mark(metadata: "stripe.StripeObject | None", name: str) -> str | None:
    return None if metadata is None else metadata.to_dict().get(name)
