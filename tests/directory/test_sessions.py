"""Sessions: how long they live, what ends them, and what each may do."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from services.directory import (
    accounts,
    authenticators,
    sessions,
    sign_in_links,
    tokens,
)
from services.directory.models import (
    Account,
    SignInLink,
    SignInSession,
)
from services.directory.models.sessions import ALUMNI_IDLE, STAFF_ABSOLUTE, STAFF_IDLE
from services.directory.passwords import PasswordTooWeak
from shared import tokens as shared_tokens
from shared.keys import KnownKeys
from tests.directory.conftest import NOW
from tests.directory.doors import (
    PASSWORD,
    TOTP_SECRET,
    a_link,
    a_person,
    an_account,
    an_alumna_with_an_authenticator,
    code,
    refused,
    sign_in,
)


def test_sessions_end_by_idleness_and_by_age(session):
    an_account(session)
    opened = sign_in(session)

    assert sessions.of_secret(session, opened["secret"], at=NOW + ALUMNI_IDLE - timedelta(seconds=1))
    late = NOW + 2 * ALUMNI_IDLE
    assert sessions.of_secret(session, opened["secret"], at=late) is None
    assert sessions.of_secret(session, opened["secret"], at=opened["expires_at"]) is None


def test_a_staff_session_idles_for_two_hours_at_most(session):
    an_account(session, rights=["giving.read"])
    opened = sign_in(session, totp=code(NOW))

    assert sessions.of_secret(session, opened["secret"], at=NOW + STAFF_IDLE) is None


def test_granting_a_right_ends_sessions_without_a_second_factor(session):
    account = an_account(session)
    opened = sign_in(session)

    accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)

    assert sessions.of_secret(session, opened["secret"], at=NOW) is None


def test_a_first_right_ends_even_the_sessions_with_a_second_factor(session):
    account = an_alumna_with_an_authenticator(session)
    opened = sign_in(session, totp=code(NOW))

    accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)
    session.expire_all()

    assert sessions.of_secret(session, opened["secret"], at=NOW) is None


def test_a_further_right_leaves_the_sessions_with_a_second_factor(session):
    account = an_account(session, rights=["people.read"])
    opened = sign_in(session, totp=code(NOW))

    accounts.grant(session, account.id, rights=["people.read", "giving.read"], by=None, at=NOW)
    session.expire_all()

    assert sessions.of_secret(session, opened["secret"], at=NOW)


def test_a_long_session_of_an_account_that_became_staff_has_the_limits_of_staff(session, monkeypatch):
    account = an_alumna_with_an_authenticator(session)
    opened = sign_in(session, totp=code(NOW))
    monkeypatch.setattr(accounts, "end_sessions", lambda *_, **__: None)
    accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)

    def live(at):
        return sessions.of_secret(session, opened["secret"], at=at) is not None

    hours = [timedelta(hours=count) for count in range(13)]
    assert [live(NOW + after) for after in hours[:2]] == [True, True]
    assert not live(NOW + hours[1] + STAFF_IDLE)
    found = session.scalars(select(SignInSession)).one()
    found.seen_at = NOW + hours[11]
    assert live(NOW + STAFF_ABSOLUTE - timedelta(seconds=1))
    assert not live(NOW + STAFF_ABSOLUTE)
    assert sessions.of_account(session, account.id, at=NOW + STAFF_ABSOLUTE) == []


def test_an_authenticator_that_nobody_confirms_is_forgotten_after_ten_minutes(session):
    account = an_account(session)
    authenticators.start(session, account.id, secret=TOTP_SECRET, at=NOW)
    late = NOW + timedelta(minutes=10)

    assert authenticators.forget_unconfirmed(session, at=late - timedelta(seconds=1)) == 0
    wish = {"code": code(late), "at": late}
    assert refused(authenticators.confirm, session, account.id, **wish) == "authenticator_not_started"
    assert authenticators.forget_unconfirmed(session, at=late) == 1
    session.expire_all()
    assert account.totp_sealed is None


def test_a_confirmed_authenticator_is_never_forgotten(session):
    account = an_account(session, rights=["people.read"])

    assert authenticators.forget_unconfirmed(session, at=NOW + timedelta(days=400)) == 0
    assert account.totp_sealed


def test_a_token_is_what_the_services_verify(session):
    account = an_account(session, rights=["giving.refund", "giving.read"])
    opened = sign_in(session, totp=code(NOW))

    issued = tokens.issue(session, opened["secret"], at=NOW)

    keys = KnownKeys(tokens.jwks)
    claims = shared_tokens.read(issued["token"], audience="giving", find_key=keys.find, at=NOW.timestamp())
    assert claims.person_id == account.person_id
    assert claims.rights == {"giving.refund", "giving.read"}
    assert "d" not in tokens.jwks()["keys"][0]
    with pytest.raises(shared_tokens.TokenRefused):
        after = NOW.timestamp() + shared_tokens.LIFETIME_S
        shared_tokens.read(issued["token"], audience="giving", find_key=keys.find, at=after)


def test_a_disabled_account_is_out_at_once(session):
    account = an_account(session, rights=["giving.read"])
    opened = sign_in(session, totp=code(NOW))
    session.flush()

    accounts.close(session, account.id, by=None, at=NOW)
    session.expire_all()

    assert sessions.of_secret(session, opened["secret"], at=NOW) is None
    later = NOW + timedelta(minutes=2)
    assert refused(sign_in, session, totp=code(later), at=later) == "sign_in_refused"


def test_a_session_that_began_while_its_account_was_being_closed_opens_nothing(session):
    account = an_account(session, rights=["giving.read"])
    opened = sign_in(session, totp=code(NOW))
    account.disabled_at = NOW
    session.flush()
    session.expire_all()

    assert sessions.of_secret(session, opened["secret"], at=NOW) is None


def test_a_reopened_account_signs_in_again_with_no_rights_and_no_old_session(session):
    account = an_account(session, rights=["giving.read"])
    opened = sign_in(session, totp=code(NOW))
    accounts.close(session, account.id, by=None, at=NOW)

    accounts.reopen(session, account.id, by=None, at=NOW)
    accounts.reopen(session, account.id, by=None, at=NOW)
    session.flush()
    session.expire_all()

    assert sessions.of_secret(session, opened["secret"], at=NOW) is None
    later = NOW + timedelta(minutes=2)
    again = sign_in(session, totp=code(later), at=later)
    assert sessions.of_secret(session, again["secret"], at=later).account.rights == []
    noted = text("select count(*) from audit_entries where action = 'account.reopened'")
    assert session.scalar(noted) == 1


def test_a_changed_password_ends_the_other_sessions(session):
    account = an_account(session)
    kept, other = sign_in(session), sign_in(session)
    kept_id = sessions.of_secret(session, kept["secret"], at=NOW).id

    accounts.change_password(
        session,
        account.id,
        password="a wholly new one",
        current_password=PASSWORD,
        keep_session=kept_id,
        at=NOW,
    )
    session.expire_all()

    assert sessions.of_secret(session, kept["secret"], at=NOW)
    assert sessions.of_secret(session, other["secret"], at=NOW) is None


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "zoe@example.org"])
def test_a_password_that_is_easily_guessed_is_refused(session, password):
    with pytest.raises(PasswordTooWeak):
        an_account(session, password=password)
    session.rollback()


def test_nobody_grants_more_than_they_hold_or_to_themselves(session):
    from shared.auth import Caller

    giver = an_account(session, rights=["rights.manage", "giving.read"])
    other = accounts.open_account(
        session, a_person(session, "b@example.org"), email="b@example.org", at=NOW, password=PASSWORD
    )
    who = Caller(giver.person_id, frozenset({"rights.manage", "giving.read"}), None, "")

    assert accounts.grant(session, other.id, rights=["giving.read"], by=who, at=NOW).rights == ["giving.read"]
    assert (
        refused(accounts.grant, session, other.id, rights=["giving.refund"], by=who, at=NOW)
        == "rights_beyond_own"
    )
    assert refused(accounts.grant, session, giver.id, rights=[], by=who, at=NOW) == "own_rights_kept"


def test_what_a_token_still_says_but_its_owner_lost_is_not_granted(session):
    from shared.auth import Caller

    giver = an_account(session, rights=["rights.manage", "giving.read"])
    other = an_account(session, "b@example.org")
    who = Caller(giver.person_id, frozenset({"rights.manage", "giving.read"}), None, "")

    accounts.grant(session, giver.id, rights=["rights.manage"], by=None, at=NOW)

    wish = {"rights": ["giving.read"], "by": who, "at": NOW}
    assert refused(accounts.grant, session, other.id, **wish) == "rights_beyond_own"


def test_old_sessions_and_links_are_forgotten(session):
    an_account(session)
    sign_in(session)
    a_link(session)

    later = NOW + timedelta(days=400)
    sessions.forget_old(session, at=later)
    sign_in_links.forget_old(session, at=later)

    assert session.scalar(select(func.count()).select_from(SignInSession)) == 0
    assert session.scalar(select(func.count()).select_from(SignInLink)) == 0
    assert session.scalar(select(func.count()).select_from(Account)) == 1
