"""Paths: the steps of one chain of messages that notify knows of, with their times."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.notify.models import CIVICRM, Delivery, Email, Subscription
from shared.paths import Step
from shared.system import May

KINDS = {
    "gift_received": {"fr": "remerciement pour un don", "en": "thanks for a gift"},
    "gift_debit": {"fr": "prélèvement annoncé", "en": "debit announced"},
    "gift_failed": {"fr": "don qui n’a pas abouti", "en": "gift that did not go through"},
    "gift_refunded": {"fr": "don remboursé", "en": "refunded gift"},
    "receipt_issued": {"fr": "reçu fiscal", "en": "tax receipt"},
    "receipt_voided": {"fr": "reçu fiscal annulé", "en": "void tax receipt"},
    "registration_confirmed": {"fr": "inscription confirmée", "en": "registration confirmed"},
    "registration_rescheduled": {"fr": "changement de date ou de lieu", "en": "new time or place"},
    "registration_cancelled": {"fr": "inscription annulée", "en": "registration cancelled"},
    "sign_in_link": {"fr": "lien de connexion", "en": "link to sign in"},
}
STATES = {"stale": "warn", "unsure": "warn", "held": "warn", "failed": "bad", "suppressed": None}
WITHHELD = {
    "stale": {
        "fr": "Courriel non envoyé\u00a0: fait trop ancien",
        "en": "Email not sent: the fact is too old",
    },
    "unsure": {"fr": "Courriel en attente\u00a0: adresse incertaine", "en": "Email waiting: unsure address"},
    "held": {
        "fr": "Courriel retenu\u00a0: peut-être envoyé avant la restauration",
        "en": "Email held: perhaps sent before the restore",
    },
    "suppressed": {"fr": "Courriel non envoyé", "en": "Email not sent"},
    "failed": {"fr": "Courriel refusé", "en": "Email refused"},
}


def steps(session: Session, correlation_id: UUID, may: May) -> list[Step]:
    """What became of the emails of this chain, and of telling partners of it.

    A subject says who gave how much, or goes where: who may read neither emails nor what they are about sees
    what kind of email it was.
    """
    subjects = {right for right in ("mailings.read", "giving.read", "events.read") if may(right)}
    return [*_emails(session, correlation_id, subjects), *_deliveries(session, correlation_id)]


def _emails(session: Session, correlation_id: UUID, rights: set[str]) -> list[Step]:
    found = select(Email).where(Email.correlation_id == correlation_id).order_by(Email.id)
    return [
        step
        for email in session.execute(found).scalars()
        for step in _of_email(email, email.subject if rights & readers(email) else KINDS[email.template])
    ]


def readers(email: Email) -> set[str]:
    """The rights that each let somebody read its subject."""
    return {"mailings.read", "events.read" if email.template.startswith("registration_") else "giving.read"}


def _of_email(email: Email, detail: str | dict[str, str]) -> list[Step]:
    technical = {
        "email_id": str(email.id),
        "template": email.template,
        "message_id": email.header_id,
        "attempts": email.attempts,
        "answer_code": email.answer_code,
        "reason": email.reason,
    }
    waits = "warn" if email.status in ("queued", "sending") else None
    queued = _step(email.created_at, "email_queued", _QUEUED, detail, technical, state=waits)
    if email.status == "sent":
        return [queued, _step(email.sent_at, "email_sent", _SENT, detail, technical)]
    if email.status in WITHHELD:
        words, state = WITHHELD[email.status], STATES[email.status]
        kind = f"email_{email.status}"
        withheld_at = email.given_up_at or email.created_at  # most are withheld when they are written
        return [_step(withheld_at, kind, words, detail, technical, state=state)]
    return [queued]


def _deliveries(session: Session, correlation_id: UUID) -> list[Step]:
    by = aliased(Delivery)
    found = session.execute(
        select(Delivery, by, Subscription)
        .outerjoin(by, by.id == Delivery.covered_by)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .where(Delivery.correlation_id == correlation_id)
        .order_by(Delivery.position)
    )
    return [_of_delivery(delivery, carrier or delivery, to) for delivery, carrier, to in found]


def _of_delivery(delivery: Delivery, carrier: Delivery, to: Subscription) -> Step:
    technical = {
        "delivery_id": str(carrier.id),
        "position": delivery.position,
        "attempts": carrier.attempts,
        "answer_code": carrier.answer_code,
        "error": carrier.error,
        "covered": delivery.status == "covered",
    }
    host, words = urlsplit(to.url).netloc, _CRM if to.connector == CIVICRM else _PARTNER
    if carrier.delivered_at is not None:
        return _step(carrier.delivered_at, "crm_delivered", words["delivered"], host, technical)
    if carrier.status == "failed":
        return _step(carrier.given_up_at, "crm_failed", words["given_up"], host, technical, state="bad")
    return _step(delivery.created_at, "crm_queued", words["waiting"], host, technical, state="warn")


_QUEUED = {"fr": "Courriel prêt à partir", "en": "Email queued"}
_SENT = {"fr": "Courriel envoyé", "en": "Email sent"}
_PARTNER = {
    "delivered": {"fr": "Partenaire informé", "en": "Partner told"},
    "waiting": {"fr": "Partenaire pas encore informé", "en": "Partner not told yet"},
    "given_up": {"fr": "Partenaire non informé, essais abandonnés", "en": "Partner not told, given up"},
}
_CRM = {
    "delivered": {"fr": "CRM à jour", "en": "CRM up to date"},
    "waiting": {"fr": "CRM pas encore à jour", "en": "CRM not up to date yet"},
    "given_up": {"fr": "CRM non mis à jour, essais abandonnés", "en": "CRM not updated, given up"},
}


def _step(
    at: Any,
    kind: str,
    title: dict[str, str],
    detail: str | dict[str, str],
    technical: dict[str, Any],
    *,
    state: str | None = None,
) -> Step:
    known = {name: value for name, value in technical.items() if value is not None}
    return Step(at, kind, title, detail, known, state)
