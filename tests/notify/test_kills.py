"""Senders that are killed in the middle: every email leaves, and a repeat is the same message."""

import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from itertools import cycle

import pytest

from services.notify import gifts
from services.notify.models import Transaction
from shared.clock import now
from tests.support import facts
from tests.support.scale import sized

KILLS = sized(20, least=3)
EMAILS = sized(1_000)


class Killed:
    """A sender process, killed as a recipient is named or when the message was just taken; started again."""

    def __init__(self, database_url, smtp, guard, dice, at):
        self.command = [sys.executable, "-m", "tests.support.sender", database_url, smtp.url, guard]
        self.due = sorted(dice.randrange(2 * EMAILS * 9 // 10) for _ in range(KILLS))
        self.at = cycle(at)
        self.wanted = next(self.at)
        self.steps = 0
        self.kills = 0
        smtp.on_step = self.step

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "sending\n"

    def step(self, step, address):
        self.steps += 1
        if self.due and self.steps > self.due[0] and step == self.wanted:
            self.due.pop(0)
            self.wanted = next(self.at)
            self.process.kill()
            self.kills += 1

    def keep_alive(self, over):
        while not over.wait(0.01):
            if self.process.poll() is not None:
                self.process.stdout.close()
                self.start()

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


def _send_all(settings, smtp, guard, *, at_steps, within_s):
    """Queue all, send under kills; ids of what the server took, by address."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    at = now()
    with Transaction() as session:
        for number in range(EMAILS):
            who = facts.contact(email=f"donor{number}@example.org")
            gifts.settled(session, facts.settled(who, at=at), settings=settings, at=at)
    sender = Killed(settings.database_url, smtp, guard, random.Random(seed), at_steps)
    sender.start()
    over = threading.Event()
    keeper = threading.Thread(target=sender.keep_alive, args=(over,), daemon=True)
    keeper.start()
    _wait(lambda: len({each["X-Rcpt"] for each in smtp.taken}) == EMAILS or not _left(), within_s)
    over.set()
    keeper.join()
    sender.stop()
    assert sender.kills == KILLS
    by_address = defaultdict(list)
    for each in smtp.taken:
        by_address[each["X-Rcpt"]].append(each["Message-ID"])
    return by_address, sender


def _left():
    with Transaction() as session:
        waiting = "select count(*) from emails where status in ('queued', 'sending')"
        return session.connection().exec_driver_sql(waiting).scalar_one()


def _wait(done, within_s):
    until = time.monotonic() + within_s
    while not done() and time.monotonic() < until:
        time.sleep(0.1)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_every_email_leaves_through_kills_and_a_repeat_is_the_same_message(settings, smtp):
    by_address, sender = _send_all(settings, smtp, "guarded", at_steps=("asked", "taken"), within_s=300)

    assert len(by_address) == EMAILS
    assert all(len(set(ids)) == 1 for ids in by_address.values())
    assert sum(len(ids) - 1 for ids in by_address.values()) <= 2 * sender.kills


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_control_written_down_before_sending_emails_are_lost(settings, smtp):
    by_address, _ = _send_all(settings, smtp, "unguarded", at_steps=("asked",), within_s=300)

    assert len(by_address) < EMAILS
