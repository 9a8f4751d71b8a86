"""Dead letters: masked for staff, replayed in the order of their key, discarded with a reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from shared import dead_letters, retention
from shared.dead_letters import LetterCleared, LetterClosed, LetterNotFound, ReasonMissing, reason_of
from shared.envelope import Envelope
from shared.errors import Conflict
from shared.inbox import Inbox
from shared.messages import MASK, MessageMalformed, PersonCard
from shared.replays import Replays
from tests.support.courier import Courier, counter_of, envelope, launched, note, settled

BY = uuid4()
NOW = datetime.now(UTC)


class Unwelcome(Conflict):
    """These counters are not welcome now."""


class Moody:
    """A handler that refuses some counters for as long as it is told to."""

    def __init__(self) -> None:
        self.refuses: set[int] = set()

    def __call__(self, session, message) -> None:
        if counter_of(message) in self.refuses:
            raise Unwelcome
        note(session, message)


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def inbox(courier: Courier, moody: Moody) -> Inbox:
    return Inbox("tests", {"campaign.launched": moody, "donation.settled": moody}, courier.transaction)


def bury(inbox: Inbox, message: Envelope, reason: str = "Unwelcome: unwelcome") -> UUID:
    with inbox.transaction() as session:
        dead_letters.bury(session, inbox.consumer, message, reason=reason)
    return dead_letters.letter_id_of(inbox.consumer, message)


def ask(inbox: Inbox, letter_id: UUID) -> None:
    with inbox.transaction() as session:
        dead_letters.ask_replay(session, letter_id, by=BY, at=NOW)


def counters(courier: Courier) -> list[int]:
    return [counter for _, counter in courier.effects()]


def test_later_messages_of_a_key_wait_behind_its_letter(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()
    bury(inbox, envelope(launched(1, key)))

    inbox.take([envelope(launched(2, key)), envelope(launched(9)), envelope(launched(3, key))])

    assert counters(courier) == [9]
    assert courier.one("select count(*) from held_messages") == 2


def test_a_key_is_that_of_one_topic_and_one_consumer(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()
    bury(inbox, replace(envelope(launched(1, key)), topic="amicale.other"))
    bury(Inbox("other", {}, courier.transaction), envelope(launched(2, key)))

    inbox.take([envelope(launched(3, key))])

    assert counters(courier) == [3]


def test_a_replay_handles_the_letter_and_then_what_waits_in_order(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()
    letter_id = bury(inbox, envelope(launched(1, key)))
    inbox.take([envelope(launched(counter, key)) for counter in (2, 3, 4)])

    ask(inbox, letter_id)
    done = Replays(inbox).run(NOW)
    inbox.take([envelope(launched(5, key))])

    assert done == 4
    assert counters(courier) == [1, 2, 3, 4, 5]
    assert courier.one("select count(*) from held_messages") == 0


def test_nothing_is_replayed_that_nobody_asked_for(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()
    bury(inbox, envelope(launched(1, key)))
    inbox.take([envelope(launched(2, key))])

    assert Replays(inbox).run(NOW) == 0
    assert counters(courier) == []


def test_a_replay_that_fails_again_keeps_the_key(inbox: Inbox, courier: Courier, moody: Moody) -> None:
    key = uuid4()
    moody.refuses = {1}
    letter_id = bury(inbox, envelope(launched(1, key)), "KeyError")
    inbox.take([envelope(launched(2, key))])

    ask(inbox, letter_id)
    assert Replays(inbox).run(NOW) == 0
    assert Replays(inbox).run(NOW) == 0

    with inbox.transaction() as session:
        letter = dead_letters.letter(session, letter_id)
    assert (letter.tries, letter.reason, letter.replay_asked_at, letter.held) == (
        2, "Unwelcome: unwelcome", None, 1,
    )  # fmt: skip


def test_a_held_message_that_dies_holds_what_is_behind_it(
    inbox: Inbox, courier: Courier, moody: Moody
) -> None:
    key = uuid4()
    moody.refuses = {2}
    letter_id = bury(inbox, envelope(launched(1, key)))
    inbox.take([envelope(launched(counter, key)) for counter in (2, 3)])

    ask(inbox, letter_id)
    Replays(inbox).run(NOW)
    assert counters(courier) == [1]

    moody.refuses = set()
    with inbox.transaction() as session:
        (second,) = dead_letters.letters(session)
    ask(inbox, second.id)
    Replays(inbox).run(NOW)
    assert counters(courier) == [1, 2, 3]


def test_a_discard_releases_the_key_and_the_message_never_acts(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()
    dead = envelope(launched(1, key))
    letter_id = bury(inbox, dead)
    inbox.take([envelope(launched(2, key))])

    with inbox.transaction() as session:
        dead_letters.discard(session, letter_id, reason="typed twice", by=BY, at=NOW)
    inbox.take([envelope(launched(3, key))])
    Replays(inbox).run(NOW)
    inbox.take([dead, envelope(launched(4, key))])

    assert counters(courier) == [2, 3, 4]
    assert courier.one("select discard_reason from dead_letters") == "typed twice"
    assert courier.one("select closed_by from dead_letters") == BY


def test_a_discard_needs_a_reason(inbox: Inbox) -> None:
    letter_id = bury(inbox, envelope(launched()))

    with pytest.raises(ReasonMissing), inbox.transaction() as session:
        dead_letters.discard(session, letter_id, reason="  ", by=BY, at=NOW)


def test_a_closed_letter_stays_closed(inbox: Inbox) -> None:
    letter_id = bury(inbox, envelope(launched()))
    ask(inbox, letter_id)
    Replays(inbox).run(NOW)

    with pytest.raises(LetterClosed):
        ask(inbox, letter_id)
    with pytest.raises(LetterClosed), inbox.transaction() as session:
        dead_letters.discard(session, letter_id, reason="no more", by=BY, at=NOW)
    with pytest.raises(LetterNotFound):
        ask(inbox, uuid4())


def test_the_same_message_has_one_letter(inbox: Inbox, courier: Courier) -> None:
    message = envelope(launched())

    assert bury(inbox, message) == bury(inbox, replace(message, offset=99))

    assert courier.one("select count(*) from dead_letters") == 1


def test_offsets_that_begin_again_lose_no_letter_and_no_held_message(inbox: Inbox, courier: Courier) -> None:
    key = uuid4()
    bury(inbox, envelope(launched(1, key), offset=0))
    inbox.take([envelope(launched(2, key), offset=1)])

    bury(inbox, envelope(launched(3, key), offset=0))
    inbox.take([envelope(launched(4, key), offset=1)])

    assert courier.one("select count(*) from dead_letters") == 2
    assert courier.one("select count(*) from held_messages") == 2


def test_cards_hold_nothing(courier: Courier) -> None:
    heard: list[int] = []
    person = uuid4()
    inbox = Inbox("tests", {"person.card": lambda _, card: heard.append(card.version)}, courier.transaction)
    bury(inbox, envelope(PersonCard(person_id=person, version=1)))

    inbox.take([envelope(PersonCard(person_id=person, version=2))])

    assert heard == [2]


def test_staff_see_what_it_was_and_no_personal_value(inbox: Inbox) -> None:
    letter_id = bury(inbox, envelope(settled(5)))

    with inbox.transaction() as session:
        letter = dead_letters.letter(session, letter_id)
        (listed,) = dead_letters.letters(session)

    assert letter.value["amount_minor"] == 5
    assert letter.value["contact"]["email"] == MASK
    assert "claire" not in str(letter).lower()
    assert (listed.id, listed.type, listed.value) == (letter_id, "donation.settled", None)


def test_letters_come_in_pages_newest_first(inbox: Inbox) -> None:
    ids = [bury(inbox, envelope(launched())) for _ in range(5)]

    with inbox.transaction() as session:
        first = dead_letters.letters(session, limit=2)
        rest = dead_letters.letters(session, after=first[-1].id)

    assert [each.id for each in first + rest] == ids[::-1]


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[1]",
        "null",
        '"\\ud800"',
        '{"a": NaN}',
        "[" * 100_000,
        "claire\x00",
        '{"slug": "\\ud800 claire"}',
    ],
    ids=["cut", "list", "null", "surrogate", "NaN", "nested", "not JSON", "surrogate in an object"],
)
def test_whatever_came_can_be_stored_and_shown(inbox: Inbox, value: str) -> None:
    record = SimpleNamespace(
        topic="t", partition=0, offset=3, key=b"k", headers=[], value=value.encode(errors="surrogatepass")
    )
    message = Envelope.of(record)

    letter_id = bury(inbox, message)
    with inbox.transaction() as session:
        letter = dead_letters.letter(session, letter_id)

    assert letter.value == MASK or letter.value == {"slug": "\ud800 claire"}


def test_a_card_is_personal_as_a_whole_and_never_comes_back_as_a_tombstone(courier: Courier) -> None:
    inbox = Inbox("tests", {"person.card": note}, courier.transaction)
    letter_id = bury(inbox, envelope(PersonCard(person_id=uuid4(), version=1, family_name="Canari")))
    assert "Canari" not in courier.one("select payload || headers::text from dead_letters")

    with courier.transaction() as session:
        retention.keep(session, at=NOW + timedelta(days=31))

    assert courier.one("select contact from dead_letters") is None
    with pytest.raises(LetterCleared):
        ask(inbox, letter_id)


def test_a_reason_names_places_and_codes_and_no_value(courier: Courier) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    with pytest.raises(DBAPIError) as violated, courier.transaction() as session:
        session.execute(text("insert into leases (job, holder, until) values ('claire', null, now())"))

    reason = reason_of(violated.value)

    assert reason.startswith("NotNullViolation 23502")
    assert "tests/shared/test_dead_letters.py:" in reason
    assert "claire" not in reason
    assert reason_of(Unwelcome("claire@example.org")) == "Unwelcome: unwelcome"
    assert reason_of(MessageMalformed("donation.settled: amount_minor")).endswith("amount_minor")
