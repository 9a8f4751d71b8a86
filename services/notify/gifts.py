"""Gifts: what follows for the donor when giving tells of one: email, CRM change, line of their story."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notify import addresses, changes, emails, guests, parties, timelines
from services.notify.settings import NotifySettings
from shared.clock import today
from shared.i18n import format_day, words
from shared.messages import (
    DebitAnnounced,
    DonationDisputed,
    DonationFailed,
    DonationRefunded,
    DonationRefundReturned,
    DonationSettled,
    DonorAttached,
)
from shared.money import format_money

REASONS = {
    "error": {"fr": "erreur", "en": "error"},
    "duplicate": {"fr": "don en double", "en": "given twice"},
    "fraud": {"fr": "paiement frauduleux", "en": "fraudulent payment"},
    "annulment": {"fr": "annulation", "en": "annulment"},
}
FAILURES_TOLD = frozenset({"declined", "error"})
"""An abandoned or cancelled page is the donor's own choice: nobody writes to them about it."""

WrittenOf = DonationSettled | DebitAnnounced | DonationFailed | DonationRefunded
AnyGift = WrittenOf | DonationRefundReturned | DonationDisputed


def settled(session: Session, message: DonationSettled, *, settings: NotifySettings, at: datetime) -> None:
    """The money is there: thank, tell the CRM, and write it in the donor's story."""
    _keep(session, message)
    party_id = _meet(session, message, at=message.settled_at)
    link = message.contact and message.contact.get("link")
    secrets = {"gift_url": link} if link else None
    _write(
        session,
        message,
        "gift_received",
        party_id=party_id,
        occurred_at=message.settled_at,
        at=at,
        settings=settings,
        secrets=secrets,
        facts={"receiptable": message.receiptable, **({} if secrets else {"gift_url": ""})},
    )
    _change(session, message, party_id, occurred_at=message.settled_at, at=at)
    _narrate(
        session,
        message,
        "gift_settled",
        at=message.settled_at,
        minor=message.amount_minor,
        words={"fr": "A donné {sum} pour «\u00a0{campaign}\u00a0»", "en": "Gave {sum} to “{campaign}”"},
    )


def announced(session: Session, message: DebitAnnounced, *, settings: NotifySettings, at: datetime) -> None:
    """A donor signed for a debit: tell them when it comes, as the scheme asks; nothing is given yet."""
    party_id = _meet(session, message, at=message.announced_at)
    link = message.contact and message.contact.get("link")
    secrets = {"gift_url": link} if link else None
    _write(
        session,
        message,
        "gift_debit",
        party_id=party_id,
        occurred_at=message.announced_at,
        at=at,
        settings=settings,
        secrets=secrets,
        facts={
            "mandate": message.mandate_reference,
            "creditor_id": message.creditor_id,
            "last4": message.last4 or "",
            **({} if secrets else {"gift_url": ""}),
        },
    )
    _narrate(
        session,
        message,
        "gift_debit",
        at=message.announced_at,
        minor=message.amount_minor,
        words={
            "fr": "A signé un mandat pour un don de {sum} («\u00a0{campaign}\u00a0»)",
            "en": "Signed a mandate for a gift of {sum} (“{campaign}”)",
        },
    )


def failed(session: Session, message: DonationFailed, *, settings: NotifySettings, at: datetime) -> None:
    """The payment did not come: say that nothing was taken, if it is news to the donor."""
    party_id = _meet(session, message, at=message.failed_at)
    if message.reason in FAILURES_TOLD:
        _write(
            session,
            message,
            "gift_failed",
            party_id=party_id,
            occurred_at=message.failed_at,
            at=at,
            settings=settings,
            facts={
                "declined": message.reason == "declined",
                "campaign_url": f"{settings.public_url}/campaigns/{message.campaign_slug}",
            },
        )
    _narrate(
        session,
        message,
        "gift_failed",
        at=message.failed_at,
        minor=message.amount_minor,
        words={
            "fr": "N’a pas pu donner {sum} pour «\u00a0{campaign}\u00a0» (paiement non abouti)",
            "en": "Could not give {sum} to “{campaign}” (payment not completed)",
        },
    )


