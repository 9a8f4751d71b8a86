"""Messages to hear, as the other services say them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.db import uuid7
from shared.envelope import Envelope, joined
from shared.messages import (
    DebitAnnounced,
    DonationDisputed,
    DonationFailed,
    DonationRefunded,
    DonationRefundReturned,
    DonationSettled,
    Message,
    PersonCard,
    ReceiptIssued,
    ReceiptVoided,
    RegistrationCancelled,
    RegistrationConfirmed,
    RegistrationRescheduled,
    seal,
)
from shared.outbox import row

MESSAGE_KEY = "m" * 32
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def contact(**values: Any) -> dict[str, Any]:
    """A guest who typed an address."""
    return {
        "party_id": uuid7(),
        "person_id": None,
        "email": "claire@example.org",
        "given_name": "Claire",
        "family_name": "Dupont",
        "locale": "fr",
        "typed": True,
        "card_version": 0,
        **values,
    }


def heard(message: Message, *, message_id: UUID | None = None, at: datetime = NOW) -> Any:
    """A message as it arrives, with what its headers said."""
    message.message_id = message_id or uuid7()
    message.occurred_at = at
    origin = getattr(message, "donation_id", None) or getattr(message, "registration_id", None)
    message.correlation_id = origin or message.message_id
    return message


def delivered(message: Message, *, message_id: UUID) -> Envelope:
    """A message as Kafka brings it."""
    values = row(message, correlation_id=message.correlation_id)
    headers = json.loads(values["headers"] or "{}") | {"ce_id": str(message_id)}
    value = joined(values["payload"], values["contact"])
    return Envelope(message.topic, 0, 0, message.key_text, headers, value)


def _gift(who: dict[str, Any] | None, values: dict[str, Any]) -> dict[str, Any]:
    party = who or {"party_id": uuid7(), "person_id": None}
    return {
        "donation_id": uuid7(),
        "party_id": party["party_id"],
        "person_id": party["person_id"],
        "campaign_id": uuid7(),
        "campaign_slug": "bourses-2026",
        "campaign_title": {"fr": "Bourses 2026", "en": "Scholarships 2026"},
        "entity_name": "Fondation de Valmont",
        "receiptable": True,
        "amount_minor": 12_000,
        "currency": "EUR",
        "contact": who,
        **values,
    }


def settled(who: dict[str, Any] | None = None, *, at: datetime = NOW, **values: Any) -> DonationSettled:
    """A gift of 120 €, by a guest unless `who` is told."""
    who = {"link": seal("https://amicale.test/l/gift/0199.mac", MESSAGE_KEY), **(who or contact())}
    told = _gift(who, {"settled_at": at, "method": "card", **values})
    return heard(DonationSettled(**told), at=at)


def announced(who: dict[str, Any] | None = None, *, at: datetime = NOW, **values: Any) -> DebitAnnounced:
    """A debit that comes in some days."""
    who = {"link": seal("https://amicale.test/l/gift/0199.mac", MESSAGE_KEY), **(who or contact())}
    told = {
        "announced_at": at,
        "debit_on": (at + timedelta(days=2)).date(),
        "mandate_reference": "8F3A91C2D4E5F607",
        "creditor_id": "FR72ZZZ123456",
        "last4": "2606",
        **values,
    }
    return heard(DebitAnnounced(**_gift(who, told)), at=at)


def failed(who: dict[str, Any] | None = None, *, at: datetime = NOW, **values: Any) -> DonationFailed:
    """A gift that was declined."""
    told = _gift(who or contact(), {"failed_at": at, "reason": "declined", **values})
    return heard(DonationFailed(**told), at=at)


def refunded(
    gift: DonationSettled, *, at: datetime = NOW + timedelta(hours=1), **values: Any
) -> DonationRefunded:
    """The whole of a gift went back."""
    told = {
        "refund_id": uuid7(),
        "refund_minor": gift.amount_minor,
        "refunded_minor": gift.amount_minor,
        "refunded_at": at,
        "reason": "error",
        **{name: getattr(gift, name) for name in _gift(None, {})},
        **values,
    }
    return heard(DonationRefunded(**told), at=at)


def refund_returned(refund: DonationRefunded, *, at: datetime, refunded_minor: int) -> DonationRefundReturned:
    """A refund came back."""
    told = {name: getattr(refund, name) for name in (*_gift(None, {}), "refund_id", "refund_minor")}
    return heard(DonationRefundReturned(**told, refunded_minor=refunded_minor, returned_at=at), at=at)


def disputed(
    gift: DonationSettled, status: str = "opened", *, at: datetime = NOW + timedelta(hours=1), **values: Any
) -> DonationDisputed:
    """The donor's bank took the whole of a gift, or decided."""
    told = {
        "dispute_id": uuid7(),
        "status": status,
        "reason": "fraudulent",
        "dispute_minor": gift.amount_minor,
        "disputed_minor": 0 if status == "won" else gift.amount_minor,
        "disputed_at": at,
        **{name: getattr(gift, name) for name in _gift(None, {}) if name != "contact"},
        **values,
    }
    return heard(DonationDisputed(**told), at=at)


