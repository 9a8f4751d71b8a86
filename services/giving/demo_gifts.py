"""The demo's gifts: begun by us, paid at the sandbox, then told to us by its events as its webhooks would."""

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.giving import checkouts, donations, provider_events, receipt_cases, refunds, settlements
from services.giving.demo_plan import Planned
from services.giving.models import Checkout, Donation, Refund, Transaction
from services.giving.settings import current
from services.giving.told_events import Told
from shared.clock import now
from shared.db import is_ill, uuid7
from shared.payments.accounts import Account
from shared.payments.records import Charge, Method, Movement, Payment

REFUNDED_EVERY, DECLINED_EVERY, PART_EVERY = 97, 61, 3
Made = TypeVar("Made")


def give(batch: list[Planned], *, staff: UUID) -> int:
    """Make a batch of gifts: begun by us, paid at the provider, then told to us by its events."""
    begun = committed(lambda session: _begin_all(session, batch))
    for account in {checkout.account for _, _, checkout in begun}:
        _pay(account, [each for each in begun if each[2].account == account], staff)
    return len(batch)


def committed(work: Callable[[Session], Made]) -> Made:
    """What `work` makes, committed; again when the worker, keeping cards meanwhile, held what it needed."""
    for patience_s in (0.2, 0.5, 1, 2, 5):
        try:
            with Transaction() as session:
                return work(session)
        except DBAPIError as error:
            if not is_ill(error):
                raise
            time.sleep(patience_s)
    with Transaction() as session:
        return work(session)


def _begin_all(session: Session, batch: list[Planned]) -> list["Begun"]:
    """The gifts of a batch, those among them that were begun before the demo was broken off as they are."""
    asked = select(Donation, Checkout).join(Checkout, Checkout.donation_id == Donation.id)
    there = asked.where(Donation.caller == "demo", Donation.idempotency_key.in_([each.key for each in batch]))
    before = {donation.idempotency_key: (donation, opened) for donation, opened in session.execute(there)}
    return [(gift, *(before.get(gift.key) or _begin(session, gift))) for gift in batch]


def _begin(session: Session, gift: Planned) -> tuple[Donation, Checkout]:
    asked = {
        "campaign_id": gift.campaign.id,
        "amount_minor": gift.amount_minor,
        "currency": "EUR",
        **gift.wish,
    }
    by = gift.person.id if gift.person else None
    values = donations.prepared(session, by=by, at=gift.at, **asked) | {"id": uuid7(gift.at)}
    written = {name: value for name, value in asked.items() if name not in {"given_name", "family_name"}}
    donation = Donation(
        caller="demo", route="demo", idempotency_key=gift.key, wish_hash=b"", **{**written, **values}
    )
    session.add(donation)
    session.flush()
    return donation, checkouts.open_for(session, donation, at=gift.at)


Begun = tuple[Planned, Donation, Checkout]


def _pay(account_name: str, begun: list[Begun], staff: UUID) -> None:
    """Those that were declined end there; the others are paid, and a few given back."""
    account = use_of(account_name)
    refused = [each for number, each in enumerate(begun) if number % DECLINED_EVERY == DECLINED_EVERY - 1]
    paid = [each for each in begun if each not in refused]
    committed(lambda session: _decline(session, refused))
    answers = tell_past(account, "payments", [_payment_wish(*each) for each in paid])
    pairs = list(zip(paid, answers, strict=True))
    committed(lambda session: _settle(session, account_name, pairs))
    _refund(account, [each for each in paid if each[0].dice.randrange(REFUNDED_EVERY) == 0], staff)


def _decline(session: Session, refused: list[Begun]) -> None:
    for gift, _, checkout in refused:
        checkouts.decline(session, checkout.id, code="insufficient_funds", at=gift.at)
        checkouts.end(session, checkout.id, "expired", at=min(gift.at + timedelta(hours=24), now()))


def use_of(account_name: str) -> Account:
    """The provider account, which must be a sandbox's: the past cannot be told to a real provider."""
    account = current().account(account_name)
    if account.api_base is None:
        raise SystemExit("The demo's gifts are made with the payment sandbox only.")
    return account


