"""The path of one gift: what was said, published, handled and what failed, in the order of time."""

import time
from datetime import UTC, datetime
from uuid import uuid4

from shared import dead_letters
from shared.inbox import Inbox
from shared.paths import message_steps
from tests.support.courier import Courier, envelope, launched, note, settled


def test_the_steps_of_a_chain_and_of_no_other(courier: Courier) -> None:
    message = settled()
    origin = message.donation_id
    courier.say(message)
    courier.rows("update outbox set published_at = clock_timestamp()")
    time.sleep(0.01)  # ids tell whole milliseconds
    courier.say(launched(), correlation_id=origin)
    courier.say(launched())
    Inbox("tests", {"donation.settled": note}, courier.transaction).take([envelope(message)])
    with courier.transaction() as session:
        dead_letters.bury(session, "tests", envelope(settled(key=origin)), reason="KeyError")
        dead_letters.bury(session, "tests", envelope(settled(key=uuid4())), reason="KeyError")

    with courier.transaction() as session:
        steps = message_steps(session, origin)

    assert [(step.kind, step.technical["type"]) for step in steps] == [
        ("said", "donation.settled"),
        ("published", "donation.settled"),
        ("said", "campaign.launched"),
        ("heard", "donation.settled"),
        ("died", "donation.settled"),
    ]
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert all(step.at <= datetime.now(UTC) for step in steps)
    assert all(set(step.title) == {"fr", "en"} for step in steps)
    assert [step.state for step in steps] == [None, None, None, None, "bad"]


def test_an_unknown_chain_has_no_steps(courier: Courier) -> None:
    with courier.transaction() as session:
        assert message_steps(session, uuid4()) == []
