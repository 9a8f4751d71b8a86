"""The first officer of an installation, who grants all others their rights.

    python -m services.directory.first_officer claire.dupont@univ.example Claire Dupont

prints the password and the authenticator's secret, which are kept nowhere in clear: whoever runs it hands
both to that person, who changes the password at once. Once somebody has rights, they are granted in the
console, and this does nothing any more.
"""

import secrets
import sys
from dataclasses import dataclass
from datetime import datetime

import pyotp
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.directory import accounts, authenticators, people
from services.directory.models import Grant, Transaction, database
from services.directory.settings import current, load
from shared.clock import now
from shared.errors import Conflict, DomainError, Refused
from shared.names import is_name
from shared.rights import RIGHTS

USAGE = "python -m services.directory.first_officer EMAIL GIVEN_NAME FAMILY_NAME"


class OfficerThere(Conflict):
    """Somebody has rights already: an officer grants them in the console, on the person's page."""


class NotAnOfficer(Refused):
    """An address that exists, a given name and a family name are needed."""


@dataclass(frozen=True)
class Officer:
    """What the new officer is told once."""

    password: str
    otpauth: str
    recovery_codes: list[str]


def appoint(session: Session, *, email: str, given_name: str, family_name: str, at: datetime) -> Officer:
    """A person with an account that holds every right; OfficerThere when there is one who has any."""
    session.execute(text("select pg_advisory_xact_lock(hashtext('amicale.first_officer'))"))
    if session.scalar(select(Grant.right).limit(1)) is not None:
        raise OfficerThere
    email = _checked(email, given_name, family_name)
    password = secrets.token_urlsafe(15)
    person = people.add(
        session, given_name=given_name, family_name=family_name, locale="fr", by=None, at=at, emails=()
    )
    account = accounts.open_account(session, person, email=email, at=at, password=password)
    accounts.grant(session, account.id, rights=sorted(RIGHTS), by=None, at=at)
    secret = authenticators.start(session, account.id, at=at)
    account.totp_confirmed_at = at
    codes = authenticators.new_codes(session, account)
    otpauth = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=current().school_name)
    return Officer(password, otpauth, codes)


def _checked(email: str, *names: str) -> str:
    try:
        found = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise NotAnOfficer from None
    if not all(is_name(name) for name in names):
        raise NotAnOfficer
    return found


def main(words: list[str]) -> int:
    """Appoint who is named; 1 when there is an officer already or a word makes no sense."""
    if len(words) != 3:
        print(f"Usage: {USAGE}", file=sys.stderr)
        return 2
    told = load()
    database.connect(told.database_url, pool_size=1)
    email, given_name, family_name = words
    try:
        with Transaction() as session:
            made = appoint(session, email=email, given_name=given_name, family_name=family_name, at=now())
    except DomainError as error:
        print(error.detail, file=sys.stderr)
        return 1
    print(f"Sign in at {told.public_url}/console with {email} and the password {made.password}")
    print(f"Add this to an authenticator app: {made.otpauth}")
    print(f"Keep these codes for the day the telephone is lost: {' '.join(made.recovery_codes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
