"""The first officer of an installation that has nobody with rights yet."""

from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.directory import accounts, authenticators, passwords
from services.directory.first_officer import NotAnOfficer, OfficerThere, appoint
from services.directory.models import Account
from shared.rights import RIGHTS
from tests.directory.conftest import NOW

CLAIRE = {"email": "Claire.Dupont@univ-valmont.fr", "given_name": "Claire", "family_name": "Dupont"}


def test_the_first_officer_holds_every_right_and_signs_in_with_what_is_printed_once(session: Session) -> None:
    made = appoint(session, **CLAIRE, at=NOW)

    account = accounts.of_person(session, session.scalar(select(Account.person_id)))
    assert account.email == "claire.dupont@univ-valmont.fr" and set(account.rights) == RIGHTS
    assert passwords.matches(account.password_hash, made.password)
    secret = parse_qs(urlsplit(made.otpauth).query)["secret"][0]
    code = pyotp.TOTP(secret).at(NOW)
    assert account.totp_confirmed_at == NOW
    assert authenticators.accepts(account, code, at=NOW)
    assert len(made.recovery_codes) >= 8


def test_once_somebody_has_rights_there_is_no_other_first(session: Session) -> None:
    appoint(session, **CLAIRE, at=NOW)

    with pytest.raises(OfficerThere):
        appoint(session, **CLAIRE | {"email": "paul@univ-valmont.fr"}, at=NOW)


@pytest.mark.parametrize(
    "wrong",
    [{"email": "claire"}, {"email": "a@b\r\nBcc: x@y.fr"}, {"given_name": ""}, {"family_name": "t.me/x"}],
)
def test_what_is_no_address_or_no_name_appoints_nobody(session: Session, wrong: dict[str, str]) -> None:
    with pytest.raises(NotAnOfficer):
        appoint(session, **CLAIRE | wrong, at=NOW)
