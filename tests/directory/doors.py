"""Doors: people with accounts, and the ways in, for tests of signing in."""

from contextlib import contextmanager
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import event

from services.directory import (
    accounts,
    authenticators,
    people,
    sessions,
    sign_in_links,
)
from services.directory.models import (
    database,
)
from shared.errors import DomainError
from shared.messages import reveal
from tests.directory.conftest import NOW, said

PASSWORD = "correct horse battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def a_person(session, email="zoe@example.org", **wish):
    """Somebody with an address."""
    return people.add(
        session, by=None, at=NOW, **{"given_name": "Zoé", "family_name": "Petit", "emails": [email], **wish}
    )


def an_account(session, email="zoe@example.org", *, rights=(), password=PASSWORD):
    """Their account; with rights, its authenticator too."""
    account = accounts.open_account(session, a_person(session, email), email=email, at=NOW, password=password)
    if rights:
        accounts.grant(session, account.id, rights=rights, by=None, at=NOW)
        authenticators.start(session, account.id, secret=TOTP_SECRET, at=NOW - timedelta(minutes=5))
        authenticators.confirm(
            session, account.id, code=code(NOW - timedelta(minutes=5)), at=NOW - timedelta(minutes=5)
        )
    return account


def code(at):
    """What the authenticator shows then."""
    return pyotp.TOTP(TOTP_SECRET).at(at)


def sign_in(session, email="zoe@example.org", *, password=PASSWORD, at=NOW, **more):
    """A session by password."""
    return sessions.open_by_password(session, email=email, password=password, at=at, **more)


def a_link(session, email="zoe@example.org", at=NOW):
    """The secret that would stand in the email, or None when no email leaves."""
    from services.directory import settings

    before = len(said(session, "sign_in.link_issued"))
    sign_in_links.ask(session, email=email, locale="fr", next="/my/gifts", at=at)
    session.flush()
    sign_in_links.issue_waiting(session, at=at)
    session.flush()
    messages = said(session, "sign_in.link_issued")
    if len(messages) == before:
        return None
    address = reveal(messages[-1]["contact"]["link"], settings.current().message_key)
    return address.removeprefix("https://alumni.example.org/l/sign-in/").removesuffix("?next=%2Fmy%2Fgifts")


@contextmanager
def statements():
    """The statements sent to the database meanwhile."""
    sent = []
    note = lambda *told: sent.append(told[2])  # noqa: E731
    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)


def refused(call, *args, **more):
    """The code of the refusal that a call ends with."""
    with pytest.raises(DomainError) as raised:
        call(*args, **more)
    return raised.value.code


def an_alumna(session):
    """A person whose account was opened by a link, as most are: without a password."""
    person = a_person(session)
    sessions.open_by_link(session, a_link(session), at=NOW)
    return person


def an_alumna_with_an_authenticator(session):
    account = an_account(session)
    before = NOW - timedelta(minutes=5)
    authenticators.start(session, account.id, secret=TOTP_SECRET, at=before)
    authenticators.confirm(session, account.id, code=code(before), at=before)
    return account
