"""A message acts once; what a handler raises decides what becomes of it; keys keep their order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import exc, text

from shared.db import uuid7
from shared.errors import Conflict
from shared.inbox import HeardTwice, Inbox, handlers_of, hears, verdict
from shared.messages import CampaignLaunched, DonationSettled, MessageMalformed, PersonCard, correlation
from shared.outbox import publish
from tests.support.courier import Courier, envelope, launched, note, settled


@pytest.fixture
def inbox(courier: Courier) -> Iterator[Inbox]:
    handlers = {"campaign.launched": note, "donation.settled": note}
    yield Inbox("tests", handlers, courier.transaction)


def test_the_same_message_twice_has_one_effect(inbox: Inbox, courier: Courier) -> None:
    message = envelope(launched(7))

    assert inbox.take([message]) == 1
    assert inbox.take([message]) == 0

    assert [counter for _, counter in courier.effects()] == [7]


def test_a_message_twice_in_one_batch_has_one_effect(inbox: Inbox, courier: Courier) -> None:
    message = envelope(launched(7))

    assert inbox.take([message, envelope(launched(8)), message]) == 2

    assert [counter for _, counter in courier.effects()] == [7, 8]


def test_the_same_message_after_its_months_partition_has_changed(inbox: Inbox, courier: Courier) -> None:
    last_month = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).replace(hour=23)
    message = envelope(launched(7), message_id=uuid7(last_month))

    assert inbox.take([message]) == 1
    assert inbox.take([message]) == 0


def test_another_consumer_hears_for_itself(inbox: Inbox, courier: Courier) -> None:
    message = envelope(launched(7))
    inbox.take([message])

    assert Inbox("rebuilt", inbox.handlers, courier.transaction).take([message]) == 1


def test_effect_and_inbox_row_commit_together(courier: Courier) -> None:
    def fails(session, message) -> None:
        note(session, message)
        raise RuntimeError

    inbox = Inbox("tests", {"campaign.launched": fails}, courier.transaction)
    with pytest.raises(RuntimeError):
        inbox.take([envelope(launched())])

    assert courier.effects() == []
    assert courier.one("select count(*) from inbox") == 0


def test_a_handler_knows_who_said_it_when_and_in_which_chain(courier: Courier) -> None:
    heard = []

    def handler(session, message) -> None:
        heard.append((message, correlation.current()))
        publish(session, launched())

    said = settled(5)
    message = envelope(said)
    Inbox("tests", {"donation.settled": handler}, courier.transaction).take([message])

    ((got, chain),) = heard
    assert isinstance(got, DonationSettled)
    assert got.message_id == message.message_id
    assert got.correlation_id == chain == said.donation_id
    assert abs(got.occurred_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert got.contact["email"] == "claire@example.org"
    assert courier.one("select correlation_id from outbox") == said.donation_id
    assert courier.one("select correlation_id from inbox") == said.donation_id


def test_what_nobody_here_hears_is_passed_over(inbox: Inbox, courier: Courier) -> None:
    del inbox.handlers["campaign.launched"]

    assert inbox.take([envelope(launched())]) == 0
    assert courier.one("select count(*) from inbox") == 0


@pytest.mark.parametrize(
    ("headers", "message_id"),
    [
        ({"ce_type": "donation.unheard_of"}, None),
        ({"ce_type": ""}, None),
        ({}, uuid4()),
        ({}, uuid7(datetime.now(UTC) + timedelta(days=2))),
    ],
    ids=["unknown type", "no type", "not version 7", "two days ahead"],
)
def test_an_envelope_that_is_wrong_is_malformed(
    inbox: Inbox, headers: dict[str, str], message_id: UUID | None
) -> None:
    with pytest.raises(MessageMalformed):
        inbox.take([envelope(launched(), message_id=message_id, **headers)])


def test_a_message_older_than_the_inbox_is_ignored(inbox: Inbox, courier: Courier) -> None:
    two_years_ago = datetime.now(UTC) - timedelta(days=730)

    assert inbox.take([envelope(launched(1), message_id=uuid7(two_years_ago)), envelope(launched(2))]) == 1

    assert [counter for _, counter in courier.effects()] == [2]


def test_cards_and_tombstones_need_no_inbox_row(courier: Courier) -> None:
    heard = []
    person = uuid4()
    inbox = Inbox("tests", {"person.card": lambda _, card: heard.append(card)}, courier.transaction)
    card, gone = envelope(PersonCard(person_id=person, version=2)), envelope(PersonCard.tombstone(person, 3))

    inbox.take([card, gone, card])

    assert [(each.person_id, each.version, each.erased) for each in heard] == [
        (person, 2, False), (person, 3, True), (person, 2, False),
    ]  # fmt: skip
    assert courier.one("select count(*) from inbox") == 0


def test_a_fact_without_a_value_does_not_parse(inbox: Inbox) -> None:
    from dataclasses import replace

    with pytest.raises(MessageMalformed):
        inbox.take([replace(envelope(launched()), value=None)])


def test_handlers_are_those_that_are_marked() -> None:
    module = ModuleType("consumers")
    module.one = hears(CampaignLaunched)(lambda session, message: None)  # type: ignore[attr-defined]
    module.other = len  # type: ignore[attr-defined]
    assert list(handlers_of(module)) == ["campaign.launched"]

    module.two = hears(CampaignLaunched)(lambda session, message: None)  # type: ignore[attr-defined]
    with pytest.raises(HeardTwice):
        handlers_of(module)


class SomethingHolds(Conflict):
    """A rule."""


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (SomethingHolds(), "cannot"),
        (MessageMalformed("x"), "cannot"),
        (KeyError("x"), "perhaps a bug"),
        (OSError("x"), "perhaps a bug"),
        (exc.TimeoutError("x"), "ill"),
        (exc.OperationalError("x", {}, psycopg.OperationalError()), "ill"),
        (exc.OperationalError("x", {}, psycopg.errors.SerializationFailure()), "ill"),
        (exc.OperationalError("x", {}, psycopg.errors.DeadlockDetected()), "ill"),
        (exc.OperationalError("x", {}, psycopg.errors.LockNotAvailable()), "ill"),
        (exc.OperationalError("x", {}, psycopg.errors.DiskFull()), "ill"),
        (exc.OperationalError("x", {}, psycopg.errors.ProgramLimitExceeded()), "perhaps a bug"),
        (exc.ProgrammingError("x", {}, psycopg.ProgrammingError()), "perhaps a bug"),
        (exc.DataError("x", {}, psycopg.DataError()), "perhaps a bug"),
        (exc.IntegrityError("x", {}, psycopg.errors.UniqueViolation()), "perhaps a bug"),
    ],
)
def test_what_was_raised_says_whose_fault_it_is(error: Exception, meaning: str) -> None:
    assert verdict(error) == meaning


def test_a_database_that_goes_away_is_ill_and_a_broken_statement_is_not(courier: Courier) -> None:
    with pytest.raises(exc.DBAPIError) as lost, courier.transaction() as session:
        session.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(exc.DBAPIError) as broken, courier.transaction() as session:
        session.execute(text("select nothing from nowhere"))

    assert verdict(lost.value) == "ill"
    assert verdict(broken.value) == "perhaps a bug"


def test_many_messages_share_a_transaction_and_keep_their_order(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()

    inbox.take([envelope(launched(counter, key)) for counter in range(100)])

    assert [counter for _, counter in courier.effects()] == list(range(100))
    assert courier.one("select count(distinct xmin::text) from effects") == 1
