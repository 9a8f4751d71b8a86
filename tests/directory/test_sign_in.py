"""Signing in: by password and code, by a link, and what each kind of session may do."""

from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import event, func, select, text

from services.directory import (
    accounts,
    authenticators,
    contacts,
    people,
    sessions,
    sign_in_links,
    tokens,
)
from services.directory.models import (
    Account,
    Email,
    SignInLink,
    SignInRequest,
    SignInSession,
    Transaction,
    database,
)
from services.directory.models.sessions import ALUMNI_IDLE, LINK_LIVES, STAFF_ABSOLUTE, STAFF_IDLE
from services.directory.passwords import PasswordTooWeak
from shared import tokens as shared_tokens
from shared.errors import DomainError
from shared.keys import KnownKeys
from shared.messages import reveal
from tests.directory.conftest import NOW, said, signed_in

PASSWORD = "correct horse battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def a_person(session, email="zoe@example.org", **wish):
    return people.add(
        session, by=None, at=NOW, **{"given_name": "Zoé", "family_name": "Petit", "emails": [email], **wish}
    )


def an_account(session, email="zoe@example.org", *, rights=(), password=PASSWORD):
    account = accounts.open_account(session, a_person(session, email), email=email, at=NOW, password=password)
    if rights:
        accounts.grant(session, account.id, rights=rights, by=None, at=NOW)
        authenticators.start(session, account.id, secret=TOTP_SECRET, at=NOW - timedelta(minutes=5))
        authenticators.confirm(
            session, account.id, code=code(NOW - timedelta(minutes=5)), at=NOW - timedelta(minutes=5)
        )
    return account


def code(at):
    return pyotp.TOTP(TOTP_SECRET).at(at)


def sign_in(session, email="zoe@example.org", *, password=PASSWORD, at=NOW, **more):
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
    with pytest.raises(DomainError) as raised:
        call(*args, **more)
    return raised.value.code


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


def test_a_link_opens_an_account_and_verifies_the_address(session, told):
    person = a_person(session)

    opened = sessions.open_by_link(session, a_link(session), at=NOW)

    assert opened["person_id"] == person.id
    assert opened["next"] == "/my/gifts"
    assert [message["person_id"] for message in said(session, "account.opened")] == [str(person.id)]
    card = said(session, "person.card")[-1]
    assert len(card["verified"]) == 1
    assert {each["purpose"]: each["allowed"] for each in card["permissions"]}["news"] is True


def test_a_link_works_once(session):
    a_person(session)
    secret = a_link(session)

    sessions.open_by_link(session, secret, at=NOW)

    assert refused(sessions.open_by_link, session, secret, at=NOW) == "sign_in_refused"


def test_a_link_taken_twice_at_once_opens_one_session():
    from concurrent.futures import ThreadPoolExecutor

    with Transaction() as session:
        a_person(session)
        secret = a_link(session)

    def take(_):
        try:
            with Transaction() as session:
                return sessions.open_by_link(session, secret, at=NOW)["secret"]
        except sessions.SignInRefused:
            return None

    with ThreadPoolExecutor(6) as pool:
        opened = [each for each in pool.map(take, range(6)) if each]

    assert len(opened) == 1


def test_a_link_runs_out_after_fifteen_minutes(session):
    a_person(session)
    secret = a_link(session)

    late = NOW + LINK_LIVES

    assert refused(sessions.open_by_link, session, secret, at=late) == "sign_in_refused"


def test_staff_get_no_link_and_a_link_sent_before_the_right_is_refused(session):
    account = an_account(session)
    secret = a_link(session)
    accounts.grant(session, account.id, rights=["giving.read"], by=None, at=NOW)

    assert refused(sessions.open_by_link, session, secret, at=NOW) == "sign_in_refused"
    assert a_link(session) is None


def an_alumna(session):
    """A person whose account was opened by a link, as most are: without a password."""
    person = a_person(session)
    sessions.open_by_link(session, a_link(session), at=NOW)
    return person


