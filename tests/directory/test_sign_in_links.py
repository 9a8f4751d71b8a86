"""Signing in by a link: once, for a while, and only where its address is that of the account."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from services.directory import (
    accounts,
    contacts,
    sessions,
    sign_in_links,
)
from services.directory.models import (
    Email,
    SignInLink,
    SignInRequest,
    Transaction,
)
from services.directory.models.sessions import LINK_LIVES
from tests.directory.conftest import NOW, said
from tests.directory.doors import a_link, a_person, an_account, an_alumna, refused, statements


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
