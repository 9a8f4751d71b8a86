"""The contract between services: one file per speaker, one class per message.

Change is additive only and pinned by tests/contracts; a breaking change is a new type.
"""

from shared.messages.base import Message, MessageMalformed, by_type, parse
from shared.messages.contact import Contact, email_mark
from shared.messages.directory import AccountOpened, ImportCompleted, SignInLinkIssued
from shared.messages.events import (
    EventCancelled,
    EventPublished,
    EventRescheduled,
    RegistrantAttached,
    RegistrationCancelled,
    RegistrationConfirmed,
    RegistrationRescheduled,
)
from shared.messages.giving import (
    CampaignGoalReached,
    CampaignLaunched,
    DebitAnnounced,
    DonationDisputed,
    DonationFailed,
    DonationRefunded,
    DonationRefundReturned,
    DonationSettled,
    DonorAttached,
    ReceiptIssued,
    ReceiptVoided,
)
from shared.messages.notify import CrmConflictFound
from shared.messages.people import PersonCard
from shared.messages.secret import MASK, Secret, SecretUnreadable, reveal, seal

__all__ = [
    "MASK",
    "AccountOpened",
    "CampaignGoalReached",
    "CampaignLaunched",
    "Contact",
    "CrmConflictFound",
    "DebitAnnounced",
    "DonationDisputed",
    "DonationFailed",
    "DonationRefundReturned",
    "DonationRefunded",
    "DonationSettled",
    "DonorAttached",
    "EventCancelled",
    "EventPublished",
    "EventRescheduled",
    "ImportCompleted",
    "Message",
    "MessageMalformed",
    "PersonCard",
    "ReceiptIssued",
    "ReceiptVoided",
    "RegistrantAttached",
    "RegistrationCancelled",
    "RegistrationConfirmed",
    "RegistrationRescheduled",
    "Secret",
    "SecretUnreadable",
    "SignInLinkIssued",
    "by_type",
    "email_mark",
    "parse",
    "reveal",
    "seal",
]