def receipt(
    who: dict[str, Any] | None = None, *, voided: bool = False, at: datetime = NOW, **values: Any
) -> Message:
    """A tax receipt was issued, or voided."""
    who = who or contact()
    told = {
        "receipt_id": uuid7(),
        "number": "FUV-2026-000042",
        "party_id": who["party_id"],
        "person_id": who["person_id"],
        "entity_name": "Fondation de Valmont",
        "article": "200",
        "amount_minor": 12_000,
        "currency": "EUR",
        "first_on": at.date(),
        "last_on": at.date(),
        "donation_ids": [uuid7()],
        "contact": who | {"link": seal("https://amicale.test/l/gift/1", MESSAGE_KEY)},
        **({"voided_at": at, "reason": "refund"} if voided else {"issued_at": at}),
        **values,
    }
    return heard((ReceiptVoided if voided else ReceiptIssued)(**told), at=at)


def _registration(who: dict[str, Any] | None, values: dict[str, Any]) -> dict[str, Any]:
    party = who or {"party_id": uuid7(), "person_id": None}
    return {
        "registration_id": uuid7(),
        "party_id": party["party_id"],
        "person_id": party["person_id"],
        "event_id": uuid7(),
        "event_slug": "diner-2027",
        "event_title": {"fr": "Dîner des anciens", "en": "Alumni dinner"},
        "starts_at": datetime(2027, 6, 12, 17, 30, tzinfo=UTC),
        "ends_at": datetime(2027, 6, 12, 21, 0, tzinfo=UTC),
        "time_zone": "Europe/Paris",
        "place": "Maison des anciens, Valmont",
        "revision": 0,
        "seats": 1,
        "contact": who,
        **values,
    }


def registrant(**values: Any) -> dict[str, Any]:
    """A guest who registered, with their page's sealed address."""
    link = seal("https://amicale.test/l/registration/0199.mac", MESSAGE_KEY)
    return contact(
        **{"link": link, "attendees": [{"given_name": "Claire", "family_name": "Dupont"}], **values}
    )


def registered(
    who: dict[str, Any] | None = None, *, at: datetime = NOW, **values: Any
) -> RegistrationConfirmed:
    """One seat at a dinner, by a guest unless `who` is told."""
    told = _registration(who or registrant(), {"confirmed_at": at, **values})
    return heard(RegistrationConfirmed(**told), at=at)


def same_seats(first: RegistrationConfirmed, **values: Any) -> dict[str, Any]:
    """What a later message about this registration says too."""
    return {name: getattr(first, name) for name in _registration(None, {})} | values


def moved(first: RegistrationConfirmed, *, at: datetime = NOW, **values: Any) -> RegistrationRescheduled:
    """The dinner is a week later."""
    later = {"revision": 1, "rescheduled_at": at}
    later |= {name: getattr(first, name) + timedelta(days=7) for name in ("starts_at", "ends_at")}
    return heard(RegistrationRescheduled(**same_seats(first, **later | values)), at=at)


def given_back(first: RegistrationConfirmed, *, at: datetime = NOW, **values: Any) -> RegistrationCancelled:
    """They cannot come."""
    told = {"cancelled_at": at, "reason": "withdrawn", **values}
    return heard(RegistrationCancelled(**same_seats(first, **told)), at=at)


def card(person_id: UUID, version: int, **values: Any) -> PersonCard:
    """A living person's card."""
    told = {
        "given_name": "Claire",
        "family_name": "Dupont",
        "email": "claire@alumni.example.org",
        "locale": "fr",
        "status": "living",
        "contactable": True,
        "degrees": [],
        **values,
    }
    return heard(PersonCard(person_id=person_id, version=version, **told))
