"""Tables of the directory and their rules."""

from services.directory.models.accounts import Account, Grant, RecoveryCode
from services.directory.models.base import Base, Transaction, database
from services.directory.models.consents import CHANNELS, OBJECTION_PURPOSES, PURPOSES, Consent, allowed
from services.directory.models.contacts import DroppedEmail, Email
from services.directory.models.imports import Import, ImportRow
from services.directory.models.people import LOCALES, Degree, ErasedPerson, Person, PersonRules
from services.directory.models.sessions import SignInLink, SignInRequest, SignInSession

__all__ = [
    "CHANNELS",
    "LOCALES",
    "OBJECTION_PURPOSES",
    "PURPOSES",
    "Account",
    "Base",
    "Consent",
    "Degree",
    "DroppedEmail",
    "Email",
    "ErasedPerson",
    "Grant",
    "Import",
    "ImportRow",
    "Person",
    "PersonRules",
    "RecoveryCode",
    "SignInLink",
    "SignInRequest",
    "SignInSession",
    "Transaction",
    "allowed",
    "database",
]
