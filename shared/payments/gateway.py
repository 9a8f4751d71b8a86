"""What we ask of the payment provider.

Every call goes over the network: never make one inside a transaction. Our own ids are the provider's
idempotency keys, so a call may be repeated for 24 hours; after that, `find_checkout` and `find_refund`
say whether it was done. A call ends within 24 seconds, its one retry included.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from shared.errors import Refused, Unavailable
from shared.payments import reading
from shared.payments.accounts import Account
from shared.payments.records import Checkout, Mandate, Movement, Page, Payment, Payout, Refund

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError
    from stripe.params import PayoutListParams
    from stripe.params.checkout import SessionCreateParams

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 8.0
RETRIES = 1
PAGE_SIZE = 100
NAME_MAX = 250

REASONS = {"duplicate": "duplicate", "fraud": "fraudulent"}

log = structlog.get_logger()


class ProviderUnavailable(Unavailable):
    """The payment provider does not answer at the moment; no money moved twice, try again."""


class ProviderMisconfigured(ProviderUnavailable):
    """The payment provider refuses our key."""


class ProviderRefused(Refused):
    """The payment provider refuses this. `provider_code` is its own word for why."""


def open_checkout(
    account: Account,
    *,
    checkout_id: UUID,
    donation_id: UUID,
    campaign_id: UUID,
    amount_minor: int,
    currency: str,
    description: str,
    email: str,
    locale: str,
    success_url: str,
    cancel_url: str,
    debits: bool = False,
) -> Page:
    """Open a payment page; the same `checkout_id` and wish give the same page, however often it is asked.

    An empty `email` leaves it to the donor to type one there. `debits` offers a SEPA debit beside cards.
    """
    marks = {
        "checkout_id": str(checkout_id), "donation_id": str(donation_id), "campaign_id": str(campaign_id)
    }  # fmt: skip
    wish: SessionCreateParams = {
        "mode": "payment",
        "submit_type": "donate",
        "client_reference_id": str(donation_id),
        "locale": locale if locale in {"fr", "en"} else "auto",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": currency.lower(),
                    "unit_amount": amount_minor,
                    "product_data": {"name": description[:NAME_MAX]},
                },
            }
        ],
        "metadata": marks,
        "payment_intent_data": {"metadata": marks, "description": description},
        "allowed_payment_method_types": ["card", "sepa_debit"] if debits else ["card"],
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    if email:
        wish["customer_email"] = email
    with _asking("open checkout"):
        session = _client(account).v1.checkout.sessions.create(wish, {"idempotency_key": str(checkout_id)})
    return reading.page(session)


def fetch_checkout(account: Account, session_id: str) -> Checkout:
    with _asking("fetch checkout"):
        return reading.checkout(_client(account).v1.checkout.sessions.retrieve(session_id))


def find_checkout(
    account: Account, checkout_id: UUID, *, since: datetime, until: datetime
) -> Checkout | None:
    """The page opened for our `checkout_id` between the two times, when there is one."""
    with _asking("find checkout"):
        listed = _client(account).v1.checkout.sessions.list(
            {"created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())}, "limit": PAGE_SIZE}
        )
        found = map(reading.checkout, listed.auto_paging_iter())
        return next((each for each in found if each.checkout_id == str(checkout_id)), None)


def fetch_payment(account: Account, payment_intent: str) -> Payment:
    """The payment with its latest charge and that charge's movement, fee included, in one call."""
    with _asking("fetch payment"):
        return reading.payment(
            _client(account).v1.payment_intents.retrieve(
                payment_intent, {"expand": ["latest_charge.balance_transaction"]}
            )
        )


def fetch_mandate(account: Account, mandate: str) -> Mandate:
    """What was signed for a debit."""
    with _asking("fetch mandate"):
        return reading.mandate(_client(account).v1.mandates.retrieve(mandate))


