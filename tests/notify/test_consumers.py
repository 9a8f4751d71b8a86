"""What notify hears, delivered again and again, by several consumers at once."""

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

import services.notify
from services.notify import consumers, schedule
from services.notify.mailer import Mailer
from services.notify.models import CrmChange, Email, TimelineEntry, Transaction
from shared.clock import now
from shared.db import uuid7
from shared.inbox import Inbox, handlers_of
from tests.support import facts
from tests.support.scale import sized

COPIES = 5


def test_what_is_heard_is_what_the_service_says_it_hears():
    hears = re.search(r"Hears:(.*?)\nDoors:", services.notify.__doc__, re.DOTALL)

    assert set(re.findall(r"`([a-z_.]+)`", hears[1])) == set(handlers_of(consumers))


@pytest.mark.chaos
def test_each_of_many_messages_delivered_five_times_makes_one_email(smtp):
    addresses = _deliver_again_and_again(smtp, same_id=True)

    assert Counter(received["X-Rcpt"] for received in smtp.taken) == Counter(addresses)
    with Transaction() as session:
        for model, each in ((Email, 1), (CrmChange, 1), (TimelineEntry, 2)):
            count = session.execute(select(func.count()).select_from(model)).scalar_one()
            assert count == each * len(addresses)


@pytest.mark.chaos
def test_control_without_the_messages_id_every_delivery_makes_an_email(smtp):
    addresses = _deliver_again_and_again(smtp, same_id=False)

    assert len(smtp.taken) == COPIES * len(addresses)


def _deliver_again_and_again(smtp, *, same_id):
    """1,000 messages at full size, five copies of each, shuffled, through four consumers and two senders."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    at = now()
    addresses = [f"donor{number}@example.org" for number in range(sized(1_000) if same_id else 10)]
    arriving = []
    for address in addresses:
        message = facts.settled(facts.contact(email=address), at=at)
        message_id = uuid7()
        arriving += [
            facts.delivered(message, message_id=message_id if same_id else uuid7()) for _ in range(COPIES)
        ]
    random.Random(seed).shuffle(arriving)
    batches = [arriving[at : at + 20] for at in range(0, len(arriving), 20)]
    inbox = Inbox("notify", handlers_of(consumers), Transaction)
    with ThreadPoolExecutor(6) as threads:
        hearing = [threads.submit(_take, inbox, batch) for batch in batches]
        for each in hearing:
            each.result()
        for each in [threads.submit(_drain, smtp.url) for _ in range(2)]:
            each.result()
    return addresses


def _take(inbox, batch):
    """A batch in one transaction, as the consumer does; one at a time when it meets another's locks."""
    try:
        inbox.take(batch)
    except Exception:
        for each in batch:
            inbox.take([each])


def _drain(url):
    by = Mailer(url)
    while schedule.send_next(by):
        pass
    by.hang_up()