def test_an_address_that_staff_write_down_never_opens_an_account_that_is_there(session):
    person = an_alumna(session)

    contacts.add(session, person.id, address="thief@example.org", by=uuid4(), at=NOW)

    assert a_link(session, "thief@example.org") is None
    assert a_link(session)


def test_an_address_of_an_import_never_opens_an_account_that_is_there(session):
    person = an_alumna(session)

    person.emails.append(Email(address="thief@example.org", source="import"))

    assert a_link(session, "thief@example.org") is None


def test_a_link_sent_before_the_account_was_opened_does_not_open_it_afterwards(session):
    person = a_person(session)
    contacts.add(session, person.id, address="thief@example.org", by=uuid4(), at=NOW)
    early, hers = a_link(session, "thief@example.org"), a_link(session)

    sessions.open_by_link(session, hers, at=NOW)

    assert refused(sessions.open_by_link, session, early, at=NOW) == "sign_in_refused"
    assert [each.address for each in person.emails if each.verified_at] == ["zoe@example.org"]


def test_a_further_address_that_was_proved_signs_in(session):
    person = an_alumna(session)
    contacts.add(session, person.id, address="work@example.org", by=uuid4(), at=NOW)
    contacts.verify(session, person, "work@example.org", at=NOW)

    opened = sessions.open_by_link(session, a_link(session, "work@example.org"), at=NOW)

    assert opened["person_id"] == person.id


def test_control_without_the_proof_the_account_is_taken_over(session, monkeypatch):
    person = an_alumna(session)
    monkeypatch.setattr(sign_in_links, "may_open", lambda *_: True)

    contacts.add(session, person.id, address="thief@example.org", by=uuid4(), at=NOW)
    opened = sessions.open_by_link(session, a_link(session, "thief@example.org"), at=NOW)

    assert opened["person_id"] == person.id


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


def test_an_address_that_several_share_gets_no_link(session):
    a_person(session, "both@example.org")
    a_person(session, "both@example.org")

    assert a_link(session, "both@example.org") is None


def test_known_and_unknown_addresses_leave_the_same_at_the_door(client):
    with Transaction() as session:
        a_person(session)

    answers = [
        client.post("/api/v1/directory/sign-in-links", json={"email": email})
        for email in ("zoe@example.org", "nobody@example.org")
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].data == answers[1].data
    with Transaction() as session:
        assert session.scalar(select(func.count()).select_from(SignInRequest)) == 2
        assert session.scalar(select(func.count()).select_from(SignInLink)) == 0
        assert said(session, "sign_in.link_issued") == []


def test_unknown_addresses_are_forgotten_when_the_worker_has_looked(session):
    assert a_link(session, "nobody@example.org") is None

    assert session.scalar(select(func.count()).select_from(SignInRequest)) == 0


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


def an_alumna_with_an_authenticator(session):
    account = an_account(session)
    before = NOW - timedelta(minutes=5)
    authenticators.start(session, account.id, secret=TOTP_SECRET, at=before)
    authenticators.confirm(session, account.id, code=code(before), at=before)
    return account


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


