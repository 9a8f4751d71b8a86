"""Paths: the steps of one gift that giving knows of, each with its time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.giving import disputes
from services.giving.models import (
    Checkout,
    Debit,
    Dispute,
    Donation,
    Finding,
    LedgerEntry,
    LedgerTransaction,
    ProviderEvent,
    Refund,
    Settlement,
)
from shared.i18n import format_day
from shared.paths import Step
from shared.system import May

OPEN_FACTS = frozenset(
    ("donation_id", "checkout_id", "refund_id", "event", "type", "source", "copies", "account")
)
CLOSED_DETAILS = frozenset(("payment_accepted", "payment_declined", "refund_failed", "disputed"))
"""Steps whose detail tells of the donor's means of payment."""


def steps(session: Session, correlation_id: UUID, may: May) -> list[Step]:
    """What happened to the gift of this id; nothing for an id that is no gift's.

    The card, the payment, its fee and sums are told to who may read gifts; the others see that it happened.
    """
    donation = session.get(Donation, correlation_id)
    if donation is None:
        return []
    found = _all(session, donation)
    return found if may("giving.read") else [_outline(step) for step in found]


def _outline(step: Step) -> Step:
    facts = {name: value for name, value in step.technical.items() if name in OPEN_FACTS}
    return replace(step, detail=None if step.kind in CLOSED_DETAILS else step.detail, technical=facts)


def _all(session: Session, donation: Donation) -> list[Step]:
    settlement = session.get(Settlement, donation.id)
    return [
        _begun(donation),
        *_checkouts(session, donation),
        *_debits(session, donation),
        *_events(session, donation, settlement),
        *_settled(session, donation, settlement),
        *_refunds(session, donation),
        *_disputes(session, donation),
        *_findings(session, donation),
    ]


def _begun(donation: Donation) -> Step:
    how = ("avec un compte", "signed in") if donation.signed_in else ("sans compte", "without an account")
    return _step(
        donation.created_at,
        "form_filled",
        ("Formulaire rempli", "Form filled in"),
        how,
        donation_id=donation.id,
    )


def _checkouts(session: Session, donation: Donation) -> Iterator[Step]:
    visits = select(Checkout).where(Checkout.donation_id == donation.id).order_by(Checkout.created_at)
    for each in session.execute(visits).scalars():
        facts = {"checkout_id": each.id, "session": each.session_id, "account": each.account}
        if each.declined_at:
            titles = ("Paiement refusé par la banque", "Payment refused by the bank")
            why = DECLINES.get(each.decline_code or "", DECLINE_UNSAID)
            declined_at = max(each.declined_at, each.created_at)  # the provider tells whole seconds
            yield _step(declined_at, "payment_declined", titles, why, state="warn",
                        decline_code=each.decline_code, **facts)  # fmt: skip
        if each.processing_at:
            titles = ("Mandat signé, prélèvement en cours", "Mandate signed, debit on its way")
            yield _step(each.processing_at, "debit_promised", titles, None, **facts)
        if each.outcome in {"expired", "failed"} and each.closed_at:
            titles = ("Page de paiement fermée sans paiement", "Payment page closed without a payment")
            yield _step(each.closed_at, "checkout_closed", titles, None, state="warn", **facts)


def _debits(session: Session, donation: Donation) -> Iterator[Step]:
    told = select(Debit).where(Debit.donation_id == donation.id, Debit.announced_at.is_not(None))
    for each in session.execute(told.order_by(Debit.announced_at)).scalars():
        assert each.announced_at is not None and each.debit_on is not None
        titles = ("Prélèvement annoncé au donateur", "Debit announced to the donor")
        day = tuple(format_day(each.debit_on, locale) for locale in ("fr", "en"))
        detail = (f"à partir du {day[0]}", f"from {day[1]} on")
        yield _step(each.announced_at, "debit_announced", titles, detail, mandate=each.mandate_reference)


