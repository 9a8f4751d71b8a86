"""What notify hears. Each message acts once; email, CRM change and story commit together."""

from services.notify import accounts, gifts, receipts, recipients, registrations
from services.notify.settings import current
from shared.clock import now
from shared.inbox import hears
from shared.messages import (
    AccountOpened,
    DebitAnnounced,
    DonationDisputed,
    DonationFailed,
    DonationRefunded,
    DonationRefundReturned,
    DonationSettled,
    DonorAttached,
    PersonCard,
    ReceiptIssued,
    ReceiptVoided,
    RegistrantAttached,
    RegistrationCancelled,
    RegistrationConfirmed,
    RegistrationRescheduled,
    SignInLinkIssued,
)


@hears(PersonCard)
def person_card(session, message):
    recipients.keep(session, message, at=now())


@hears(SignInLinkIssued)
def sign_in_link_issued(session, message):
    accounts.link_issued(session, message, settings=current(), at=now())


@hears(AccountOpened)
def account_opened(session, message):
    accounts.opened(session, message, at=now())


@hears(DonationSettled)
def donation_settled(session, message):
    gifts.settled(session, message, settings=current(), at=now())


@hears(DebitAnnounced)
def debit_announced(session, message):
    gifts.announced(session, message, settings=current(), at=now())


@hears(DonationFailed)
def donation_failed(session, message):
    gifts.failed(session, message, settings=current(), at=now())


@hears(DonationRefunded)
def donation_refunded(session, message):
    gifts.refunded(session, message, settings=current(), at=now())


@hears(DonationRefundReturned)
def donation_refund_returned(session, message):
    gifts.refund_returned(session, message, at=now())


@hears(DonationDisputed)
def donation_disputed(session, message):
    gifts.disputed(session, message, at=now())


@hears(DonorAttached)
def donor_attached(session, message):
    gifts.attached(session, message, at=now())


@hears(ReceiptIssued)
def receipt_issued(session, message):
    receipts.issued(session, message, settings=current(), at=now())


@hears(ReceiptVoided)
def receipt_voided(session, message):
    receipts.voided(session, message, settings=current(), at=now())


@hears(RegistrationConfirmed)
def registration_confirmed(session, message):
    registrations.confirmed(session, message, settings=current(), at=now())


@hears(RegistrationRescheduled)
def registration_rescheduled(session, message):
    registrations.rescheduled(session, message, settings=current(), at=now())


@hears(RegistrationCancelled)
def registration_cancelled(session, message):
    registrations.cancelled(session, message, settings=current(), at=now())


@hears(RegistrantAttached)
def registrant_attached(session, message):
    registrations.attached(session, message, at=now())
