"""What has had its time is cleared or deleted, and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared import dead_letters, retention
from shared.messages import PersonCard
from tests.support.courier import Courier, envelope, launched, settled

NOW = datetime.now(UTC)


def published(courier: Courier, days_ago: float) -> None:
    courier.rows("update outbox set published_at = :at", at=NOW - timedelta(days=days_ago))


def keep(courier: Courier) -> int:
    with courier.transaction() as session:
        return retention.keep(session, at=NOW)


@pytest.mark.parametrize(("days", "left"), [(8.9, 1), (9.1, 0)])
def test_the_personal_part_goes_nine_days_after_publishing(courier: Courier, days: float, left: int) -> None:
    courier.say(settled())
    published(courier, days)

    keep(courier)

    assert courier.one("select count(*) from outbox") == 1
    assert courier.one("select count(contact) from outbox") == left


@pytest.mark.parametrize(("days", "left"), [(0.9, 2), (1.1, 1)])
def test_cards_go_a_day_after_publishing_and_facts_stay(courier: Courier, days: float, left: int) -> None:
    courier.say(PersonCard(person_id=uuid4(), version=1), launched())
    published(courier, days)

    keep(courier)

    assert courier.one("select count(*) from outbox") == left


def test_what_is_not_published_is_never_touched(courier: Courier) -> None:
    courier.say(PersonCard(person_id=uuid4(), version=1), settled())

    assert keep(courier) == 0
    assert courier.one("select count(*) from outbox") == 2


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_the_personal_part_of_a_letter_goes_after_thirty_days(courier: Courier, days: int, left: int) -> None:
    with courier.transaction() as session:
        dead_letters.bury(session, "tests", envelope(settled()), reason="KeyError")
        dead_letters.hold(session, "tests", envelope(settled()))
    courier.rows("update dead_letters set died_at = :at", at=NOW - timedelta(days=days))
    courier.rows("update held_messages set held_at = :at", at=NOW - timedelta(days=days))

    keep(courier)

    assert courier.one("select count(contact) from dead_letters") == left
    assert courier.one("select count(contact) from held_messages") == left
    assert courier.one("select count(*) from dead_letters") == 1


def test_room_is_made_for_the_months_ahead(courier: Courier) -> None:
    with courier.transaction() as session:
        assert retention.make_room(session) == 0