def refund(
    account: Account, *, refund_id: UUID, payment_intent: str, amount_minor: int, reason: str
) -> Refund:
    """Give money back, once for a `refund_id`. `reason` is ours: error, duplicate, fraud, annulment."""
    with _asking("refund"):
        made = _client(account).v1.refunds.create(
            {
                "payment_intent": payment_intent,
                "amount": amount_minor,
                "reason": REASONS.get(reason, "requested_by_customer"),
                "metadata": {"refund_id": str(refund_id), "reason": reason},
            },
            {"idempotency_key": str(refund_id)},
        )
        return reading.refund(made)


def find_refund(account: Account, refund_id: UUID, *, payment_intent: str) -> Refund | None:
    """The refund made for our `refund_id`, when there is one."""
    with _asking("find refund"):
        listed = _client(account).v1.refunds.list({"payment_intent": payment_intent, "limit": PAGE_SIZE})
        found = map(reading.refund, listed.auto_paging_iter())
        return next((each for each in found if each.refund_id == str(refund_id)), None)


def events(account: Account, since: datetime) -> Iterator[dict[str, Any]]:
    """What happened since then, newest first, each as its webhook would have told it (30 days are kept)."""
    with _asking("list events"):
        listed = _client(account).v1.events.list(
            {"created": {"gte": int(since.timestamp())}, "limit": PAGE_SIZE}
        )
        for event in listed.auto_paging_iter():
            yield event.to_dict(for_json=True)


def balance_transactions(account: Account, since: datetime) -> Iterator[Movement]:
    """Every movement of the account's money since then, newest first."""
    with _asking("list balance transactions"):
        listed = _client(account).v1.balance_transactions.list(
            {"created": {"gte": int(since.timestamp())}, "limit": PAGE_SIZE}
        )
        yield from map(reading.movement, listed.auto_paging_iter())


def payouts(account: Account, since: datetime | None) -> Iterator[Payout]:
    """Every payout made since then, or ever, newest first, as it stands now."""
    with _asking("list payouts"):
        asked: PayoutListParams = {"limit": PAGE_SIZE}
        if since is not None:
            asked["created"] = {"gte": int(since.timestamp())}
        yield from map(reading.payout, _client(account).v1.payouts.list(asked).auto_paging_iter())


def payout_movements(account: Account, payout_id: str) -> Iterator[Movement]:
    """The movements that a payout is made of, and its own."""
    with _asking("list movements of a payout"):
        listed = _client(account).v1.balance_transactions.list({"payout": payout_id, "limit": PAGE_SIZE})
        yield from map(reading.movement, listed.auto_paging_iter())


def balance(account: Account) -> dict[str, int]:
    """What the provider holds for the account by currency, in minor units: available and pending together."""
    with _asking("fetch balance"):
        return reading.balance(_client(account).v1.balance.retrieve())


@lru_cache(maxsize=32)
def _client(account: Account) -> "StripeClient":
    """One client an account: it keeps its connections, one a thread."""
    import stripe

    stripe.enable_telemetry = False
    logging.getLogger("stripe").setLevel(logging.WARNING)
    return stripe.StripeClient(
        account.api_key,
        base_addresses={"api": account.api_base} if account.api_base else None,
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)),
    )


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn the provider's errors into ours, with what an operator needs and nothing of the donor."""
    import stripe

    try:
        yield
    except stripe.StripeError as error:
        raise _ours(what, error) from None


def _ours(what: str, error: "StripeError") -> ProviderUnavailable | ProviderRefused:
    import stripe

    facts = {
        "asked": what,
        "status": error.http_status,
        "provider_code": error.code,
        "request": error.request_id,
    }
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        log.error("payment provider refuses our key", **facts)
        return ProviderMisconfigured()
    refusals = (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError)
    if isinstance(error, refusals):
        log.error(
            "payment provider refuses",
            kind=type(error).__name__,
            param=getattr(error, "param", None),
            **facts,
        )
        return ProviderRefused(provider_code=error.code or _kind(error))
    log.warning("payment provider does not answer", kind=type(error).__name__, **facts)
    return ProviderUnavailable()


def _kind(error: "StripeError") -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