class TestOverHttp:
    def password_sign_in(self, client, **more):
        wish = {"email": "zoe@example.org", "password": PASSWORD, **more}
        return client.post("/api/v1/directory/sessions", json=wish)

    def token(self, client, secret):
        answer = client.post("/api/v1/directory/tokens", headers={"Authorization": f"Session {secret}"})
        assert answer.status_code == 201, answer.json
        return {"Authorization": f"Bearer {answer.json['token']}"}

    def test_signing_in_and_out(self, client):
        with Transaction() as session:
            an_account(session)

        secret = self.password_sign_in(client).json["secret"]
        bearer = self.token(client, secret)

        assert client.get("/api/v1/directory/people/me", headers=bearer).json["family_name"] == "Petit"
        assert client.get("/api/v1/directory/tokens/current", headers=bearer).json == {
            "active": True,
            "rights": [],
        }
        listed = client.get("/api/v1/directory/sessions", headers=bearer).json["items"]
        assert [each["current"] for each in listed] == [True]
        assert client.delete("/api/v1/directory/sessions/current", headers=bearer).status_code == 204
        assert client.get("/api/v1/directory/tokens/current", headers=bearer).json["active"] is False
        again = client.post("/api/v1/directory/tokens", headers={"Authorization": f"Session {secret}"})
        assert (again.status_code, again.json["code"]) == (401, "session_ended")

    def test_a_right_taken_away_bites_at_once_where_it_matters(self, client):
        with Transaction() as session:
            account = an_account(session, rights=["rights.manage", "people.read"])
        answer = self.password_sign_in(client, totp=pyotp.TOTP(TOTP_SECRET).now())
        bearer = self.token(client, answer.json["secret"])
        assert client.get("/api/v1/directory/accounts", headers=bearer).status_code == 200

        with Transaction() as session:
            accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)

        assert client.get("/api/v1/directory/accounts", headers=bearer).status_code == 403
        assert client.get("/api/v1/directory/people", headers=bearer).status_code == 200

    def test_adding_an_authenticator_opens_the_staff_rights(self, client):
        with Transaction() as session:
            account = an_account(session)
            accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)
        secret = self.password_sign_in(client).json["secret"]
        bearer = self.token(client, secret)
        base = "/api/v1/directory/accounts/me/authenticator"

        stolen = client.post(base, json={"password": "not this one"}, headers=bearer)
        shown = client.post(base, json={"password": PASSWORD}, headers=bearer).json
        wrong = client.post(f"{base}/confirmations", json={"code": "000000"}, headers=bearer)
        right = client.post(
            f"{base}/confirmations", json={"code": pyotp.TOTP(shown["secret"]).now()}, headers=bearer
        )

        assert stolen.json["code"] == "current_password_refused"
        assert wrong.json["code"] == "code_refused"
        assert len(right.json["recovery_codes"]) == 10
        assert client.get("/api/v1/directory/people", headers=self.token(client, secret)).status_code == 200

    def test_a_lost_authenticator_is_taken_away_and_the_rights_wait_for_a_new_one(self, client, told):
        with Transaction() as session:
            account = an_account(session, rights=["people.read"])
            codes = authenticators.new_codes(session, account)
        officer, headers = signed_in(told, "rights.manage", "people.read")
        signed = self.password_sign_in(client, totp=pyotp.TOTP(TOTP_SECRET).now())
        hers = self.token(client, signed.json["secret"])
        where = f"/api/v1/directory/accounts/{account.id}/authenticator"

        taken, again = (client.delete(where, headers=headers).status_code for _ in range(2))

        assert (taken, again) == (204, 404)
        assert client.get("/api/v1/directory/tokens/current", headers=hers).json["active"] is False
        opened = self.password_sign_in(client)
        assert opened.json["authenticator_missing"]
        bearer = self.token(client, opened.json["secret"])
        assert client.get("/api/v1/directory/people", headers=bearer).status_code == 403
        assert self.password_sign_in(client, totp=codes[0]).json["authenticator_missing"]
        with Transaction() as session:
            noted = text("select \"by\" from audit_entries where action = 'authenticator.taken_away'")
            assert session.scalar(noted) == officer

    def test_nobody_takes_away_their_own_authenticator_or_one_that_guards_more(self, client, told):
        with Transaction() as session:
            account = an_account(session, rights=["people.read", "giving.refund"])
        officer, headers = signed_in(told, "rights.manage", "people.read")
        with Transaction() as session:
            own = accounts.of_person(session, officer).id
        base = "/api/v1/directory/accounts"

        beyond = client.delete(f"{base}/{account.id}/authenticator", headers=headers)
        mine = client.delete(f"{base}/{own}/authenticator", headers=headers)

        assert (beyond.status_code, beyond.json["code"]) == (403, "rights_beyond_own")
        assert (mine.status_code, mine.json["code"]) == (403, "own_rights_kept")

    def test_guessing_the_first_code_runs_dry(self, client):
        with Transaction() as session:
            an_account(session)
        bearer = self.token(client, self.password_sign_in(client).json["secret"])
        base = "/api/v1/directory/accounts/me/authenticator"
        client.post(base, json={"password": PASSWORD}, headers=bearer)
        wish = {"json": {"code": "000000"}, "headers": bearer}

        answers = [client.post(f"{base}/confirmations", **wish).status_code for _ in range(11)]

        assert answers == [422] * 10 + [429]

    def test_guessing_runs_dry(self, client):
        with Transaction() as session:
            an_account(session)

        answers = [self.password_sign_in(client, password="wrong") for _ in range(11)]

        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert self.password_sign_in(client).status_code == 429

    def test_guessing_from_many_addresses_of_one_network_runs_dry(self, client):
        with Transaction() as session:
            an_account(session)
        wish = {"email": "zoe@example.org", "password": "wrong"}

        answers = [
            client.post(
                "/api/v1/directory/sessions",
                json=wish,
                environ_overrides={"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"},
            ).status_code
            for number in range(11)
        ]

        assert answers == [401] * 10 + [429]

    def test_a_link_request_floods_nobody(self, client):
        wish = {"email": "zoe@example.org"}
        answers = [client.post("/api/v1/directory/sign-in-links", json=wish).status_code for _ in range(6)]

        assert answers == [202] * 5 + [429]

    @pytest.mark.parametrize(
        "next", ["//evil.example", "https://evil.example", "/\\evil", "javascript:x", "/a\nb"]
    )
    def test_nobody_is_sent_away_after_signing_in(self, client, next):
        wish = {"email": "zoe@example.org", "next": next}

        assert client.post("/api/v1/directory/sign-in-links", json=wish).status_code == 422

    @pytest.mark.parametrize(
        "wish", [{}, {"link": "x", "password": "y"}, {"email": "a@b.fr"}, {"link": "\u0000"}]
    )
    def test_half_a_sign_in_is_no_sign_in(self, client, wish):
        assert client.post("/api/v1/directory/sessions", json=wish).status_code == 422

    def test_a_forged_session_secret_is_refused(self, client):
        for secret in ("", "x", "é" * 20, "a" * 5000):
            header = {"Authorization": f"Session {secret}".encode().decode("latin-1")}
            answer = client.post("/api/v1/directory/tokens", headers=header)
            assert (answer.status_code, answer.json["code"]) == (401, "session_ended")

    def test_a_session_of_somebody_else_is_not_found(self, client):
        with Transaction() as session:
            an_account(session)
            an_account(session, "b@example.org")
            other = sign_in(session, "b@example.org", at=NOW)
            other_id = sessions.of_secret(session, other["secret"], at=NOW).id
        bearer = self.token(client, self.password_sign_in(client).json["secret"])

        assert client.delete(f"/api/v1/directory/sessions/{other_id}", headers=bearer).status_code == 404


def test_the_door_does_the_same_work_for_every_address(client):
    with Transaction() as session:
        an_account(session)
        a_person(session, "claims@example.org")
    work = {}

    for email in ("zoe@example.org", "claims@example.org", "nobody@example.org"):
        with statements() as work[email]:
            client.post("/api/v1/directory/sign-in-links", json={"email": email})

    assert len(work["nobody@example.org"]) > 1
    assert work["zoe@example.org"] == work["claims@example.org"] == work["nobody@example.org"]


@pytest.mark.parametrize("act", ["correct", "remove"])
def test_a_link_sent_to_an_address_that_staff_took_away_opens_nothing(session, act):
    from services.directory import contacts

    person = a_person(session)
    secret = a_link(session)
    new = {"address": "zoe.petit@example.org"} if act == "correct" else {}
    getattr(contacts, act)(session, person.id, person.emails[0].id, by=None, at=NOW, **new)

    assert refused(sessions.open_by_link, session, secret, at=NOW) == "sign_in_refused"
    assert a_link(session) is None
