"""Readings: all that is held of a person, in one statement, and in the trail before staff see it."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from services.directory import cards, contacts, people, readings, settings
from services.directory.models import Consent, Person, Transaction, database
from services.directory.people import PersonShown
from shared import audit
from shared.db import uuid7
from tests.directory.conftest import NOW

BASE = "/api/v1/directory/people"
WAITING = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
ODD = datetime(2026, 3, 1, 8, 0, 0, 120_000, UTC)
DEGREES = [{"programme": each, "class_year": year} for each, year in (("Z", 2001), ("B", 1999), ("A", 2001))]


@pytest.fixture
def zoe():
    """Somebody of whom there is everything that can be."""
    with Transaction() as session:
        person = people.add(
            session,
            by=None,
            at=NOW,
            given_name="Zoë",
            preferred_name="Camille",
            family_name="D’Aubigné",
            birth_name="Nguyễn",
            born_on=date(1979, 2, 28),
            city="Orléans",
            school_id="72100001",
            degrees=DEGREES,
            emails=["lost@example.org", "zoe@example.org", "z@example.org"],
        )
        person.inform("letter", at=ODD)
        person.emails[0].lost_at = ODD
        contacts.verify(session, person, "z@example.org", at=ODD)
        for said, channel, after_s in (
            ("yes", None, 5),
            ("no", "email", 5),
            ("yes", "phone", 60),
            ("no", None, 0),
        ):
            at = ODD + timedelta(seconds=after_s)
            words = {"purpose": "photo", "said": said, "channel": channel, "said_at": at}
            person.consents.append(Consent(id=uuid7(), wording="w", source="staff", **words))
        return person.id


@pytest.fixture
def bare():
    """Somebody of whom there is a name."""
    with Transaction() as session:
        return people.add(session, by=None, at=NOW, given_name="Ann", family_name="Onym").id


@pytest.mark.parametrize("whose", ["zoe", "bare"])
def test_a_reading_shows_what_the_person_would(request, session, whose):
    person_id = request.getfixturevalue(whose)
    person = session.scalars(select(Person).where(Person.id == person_id).options(*cards.WHOLE)).one()

    shown = PersonShown().dump(readings.read(session, person_id))

    assert shown == PersonShown().dump(person)
    assert list(shown) == list(PersonShown().dump(person))


def test_each_time_is_shown_as_it_was_written(client, officer, zoe):
    shown = client.get(f"{BASE}/{zoe}", headers=officer("people.read")).json

    assert shown["email"] == "z@example.org" and shown["permissions"]["photo"] is False
    assert shown["informed_at"] == "2026-03-01T08:00:00.120000+00:00"
    assert {each["verified_at"] for each in shown["emails"]} == {None, shown["informed_at"]}
    assert [each["class_year"] for each in shown["degrees"]] == [1999, 2001, 2001]


def test_who_is_not_there_leaves_no_reading_in_the_trail(client, officer, zoe):
    headers = officer("people.read")
    before = trail()

    refused = client.get(f"{BASE}/{uuid4()}", headers=headers)

    assert (refused.status_code, refused.json["code"]) == (404, "not_found")
    assert trail() == before


def test_a_reading_whose_row_cannot_be_written_is_not_shown(client, officer, zoe, monkeypatch):
    headers = officer("people.read")
    monkeypatch.setattr(audit, "_hash", lambda *_: None)

    refused = client.get(f"{BASE}/{zoe}", headers=headers)

    assert refused.status_code == 500
    assert "example.org" not in refused.text


def test_a_reading_by_staff_is_two_statements_and_its_row_is_in_the_chain(client, officer, zoe):
    headers, before, said = officer("people.read"), trail(), []

    def note(_connection, _cursor, statement, *_):
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        assert client.get(f"{BASE}/{zoe}", headers=headers).status_code == 200
    finally:
        event.remove(database.engine, "before_cursor_execute", note)

    assert len(said) == 2
    assert trail() == before + 1
    with Transaction() as session:
        assert audit.verify(session, key=settings.current().link_key).bad_number is None


def test_a_reading_that_waited_for_another_follows_it_in_the_chain(zoe):
    assert second_of_two_at_once(zoe).id == zoe

    with Transaction() as session:
        assert audit.verify(session, key=settings.current().link_key).bad_number is None


def test_control_who_locks_and_reads_in_one_breath_does_not_see_the_other(zoe, monkeypatch):
    at_once = (
        "left join (select number, hash, pg_advisory_xact_lock(hashtext('audit_entries'))"
        " from audit_entries order by number desc limit 1) last on true"
    )
    blind = readings.READ_AND_LOCK.text.replace("left join kit_trail_end() on true", at_once)
    monkeypatch.setattr(readings, "READ_AND_LOCK", text(blind))

    with pytest.raises(IntegrityError, match="pk_audit_entries"):
        second_of_two_at_once(zoe)


def second_of_two_at_once(person_id):
    """A reading that began while another had written its row, and waited until that was committed."""

    def read():
        with Transaction() as session:
            return readings.read_for_staff(session, person_id, by=None, at=NOW)

    with ThreadPoolExecutor(1) as pool:
        with Transaction() as first:
            readings.read_for_staff(first, person_id, by=None, at=NOW)
            second = pool.submit(read)
            until = time.monotonic() + 20
            while not first.scalar(WAITING) and time.monotonic() < until:
                time.sleep(0.01)
            assert not second.done()
        return second.result(20)


def trail():
    with Transaction() as session:
        return session.scalar(text("select count(*) from audit_entries where action = 'person.read'"))
