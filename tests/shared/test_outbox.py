"""A fact leaves when, and only when, its transaction commits; its personal part stands apart."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared import telemetry
from shared.errors import DomainError
from shared.messages import PersonCard, correlation
from shared.outbox import MessageTooLarge, outbox_state, publish, republish
from tests.support.courier import Courier, launched, settled


def test_a_fact_leaves_with_its_transaction_or_not_at_all(courier: Courier) -> None:
    courier.say(launched())

    with pytest.raises(RuntimeError), courier.transaction() as session:
        publish(session, launched())
        raise RuntimeError

    assert courier.one("select count(*) from outbox") == 1


def test_the_envelope_is_that_of_cloudevents(courier: Courier) -> None:
    message = settled(correlation := 1)
    (message_id,) = courier.say(message)

    headers = courier.one("select headers from outbox")

    assert correlation
    assert headers["ce_id"] == str(message_id)
    assert headers["ce_type"] == "donation.settled"
    assert headers["ce_source"] == "/amicale/giving"
    assert headers["ce_subject"] == headers["ce_correlationid"] == str(message.donation_id)
    assert abs(datetime.fromisoformat(headers["ce_time"]) - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_personal_part_stands_in_its_own_column(courier: Courier) -> None:
    courier.say(settled())

    (found,) = courier.rows("select payload, contact, headers::text from outbox")

    assert "claire" not in found.payload + found.headers
    assert json.loads(found.contact)["email"] == "claire@example.org"


def test_a_tombstone_has_no_value_and_says_its_version(courier: Courier) -> None:
    courier.say(PersonCard.tombstone(uuid4(), 7))

    (found,) = courier.rows("select payload, contact, headers from outbox")

    assert (found.payload, found.contact, found.headers["ce_sequence"]) == (None, None, "7")


def test_what_is_said_while_a_message_is_handled_belongs_to_its_chain(courier: Courier) -> None:
    origin, given = uuid4(), uuid4()
    with correlation.set_to(origin):
        courier.say(launched())
        courier.say(launched(), correlation_id=given)

    found = courier.rows("select correlation_id, headers from outbox order by position")

    assert [each.correlation_id for each in found] == [origin, given]
    assert [each.headers["ce_correlationid"] for each in found] == [str(origin), str(given)]


def test_the_trace_goes_with_the_message(courier: Courier) -> None:
    with telemetry.traced("a request"):
        said = telemetry.traceparent()
        courier.say(launched())

    assert courier.one("select headers ->> 'traceparent' from outbox") == said


def test_a_fact_told_late_says_when_it_happened(courier: Courier) -> None:
    two_years_ago = datetime(2024, 11, 23, tzinfo=UTC)

    courier.say(launched(), at=two_years_ago)

    assert courier.one("select headers ->> 'ce_time' from outbox") == two_years_ago.isoformat()


def test_a_message_over_64_kib_is_refused_and_its_business_with_it(courier: Courier) -> None:
    assert issubclass(MessageTooLarge, DomainError)
    with pytest.raises(MessageTooLarge), courier.transaction() as session:
        publish(session, launched())
        publish(session, launched(slug="é" * 33_000))

    assert courier.one("select count(*) from outbox") == 0


def test_positions_follow_the_order_of_publishing(courier: Courier) -> None:
    ids = courier.say(*(launched(counter) for counter in range(50)))

    assert [row.id for row in courier.rows("select id from outbox order by position")] == ids


def test_the_state_of_the_outbox_is_its_oldest_row_that_waits(courier: Courier) -> None:
    now = datetime.now(UTC)
    with courier.transaction() as session:
        assert outbox_state(session).age_s(now) == 0

    courier.say(launched(), launched())
    with courier.transaction() as session:
        state = outbox_state(session)

    assert state.unpublished == 2
    assert 59 < state.age_s(datetime.now(UTC) + timedelta(seconds=60)) < 65


def test_facts_are_said_again_in_their_old_places_and_cards_anew(courier: Courier) -> None:
    person = uuid4()
    old, recent, waiting = (courier.say(launched())[0] for _ in range(3))
    (card,) = courier.say(PersonCard(person_id=person, version=3))
    courier.rows("update outbox set published_at = now() - interval '9 days' where id = :id", id=old)
    courier.rows("update outbox set published_at = now() where id in (:a, :b)", a=recent, b=card)

    with courier.transaction() as session:
        since = datetime.now(UTC) - timedelta(days=8)
        said = republish(session, since=since, cards=lambda _: [PersonCard(person_id=person, version=4)])

    found = courier.rows("select id, type from outbox where published_at is null order by position")
    assert said == (1, 1)
    assert [each.id for each in found[:2]] == [recent, waiting]
    assert [each.type for each in found[2:]] == ["person.card"]