def refunded(session: Session, message: DonationRefunded, *, settings: NotifySettings, at: datetime) -> None:
    """Money went back: the notice, the CRM and the story follow."""
    _keep(session, message)
    party_id = _meet(session, message, at=message.refunded_at)
    _write(
        session,
        message,
        "gift_refunded",
        party_id=party_id,
        occurred_at=message.refunded_at,
        at=at,
        settings=settings,
        facts={"partly": message.refund_minor < message.amount_minor},
    )
    _change(session, message, party_id, occurred_at=message.refunded_at, at=at)
    _narrate(
        session,
        message,
        "gift_refunded",
        at=message.refunded_at,
        minor=message.refund_minor,
        words={
            "fr": "A été remboursé·e de {sum} («\u00a0{campaign}\u00a0»)",
            "en": "Was refunded {sum} (“{campaign}”)",
        },
    )


def refund_returned(session: Session, message: DonationRefundReturned, *, at: datetime) -> None:
    """A refund came back to the school, which looks for another way: the CRM and the story follow."""
    _keep(session, message)
    party_id = parties.resolve(session, message.party_id)
    _change(session, message, party_id, occurred_at=message.returned_at, at=at)
    _narrate(
        session,
        message,
        "gift_refund_returned",
        at=message.returned_at,
        minor=message.refund_minor,
        words={
            "fr": "Le remboursement de {sum} est revenu («\u00a0{campaign}\u00a0»)",
            "en": "The refund of {sum} came back (“{campaign}”)",
        },
    )


DISPUTES = {
    "opened": {
        "fr": "A contesté {sum} auprès de sa banque («\u00a0{campaign}\u00a0»)",
        "en": "Disputed {sum} with their bank (“{campaign}”)",
    },
    "won": {
        "fr": "La banque a rejeté la contestation de {sum} («\u00a0{campaign}\u00a0»)",
        "en": "The bank rejected the dispute of {sum} (“{campaign}”)",
    },
    "lost": {
        "fr": "La banque a repris {sum} («\u00a0{campaign}\u00a0»)",
        "en": "The bank took {sum} back (“{campaign}”)",
    },
}


def disputed(session: Session, message: DonationDisputed, *, at: datetime) -> None:
    """The donor's bank takes the gift back, or gives it again: nobody is written to."""
    _keep(session, message)
    party_id = parties.resolve(session, message.party_id)
    _change(session, message, party_id, occurred_at=message.disputed_at, at=at)
    _narrate(
        session,
        message,
        "gift_disputed",
        at=message.disputed_at,
        minor=message.dispute_minor,
        words=DISPUTES[message.status],
    )


def attached(session: Session, message: DonorAttached, *, at: datetime) -> None:
    """A guest's gifts are a person's: both states change for the CRM, and the story says since when."""
    guests.attach(session, message.party_id, message.person_id, at=message.attached_at)
    for party_id in (message.party_id, parties.resolve(session, message.party_id)):
        _change(session, message, party_id, occurred_at=message.attached_at, at=at)
    timelines.add(
        session,
        message_id=message.message_id,
        party_id=message.person_id,
        kind="donor_attached",
        source="giving",
        at=message.attached_at,
        words={
            "fr": "Dons faits sans compte reconnus grâce à l’adresse vérifiée",
            "en": "Gifts made without an account recognised by the verified address",
        },
        correlation_id=message.correlation_id,
        ref=str(message.party_id),
    )


KEEP = text("""
insert into gifts (donation_id, party_id, campaign_id, campaign_title_fr, campaign_title_en, entity_name,
  amount_minor, currency, settled_at)
values (:donation_id, :party_id, :campaign_id, :fr, :en, :entity_name, :amount_minor, :currency, :settled_at)
on conflict (donation_id) do update set
  settled_at = coalesce(excluded.settled_at, gifts.settled_at)
""")
REFUNDED = text("""
update gifts set refunded_minor = :refunded_minor, refunds_told = :message_id,
  refunded_at = case when :refunded_minor > 0 then coalesce(cast(:at as timestamptz), refunded_at) end
where donation_id = :donation_id and (refunds_told is null or refunds_told < :message_id)
""")
DISPUTED = text("""
update gifts set disputed_minor = :disputed_minor, disputes_told = :message_id
where donation_id = :donation_id and (disputes_told is null or disputes_told < :message_id)
""")
"""In whichever order it is heard: ids of messages rise, and the latest that told a sum counts."""


