"""Tax receipts: what follows when giving issues or voids one: a letter, a line of the donor's story."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.notify import addresses, emails, guests, parties, timelines
from services.notify.settings import NotifySettings
from shared.i18n import format_day
from shared.messages import ReceiptIssued, ReceiptVoided
from shared.money import format_money

REASONS = {
    "refund": {
        "fr": "le don a été remboursé, en tout ou partie",
        "en": "the gift was refunded, in whole or part",
    },
    "dispute": {"fr": "le paiement est contesté", "en": "the payment is disputed"},
    "counterpart": {
        "fr": "une contrepartie dépasse ce que la loi permet",
        "en": "a counterpart over the law’s limit",
    },
    "error": {"fr": "erreur sur le reçu", "en": "an error on the receipt"},
}

AnyReceipt = ReceiptIssued | ReceiptVoided


def issued(session: Session, message: ReceiptIssued, *, settings: NotifySettings, at: datetime) -> None:
    """A receipt is there: lead the donor to it."""
    facts = {"replaces": message.replaces or ""}
    _write(session, message, "receipt_issued", facts, occurred_at=message.issued_at, at=at, settings=settings)
    _narrate(
        session,
        message,
        "receipt_issued",
        at=message.issued_at,
        words={"fr": "Reçu fiscal {number} de {sum}", "en": "Tax receipt {number} of {sum}"},
    )


def voided(session: Session, message: ReceiptVoided, *, settings: NotifySettings, at: datetime) -> None:
    """A receipt counts no more: say so in writing, and which one stands for it."""
    facts: dict[str, Any] = {"replaced_by": message.replaced_by or ""}
    _write(session, message, "receipt_voided", facts, occurred_at=message.voided_at, at=at, settings=settings)
    _narrate(
        session,
        message,
        "receipt_voided",
        at=message.voided_at,
        words={"fr": "Reçu fiscal {number} annulé ({sum})", "en": "Tax receipt {number} voided ({sum})"},
    )


def _write(
    session: Session,
    message: AnyReceipt,
    template: str,
    facts: dict[str, Any],
    *,
    occurred_at: datetime,
    at: datetime,
    settings: NotifySettings,
) -> None:
    if message.contact is not None:
        guests.meet(session, message.contact, at=occurred_at)
    party_id = parties.resolve(session, message.party_id)
    attached = party_id if party_id != message.party_id else None
    to = addresses.choose(session, contact=message.contact, person_id=message.person_id or attached)
    link = message.contact and message.contact.get("link")
    secrets = {"gift_url": link} if link else None
    emails.queue(
        session,
        message=message,
        template=template,
        to=to,
        party_id=message.party_id,
        facts=_facts(message, to.locale) | facts | ({} if secrets else {"gift_url": ""}),
        secrets=secrets,
        occurred_at=occurred_at,
        at=at,
        settings=settings,
    )


def _facts(message: AnyReceipt, locale: str) -> dict[str, Any]:
    first, last = format_day(message.first_on, locale), format_day(message.last_on, locale)
    between = f"du {first} au {last}" if locale == "fr" else f"from {first} to {last}"
    facts = {
        "number": message.number,
        "amount": format_money(message.amount_minor, message.currency, locale),
        "entity": message.entity_name,
        "period": first if message.first_on == message.last_on else between,
        "reference": message.number,
    }
    if isinstance(message, ReceiptVoided):
        facts["reason"] = REASONS.get(str(message.reason), REASONS["error"])[locale]
    return facts


def _narrate(
    session: Session, message: AnyReceipt, kind: str, *, at: datetime, words: dict[str, str]
) -> None:
    timelines.add(
        session,
        message_id=message.message_id,
        party_id=message.party_id,
        kind=kind,
        source="giving",
        at=at,
        words={
            locale: text.format(
                number=message.number, sum=format_money(message.amount_minor, message.currency, locale)
            )
            for locale, text in words.items()
        },
        correlation_id=message.correlation_id,
        amount_minor=message.amount_minor,
        currency=message.currency,
        ref=str(message.receipt_id),
    )