def tell_past(account: Account, what: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell the sandbox of the past; its answers, in the same order."""
    if not items:
        return []
    url = f"{account.api_base}/sandbox/history/{account.account}/{what}"
    answer = httpx.post(url, json={"items": items}, timeout=60)
    answer.raise_for_status()
    return list(answer.json()["items"])


def _payment_wish(gift: Planned, donation: Donation, checkout: Checkout) -> dict[str, Any]:
    marks = {"checkout_id": str(checkout.id), "donation_id": str(donation.id)}
    title = gift.campaign.title[donation.locale]
    price = {"currency": "eur", "unit_amount": donation.amount_minor, "product_data": {"name": title}}
    return {
        "at": gift.at.timestamp() + 40,
        "card": gift.card,
        "wish": {
            "mode": "payment",
            "client_reference_id": str(donation.id),
            "line_items": [{"quantity": 1, "price_data": price}],
            "metadata": marks,
            "payment_intent_data": {"metadata": marks, "description": title},
            "success_url": "https://valmont.example/",
        },
    }


def _settle(session: Session, account: str, paid: list[tuple[Begun, dict[str, Any]]]) -> None:
    """What the provider told, taken as its webhook would be; then the fee, and the donor's choice."""
    for (gift, donation, _), answer in paid:
        at = gift.at + timedelta(seconds=41)
        _take(session, account, [(event, at) for event in answer["events"]])
        settlements.detail(session, donation.id, _payment(answer), at=at + timedelta(seconds=2))
        entity_id = gift.campaign.entity_id
        receipt_cases.look(session, donation.id, entity_id=entity_id, at=at + timedelta(seconds=5))
        if gift.dice.random() < 0.45:
            kept = session.get_one(Donation, donation.id)
            shows_amount = gift.dice.random() < 0.25
            kept.choose_wall(shows_name=True, shows_amount=shows_amount, at=at + timedelta(seconds=30))


def _take(session: Session, account: str, told: Iterable[tuple[dict[str, Any], datetime]]) -> None:
    for event, at in told:
        provider_events.take(session, Told(event, account=account, at=at), body=json.dumps(event))


def _payment(answer: dict[str, Any]) -> Payment:
    charge, moved = answer["charge"], answer["movement"]
    card = charge["payment_method_details"]["card"]
    at = datetime.fromtimestamp(charge["created"], UTC)
    movement = Movement(
        moved["id"], "charge", moved["amount"], moved["fee"], moved["net"], "EUR", charge["id"], at, at
    )
    method = Method("card", card["brand"], card["last4"])
    made = Charge(
        charge["id"],
        "succeeded",
        charge["amount"],
        0,
        "EUR",
        False,
        charge["payment_intent"],
        None,
        method,
        movement,
        at,
    )
    return Payment(
        charge["payment_intent"], "succeeded", charge["amount"], charge["amount"], "EUR", None, None, made, at
    )


def _refund(account: Account, given: list[Begun], staff: UUID) -> None:
    """Staff gave a few back the day after."""
    asked = committed(
        lambda session: [
            _ask_refund(session, *each[:2], staff, is_part=number % PART_EVERY == 0)
            for number, each in enumerate(given, start=1)
        ]
    )
    answers = tell_past(account, "refunds", [_refund_wish(*each) for each in asked])
    told = [
        (event, at + timedelta(seconds=1))
        for (_, _, at), answer in zip(asked, answers, strict=True)
        for event in answer["events"]
    ]
    committed(lambda session: _take(session, account.account, told))


def _ask_refund(
    session: Session, gift: Planned, donation: Donation, staff: UUID, *, is_part: bool
) -> tuple[Refund, str, datetime]:
    at = min(gift.at + timedelta(hours=20), now())
    asked = donation.amount_minor // 2 if is_part else None
    values = refunds.prepared(session, donation.id, by=staff, at=at, amount_minor=asked)
    values |= {"needs_approval": False, "reason": "error" if is_part else "duplicate"}
    refund = Refund(
        id=uuid7(at), **values,
        note="Le double de la somme voulue." if is_part else "Deux dons le même jour.",
        caller="demo", route="demo", idempotency_key=gift.key, wish_hash=b"",
    )  # fmt: skip
    session.add(refund)
    session.flush()
    refunds.note(session, refund, at=at)
    return refund, session.get_one(settlements.Settlement, donation.id).payment_id, at


def _refund_wish(refund: Refund, payment_id: str, at: datetime) -> dict[str, Any]:
    return {
        "at": at.timestamp(),
        "wish": {
            "payment_intent": payment_id,
            "amount": refund.amount_minor,
            "reason": "duplicate",
            "metadata": {"refund_id": str(refund.id)},
        },
    }