def _keep(
    session: Session, message: DonationSettled | DonationRefunded | DonationRefundReturned | DonationDisputed
) -> None:
    """Take over what is told of a gift."""
    told = ("donation_id", "party_id", "campaign_id", "entity_name", "amount_minor", "currency")
    values = {name: getattr(message, name) for name in told} | {
        "fr": message.campaign_title["fr"],
        "en": message.campaign_title["en"],
        "settled_at": getattr(message, "settled_at", None),
    }
    session.execute(KEEP, values)
    if isinstance(message, DonationRefunded | DonationRefundReturned):
        names, at = ("donation_id", "message_id", "refunded_minor"), getattr(message, "refunded_at", None)
        session.execute(REFUNDED, {name: getattr(message, name) for name in names} | {"at": at})
    if isinstance(message, DonationDisputed):
        names = ("donation_id", "message_id", "disputed_minor")
        session.execute(DISPUTED, {name: getattr(message, name) for name in names})


def _meet(session: Session, message: WrittenOf, *, at: datetime) -> UUID:
    """Who gave, by the id they are known by today; a guest is kept as they spoke of themselves."""
    if message.contact is not None:
        guests.meet(session, message.contact, at=at)
    return parties.resolve(session, message.party_id)


def _write(
    session: Session,
    message: WrittenOf,
    template: str,
    *,
    party_id: UUID,
    occurred_at: datetime,
    facts: dict[str, Any],
    at: datetime,
    settings: NotifySettings,
    secrets: dict[str, str] | None = None,
) -> None:
    """`party_id` is who gave: the person, when giving says so or when the guest was attached since."""
    attached = party_id if party_id != message.party_id else None
    to = addresses.choose(session, contact=message.contact, person_id=message.person_id or attached)
    emails.queue(
        session,
        message=message,
        template=template,
        to=to,
        party_id=message.party_id,
        facts=_facts(message, to.locale, occurred_at) | facts,
        secrets=secrets,
        occurred_at=occurred_at,
        at=at,
        settings=settings,
    )


def _facts(message: WrittenOf, locale: str, occurred_at: datetime) -> dict[str, Any]:
    facts = {
        "amount": format_money(message.amount_minor, message.currency, locale),
        "campaign": words(message.campaign_title, locale),
        "entity": message.entity_name,
        "day": format_day(today(occurred_at), locale),
        "reference": str(message.donation_id),
    }
    if isinstance(message, DebitAnnounced):
        facts["debit_day"] = format_day(message.debit_on, locale)
    if isinstance(message, DonationRefunded):
        facts["refund"] = format_money(message.refund_minor, message.currency, locale)
        left = message.amount_minor - message.refunded_minor
        facts["left"] = format_money(left, message.currency, locale) if left > 0 else ""
        facts["reason"] = REASONS.get(str(message.reason), REASONS["error"])[locale]
    return facts


def _change(
    session: Session, message: AnyGift | DonorAttached, party_id: UUID, *, occurred_at: datetime, at: datetime
) -> None:
    changes.record(
        session,
        party_id=party_id,
        message_id=message.message_id,
        cause=message.type,
        occurred_at=occurred_at,
        at=at,
        correlation_id=message.correlation_id,
    )


def _narrate(
    session: Session, message: AnyGift, kind: str, *, at: datetime, minor: int, words: dict[str, str]
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
                sum=format_money(minor, message.currency, locale), campaign=message.campaign_title[locale]
            )
            for locale, text in words.items()
        },
        correlation_id=message.correlation_id,
        amount_minor=minor,
        currency=message.currency,
        ref=str(message.donation_id),
    )