def _settled(session: Session, donation: Donation, settlement: Settlement | None) -> Iterator[Step]:
    if settlement is None:
        return
    facts = {"payment": settlement.payment_id, "account": settlement.account}
    titles = ("Paiement accepté", "Payment accepted")
    accepted_at = max(settlement.paid_at, donation.created_at)  # the provider tells whole seconds
    yield _step(accepted_at, "payment_accepted", titles, _means(settlement), **facts)
    count = _entries(session, donation.id)
    told = (f"{count} écritures équilibrées", f"{count} balanced entries")
    titles = ("Don encaissé et comptabilisé", "Gift settled and booked")
    yield _step(settlement.settled_at, "settled", titles, told)
    if settlement.detailed_at:
        titles = ("Frais du prestataire connus", "Provider’s fee known")
        yield _step(settlement.detailed_at, "fee_known", titles, None, fee_minor=settlement.fee_minor,
                    movement=settlement.movement_id)  # fmt: skip


def _means(settlement: Settlement) -> str | None:
    if settlement.method_last4 is None:
        return settlement.method_kind
    return f"{(settlement.method_brand or settlement.method_kind or '').title()} •• {settlement.method_last4}"


def _entries(session: Session, donation_id: UUID) -> int:
    """Those of the gift itself; its fee and its refunds are entries of their own."""
    lines = select(func.count()).select_from(LedgerEntry).join(
        LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id
    )  # fmt: skip
    its_own = lines.where(LedgerTransaction.donation_id == donation_id, LedgerTransaction.kind == "gift")
    return int(session.execute(its_own).scalar_one())


def _refunds(session: Session, donation: Donation) -> Iterator[Step]:
    asked = select(Refund).where(Refund.donation_id == donation.id).order_by(Refund.requested_at)
    for each in session.execute(asked).scalars():
        facts = {"refund_id": each.id, "provider_refund": each.provider_refund_id, "reason": each.reason}
        if each.requested_by:
            titles = ("Remboursement demandé par l’équipe", "Refund asked by staff")
            yield _step(each.requested_at, "refund_requested", titles, None, **facts)
        if each.approved_at:
            titles = ("Remboursement approuvé par une autre personne", "Refund approved by another person")
            yield _step(each.approved_at, "refund_approved", titles, None, **facts)
        if each.completed_at:
            whole = each.amount_minor == donation.amount_minor
            titles = REFUNDED if whole else REFUNDED_IN_PART
            titles = REFUNDED_AGAIN if each.surplus_id else titles
            yield _step(each.completed_at, "refunded", titles, None, **facts)
        if each.returned_at:
            titles = ("Remboursement revenu, écritures rétablies", "Refund came back, entries restored")
            yield _step(each.returned_at, "refund_returned", titles, None, state="bad", **facts)
        if each.failed_at:
            titles = ("Remboursement refusé", "Refund refused")
            yield _step(each.failed_at, "refund_failed", titles, each.failure, state="bad", **facts)


def _disputes(session: Session, donation: Donation) -> Iterator[Step]:
    for each in disputes.of_donation(session, donation.id):
        facts = {"dispute": each.provider_dispute_id, "account": each.account}
        titles = ("Paiement contesté par la banque du donateur", "Payment disputed by the donor’s bank")
        yield _step(each.opened_at, "disputed", titles, each.reason, state="bad", **facts)
        if each.won_at:
            titles = ("Contestation gagnée", "Dispute won")
            yield _step(each.won_at, "dispute_won", titles, None, **facts)
        if each.lost_at:
            titles = ("Contestation perdue", "Dispute lost")
            yield _step(each.lost_at, "dispute_lost", titles, None, state="bad", **facts)


def _findings(session: Session, donation: Donation) -> Iterator[Step]:
    found = select(Finding).where(Finding.donation_id == donation.id).order_by(Finding.found_at)
    titles = ("Écart avec le prestataire", "Difference with the provider")
    for each in session.execute(found).scalars():
        yield _step(
            each.found_at, "finding", titles, each.kind, state="bad", reference=each.reference, **each.detail
        )


