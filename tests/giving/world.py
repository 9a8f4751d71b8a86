"""A small giving world for tests: an entity, a fund, a live campaign; and gifts brought to any state."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.giving import checkouts, consumers, donations, drafts, launches, provider_events, settlements
from services.giving.models import Checkout, Donation, Entity, Fund, Transaction
from services.giving.settings import current
from services.giving.told_events import Told
from shared.db import uuid7
from shared.messages import PersonCard, email_mark

NOW = datetime.now(UTC).replace(microsecond=0)
GUEST = {"given_name": "Claire", "family_name": "Lemoine", "email": "claire@example.org"}
WORDS = {"fr": "Des mots", "en": "Some words"}


def campaign(
    entity: str = "fondation", *, goal_minor: int = 1_000_000, can_issue_receipts: bool = True, **words: Any
) -> UUID:
    """A live campaign of a new fund of `entity`; its id."""
    with Transaction() as session:
        found = session.query(Entity).filter_by(slug=entity).one_or_none()
        body = found or Entity(
            id=uuid7(),
            slug=entity,
            name=entity.title(),
            can_issue_receipts=can_issue_receipts,
            created_at=NOW,
        )
        session.add(body)
        session.flush()
        fund = Fund(id=uuid7(), entity_id=body.id, name=f"Bourses {uuid4()}", created_at=NOW)
        session.add(fund)
        session.flush()
        values: dict[str, Any] = {
            "slug": f"bourses-{uuid4().hex[:8]}",
            **dict.fromkeys(("title", "summary", "story", "surplus_use"), WORDS),
            "goal_minor": goal_minor,
            "currency": "EUR",
            "starts_on": NOW.date() - timedelta(days=10),
            "ends_on": date(2199, 12, 31),
            "suggested_minor": [6000, 12000],
            "picture": "city",
            **words,
        }
        drafted = drafts.draft(session, by=None, at=NOW, fund_id=fund.id, **values)
        return launches.launch(session, drafted.id, by=None, at=NOW).id


@dataclass(frozen=True)
class Begun:
    """A donation with its open checkout."""

    id: UUID
    checkout_id: UUID
    amount_minor: int
    account: str = "fondation"

    @property
    def session_id(self) -> str:
        return f"cs_{self.checkout_id.hex}"

    @property
    def payment_id(self) -> str:
        return f"pi_{self.checkout_id.hex}"

    @property
    def paid(self) -> settlements.Paid:
        """What the provider would say of its payment."""
        return settlements.Paid(
            account=self.account,
            checkout_id=self.checkout_id,
            session_id=self.session_id,
            donation_id=str(self.id),
            payment_id=self.payment_id,
            amount_minor=self.amount_minor,
            currency="EUR",
            method="card",
            paid_at=NOW,
        )

    def event(
        self, type: str = "checkout.session.completed", *, event_id: str = "", **changed: Any
    ) -> dict[str, Any]:
        """An event of the provider about this gift."""
        marks = {"checkout_id": str(self.checkout_id), "donation_id": str(self.id)}
        session = {
            "id": self.session_id,
            "object": "checkout.session",
            "client_reference_id": str(self.id),
            "metadata": marks,
            "amount_total": self.amount_minor,
            "currency": "eur",
            "payment_status": "paid" if type.endswith("completed") else "unpaid",
            "payment_intent": self.payment_id,
            "payment_method_types": ["card"],
        }
        objects: dict[str, dict[str, Any]] = {
            "payment_intent.payment_failed": {
                "id": self.payment_id,
                "metadata": marks,
                "last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds"},
            },
            "refund.created": {
                "id": f"re_{self.checkout_id.hex}",
                "status": "succeeded",
                "amount": self.amount_minor,
                "currency": "eur",
                "payment_intent": self.payment_id,
                "metadata": {},
            },
        }
        return {
            "id": event_id or f"evt_{uuid4().hex}",
            "object": "event",
            "type": type,
            "created": int(NOW.timestamp()),
            "livemode": False,
            "data": {"object": objects.get(type, session) | changed},
        }

    def dispute(
        self, status: str = "needs_response", minor: int = 0, *, id: str = "", reason: str = "fraudulent"
    ) -> dict[str, Any]:
        """An event of the provider about a dispute of this gift, with the movements of money so far."""
        minor, id = minor or self.amount_minor, id or f"du_{self.checkout_id.hex}"
        moved = [(f"txn_out_{id}", -minor, 2000)] if not status.startswith("warning") else []
        moved += [(f"txn_in_{id}", minor, 0)] if status == "won" else []
        kind = {"needs_response": "created", "won": "closed", "lost": "closed", "warning_closed": "closed"}
        dispute = {
            "id": id, "object": "dispute", "status": status, "amount": minor, "currency": "eur",
            "payment_intent": self.payment_id, "reason": reason, "created": int(NOW.timestamp()),
            "evidence_details": {"due_by": int(NOW.timestamp()) + 9 * 86400},
            "balance_transactions": [
                {
                    "id": movement, "type": "adjustment", "amount": amount, "fee": fee, "net": amount - fee,
                    "currency": "eur", "source": id, "created": int(NOW.timestamp()) + number,
                    "available_on": int(NOW.timestamp()),
                }
                for number, (movement, amount, fee) in enumerate(moved)
            ],
        }  # fmt: skip
        return self.event(f"charge.dispute.{kind.get(status, 'updated')}") | {"data": {"object": dispute}}

    def part(self, minor: int, *, id: str = "", **changed: Any) -> dict[str, Any]:
        """An event of the provider: a part of this gift went back, asked for there."""
        return self.event(
            "refund.created", amount=minor, id=id or f"re_{minor}_{self.checkout_id.hex}", **changed
        )


def begin(
    campaign_id: UUID, amount_minor: int = 5000, *, by: UUID | None = None, at: datetime = NOW, **who: Any
) -> Begun:
    """A pending donation with its open checkout, as after the first transaction of the route."""
    wish = {"amount_minor": amount_minor, "currency": "EUR", "locale": "fr", **({} if by else GUEST), **who}
    with Transaction() as session:
        values = donations.prepared(session, by=by, at=at, campaign_id=campaign_id, **wish)
        kept = {name: value for name, value in wish.items() if name not in ("given_name", "family_name")}
        donation = Donation(campaign_id=campaign_id, **{**kept, **values})
        session.add(donation)
        session.flush()
        checkout = checkouts.open_for(session, donation, at=at)
        return Begun(donation.id, checkout.id, amount_minor, checkout.account)


def settled(campaign_id: UUID, amount_minor: int = 5000, *, at: datetime = NOW, **who: Any) -> Begun:
    """A donation brought to settled through the use case."""
    gift = begin(campaign_id, amount_minor, at=at, **who)
    with Transaction() as session:
        assert settlements.settle(session, gift.paid, at=at) == "applied"
    return gift


def tell(gift: Begun, *events: dict[str, Any], at: datetime = NOW) -> list[str]:
    """These events of the provider came; what became of each."""
    found = []
    for event in events:
        with Transaction() as session:
            told = Told(event, account=gift.account, at=at)
            found.append(provider_events.take(session, told, body=json.dumps(event)))
    return found


def state(gift: Begun) -> Donation:
    """The donation as it stands."""
    with Transaction() as session:
        return session.get_one(Donation, gift.id)


def checkout(gift: Begun) -> Checkout:
    with Transaction() as session:
        return session.get_one(Checkout, gift.checkout_id)


def signed(
    event: dict[str, Any] | str | bytes, secret: str, *, at: float | None = None
) -> tuple[bytes, dict[str, str]]:
    """Raw body and headers as the provider would send them."""
    raw = (
        event
        if isinstance(event, bytes)
        else (event if isinstance(event, str) else json.dumps(event)).encode()
    )
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    return raw, {"Stripe-Signature": f"t={stamp},v1={mac}", "Content-Type": "application/json"}


def card(person_id: UUID, version: int = 1, **values: Any) -> PersonCard:
    """A person as the directory tells them."""
    known = {
        "given_name": "Claire",
        "family_name": "Lemoine",
        "locale": "fr",
        "status": "living",
        "contactable": True,
    }
    return PersonCard(person_id=person_id, version=version, **{**known, **values})


def hear(*cards: PersonCard) -> None:
    """These cards came."""
    for each in cards:
        with Transaction() as session:
            consumers.person_card(session, each)


def mark(email: str = "claire@example.org") -> str:
    """An address as cards name those that are verified."""
    return email_mark(email, current().email_key)
