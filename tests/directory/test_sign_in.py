"""Signing in by password and code: what opens a session, and what each try gives away."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.directory import (
    accounts,
    authenticators,
    sessions,
    tokens,
)
from services.directory.models import (
    Transaction,
)
from services.directory.models.sessions import LINK_LIVES, STAFF_ABSOLUTE
from tests.directory.conftest import NOW
from tests.directory.doors import (
    PASSWORD,
    TOTP_SECRET,
    a_link,
    a_person,
    an_account,
    code,
    refused,
    sign_in,
    statements,
)


def test_a_password_opens_a_session_and_a_wrong_one_does_not(session):
    account = an_account(session)

    opened = sign_in(session, email=" Zoe@Example.org ")

    assert opened["person_id"] == account.person_id
    assert sessions.of_secret(session, opened["secret"], at=NOW).account is account
    assert refused(sign_in, session, password="wrong") == "sign_in_refused"
    assert refused(sign_in, session, email="nobody@example.org") == "sign_in_refused"


def test_secrets_are_kept_as_hashes_only(session):
    an_account(session, rights=["giving.read"])
    a_person(session, "other@example.org")
    secret = a_link(session, "other@example.org")
    opened = sign_in(session, totp=code(NOW))
    session.flush()

    tables = "select coalesce(json_agg(t)::text, '') from {} t"
    kept = " ".join(
        session.scalar(text(tables.format(name)))
        for name in ("accounts", "sessions", "sign_in_links", "recovery_codes", "outbox", "sign_in_requests")
    )
    assert not [each for each in (secret, opened["secret"], PASSWORD, TOTP_SECRET) if each in kept]


def test_a_new_session_has_a_new_secret_each_time(session):
    an_account(session)

    secrets = {sign_in(session)["secret"] for _ in range(3)}

    assert len(secrets) == 3
    assert all(len(secret) >= 22 for secret in secrets)


def test_staff_need_the_code_of_their_authenticator(session):
    an_account(session, rights=["giving.read"])

    assert refused(sign_in, session) == "totp_required"
    assert refused(sign_in, session, password="wrong") == "sign_in_refused"
    assert refused(sign_in, session, totp="000000") == "sign_in_refused"
    assert sign_in(session, totp=code(NOW))["expires_at"] == NOW + STAFF_ABSOLUTE


def test_a_code_is_accepted_once(session):
    an_account(session, rights=["giving.read"])

    sign_in(session, totp=code(NOW))

    assert refused(sign_in, session, totp=code(NOW)) == "sign_in_refused"
    assert refused(sign_in, session, totp=code(NOW - timedelta(seconds=30))) == "sign_in_refused"
    later = NOW + timedelta(seconds=60)
    assert sign_in(session, totp=code(later), at=later)


def test_a_recovery_code_stands_in_once(session):
    account = an_account(session, rights=["giving.read"])
    codes = authenticators.new_codes(session, account)
    session.flush()

    assert sign_in(session, totp=codes[0].upper())
    assert refused(sign_in, session, totp=codes[0]) == "sign_in_refused"
    assert sign_in(session, totp=codes[1])


def test_an_old_code_or_one_of_the_future_is_refused(session):
    an_account(session, rights=["giving.read"])

    assert refused(sign_in, session, totp=code(NOW - timedelta(seconds=90))) == "sign_in_refused"
    assert refused(sign_in, session, totp=code(NOW + timedelta(seconds=90))) == "sign_in_refused"


def test_staff_without_an_authenticator_have_no_rights_yet(session):
    account = accounts.open_account(
        session, a_person(session), email="zoe@example.org", at=NOW, password=PASSWORD
    )
    accounts.grant(session, account.id, rights=["giving.refund"], by=None, at=NOW)

    opened = sign_in(session)

    assert opened["authenticator_missing"]
    assert tokens.issue(session, opened["secret"], at=NOW)["rights"] == []


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (timedelta(minutes=14), None),
        (LINK_LIVES, "fresh_link_needed"),
        (timedelta(days=3), "fresh_link_needed"),
    ],
)
def test_a_first_password_needs_a_session_just_begun_by_a_link(session, after, outcome):
    a_person(session)
    opened = sessions.open_by_link(session, a_link(session), at=NOW)
    begun = sessions.of_secret(session, opened["secret"], at=NOW)
    wish = {"password": "a wholly new one", "current_password": "", "keep_session": begun.id}

    def change():
        accounts.change_password(session, begun.account_id, at=NOW + after, **wish)

    assert (refused(change) if outcome else change()) == outcome


def test_a_first_password_is_not_set_from_a_session_of_somebody_else(session):
    a_person(session)
    other = a_person(session, "other@example.org")
    hers = sessions.open_by_link(session, a_link(session), at=NOW)
    sessions.open_by_link(session, a_link(session, "other@example.org"), at=NOW)
    begun = sessions.of_secret(session, hers["secret"], at=NOW)
    wish = {"password": "a wholly new one", "current_password": "", "keep_session": begun.id}
    account = accounts.of_person(session, other.id)

    assert refused(accounts.change_password, session, account.id, at=NOW, **wish) == "fresh_link_needed"


def test_a_password_for_nobody_costs_as_much_as_one_for_somebody(session, monkeypatch):
    from services.directory import passwords

    an_account(session)
    verified = []
    original = type(passwords._hasher).verify
    monkeypatch.setattr(type(passwords._hasher), "verify", lambda *a: verified.append(1) or original(*a))

    refused(sign_in, session, email="nobody@example.org")
    refused(sign_in, session, password="wrong")

    assert len(verified) == 2


def test_a_wrong_password_does_the_same_work_for_every_address(client):
    with Transaction() as session:
        an_account(session, rights=["giving.read"])
    work = {}

    for email in ("zoe@example.org", "nobody@example.org"):
        with statements() as work[email]:
            client.post("/api/v1/directory/sessions", json={"email": email, "password": "wrong"})

    assert work["zoe@example.org"] == work["nobody@example.org"]