DECLINES = {
    "insufficient_funds": ("provision insuffisante", "insufficient funds"),
    "expired_card": ("carte expirée", "expired card"),
    "incorrect_cvc": ("cryptogramme erroné", "wrong security code"),
    "card_velocity_exceeded": ("plafond de la carte atteint", "card limit reached"),
    "lost_card": ("carte déclarée perdue", "card reported lost"),
    "stolen_card": ("carte déclarée volée", "card reported stolen"),
    "authentication_required": ("authentification non terminée", "authentication not completed"),
}
"""The provider's commonest words for why; the others mean little even to the bank's customer."""
DECLINE_UNSAID = ("la banque n’a pas dit pourquoi", "the bank did not say why")
REFUNDED = ("Don remboursé, écritures inversées", "Gift refunded, entries reversed")
REFUNDED_IN_PART = ("Don remboursé en partie, écritures inversées", "Gift refunded in part, entries reversed")
REFUNDED_AGAIN = ("Deuxième paiement rendu, don conservé", "Second payment given back, gift kept")
CONFIRMED = ("Confirmation de la banque vérifiée", "Bank’s confirmation verified")
REFUSED = ("Refus de la banque vérifié", "Bank’s refusal verified")
REFUND = ("Message de remboursement vérifié", "Refund message verified")
MESSAGE = ("Message du prestataire", "Provider’s message")
VERIFIED = {
    "checkout.session.completed": CONFIRMED,
    "checkout.session.async_payment_succeeded": CONFIRMED,
    "checkout.session.async_payment_failed": REFUSED,
    "checkout.session.expired": ("Fin de la page de paiement vérifiée", "End of the payment page verified"),
    "payment_intent.payment_failed": REFUSED,
    "refund.created": REFUND,
    "refund.updated": REFUND,
    **dict.fromkeys(
        (
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ),
        ("Message de contestation vérifié", "Dispute message verified"),
    ),
    "refund.failed": ("Échec du remboursement vérifié", "Failure of the refund verified"),
}
"""What an applied message of the provider says, by its type."""
OUTCOMES = {
    "ignored": ("rien à changer", "nothing to change"),
    "parked": ("mise de côté jusqu’à ce que sa place soit connue", "kept until its place is known"),
    "mismatch": ("ne correspond pas au don, rien d’écrit", "does not match the gift, nothing written"),
}


def _events(session: Session, donation: Donation, settlement: Settlement | None) -> Iterator[Step]:
    """What the provider told us of this gift (by ix_provider_events_object_id)."""
    sessions = select(Checkout.session_id).where(Checkout.donation_id == donation.id)
    refunds = select(Refund.provider_refund_id).where(Refund.donation_id == donation.id)
    disputed = select(Dispute.provider_dispute_id).where(Dispute.donation_id == donation.id)
    about = [
        *session.execute(sessions.union_all(refunds, disputed)).scalars(),
        settlement.payment_id if settlement else None,
    ]
    told = select(ProviderEvent).where(ProviderEvent.object_id.in_([each for each in about if each]))
    for each in session.execute(told.order_by(ProviderEvent.received_at)).scalars():
        times = (f"reçue {each.copies} fois, appliquée 1 fois", f"received {each.copies} times, applied once")
        applied = times if each.copies > 1 else None
        detail = applied if each.outcome == "applied" else OUTCOMES.get(each.outcome, each.outcome)
        titles = VERIFIED.get(each.type, MESSAGE) if each.outcome == "applied" else MESSAGE
        facts = {"event": each.event_id, "type": each.type, "source": each.source, "copies": each.copies}
        state = "bad" if each.outcome == "mismatch" else "warn" if each.outcome == "parked" else None
        yield _step(each.received_at, "provider_event", titles, detail, state=state, **facts)


def _step(
    at: datetime,
    kind: str,
    title: tuple[str, str],
    detail: str | tuple[str, str] | None,
    *,
    state: str | None = None,
    **technical: Any,
) -> Step:
    facts = {
        name: value if isinstance(value, int) else str(value)
        for name, value in technical.items()
        if value is not None
    }
    shown = {"fr": detail[0], "en": detail[1]} if isinstance(detail, tuple) else detail
    return Step(at, kind, {"fr": title[0], "en": title[1]}, shown, facts, state)
