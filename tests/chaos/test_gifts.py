"""Gifts while parts of the running stack die: nothing is lost, nothing is doubled, the books agree.

One stack for all of them. Each proof has a control run: the same part, started without the guard
(tests/support/controls), does the harm that the guard prevents. The sizes are those of CHAOS_SCALE.
"""

import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.support.donor import Donor, eventually
from tests.support.mortal import (
    Gift,
    ask,
    away,
    check_nothing_lost_or_doubled,
    frozen,
    give_many,
    misbehave,
    mortal_stack,
    sandbox,
    start_again,
    without,
)
from tests.support.scale import SCALE, sized
from tests.support.stack import RunningStack

pytestmark = [pytest.mark.chaos, pytest.mark.stack, pytest.mark.timeout(1800)]

GIFTS = sized(200)
CHILDREN = (
    "giving-api", "giving-worker", "notify-api", "notify-worker", "directory-api", "directory-worker",
    "events-api", "events-worker",
    "web", "web-live", "gateway", "sandbox", "postgres", "broker",
)  # fmt: skip


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack of this file's own, to be broken."""
    with mortal_stack(tmp_path_factory.mktemp("mortal") / "data") as stack:
        yield stack


@pytest.fixture(scope="module")
def campaign(mortal: RunningStack) -> str:
    return str(Donor(mortal).campaign()["id"])


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def before(mortal: RunningStack, campaign: str) -> dict[str, Any]:
    """The campaign's total before the test."""
    mortal.wait_until_ready()
    return Donor(mortal).total(campaign)


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `act` beside the block, and tell it when the block is over."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act, over)
        try:
            yield
        finally:
            over.set()
        acting.result()


def kill_and_wait(stack: RunningStack, name: str) -> None:
    """kill -9, and wait until the supervisor has started it again."""
    eventually(lambda: name in stack.pids, within_s=60)
    stack.wait_for_another(name, stack.kill(name), within_s=60)


def test_any_child_may_be_killed(
    mortal: RunningStack, campaign: str, dice: random.Random, before: dict[str, Any]
) -> None:
    """Webhooks come twice and in any order meanwhile."""
    killed: list[str] = []
    misbehave(mortal, webhook_duplicate_percent=30, webhook_spread_s=1)

    def kill(over: threading.Event) -> None:
        victims: list[str] = []
        while not over.wait(dice.uniform(0.5, 1.5)) or len(killed) < sized(len(CHILDREN), least=4):
            victims = victims or dice.sample(CHILDREN, len(CHILDREN))
            killed.append(victims.pop())
            kill_and_wait(mortal, killed[-1])

    with meanwhile(kill):
        gifts = give_many(mortal, campaign, [dice.uniform(0, 4) for _ in range(GIFTS)])
    mortal.wait_until_ready()
    misbehave(mortal)

    print(f"{len(gifts)} gifts, killed {dict(Counter(killed))}")
    check_nothing_lost_or_doubled(mortal, gifts, before=before)


@pytest.mark.full
def test_a_worker_may_die_before_and_after_the_effect(
    mortal: RunningStack, campaign: str, before: dict[str, Any]
) -> None:
    """Twice over one gift: when it was heard, and when what follows from it was committed."""
    moments = ("dies-before-the-effect", "dies-after-the-effect")
    with without(mortal, "short-sessions", *moments, part="notify-worker"):
        gift = Gift(mortal, campaign).give().until_thanked()
        later = Gift(mortal, campaign).give().until_thanked()

    check_nothing_lost_or_doubled(mortal, [gift, later], before=before)


@pytest.mark.full
def test_control_with_the_offset_stored_first_the_thanks_are_lost(
    mortal: RunningStack, campaign: str
) -> None:
    off = ("short-sessions", "offsets-first", "dies-before-the-effect")
    with without(mortal, *off, part="notify-worker"):
        gift = Gift(mortal, campaign).give().until("settled")
        a_worker_died(mortal, off)
        passed_by(mortal, gift)


@pytest.mark.full
def test_control_without_the_messages_id_the_thanks_are_doubled(mortal: RunningStack, campaign: str) -> None:
    off = ("short-sessions", "no-memory", "dies-after-the-effect")
    with without(mortal, *off, part="notify-worker"):
        gift = Gift(mortal, campaign).give()
        a_worker_died(mortal, off)
        eventually(lambda: len(gift.thanks()) > 1, within_s=60, every_s=0.3)

    assert len(gift.thanks()) == 2


def a_worker_died(stack: RunningStack, moments: tuple[str, ...]) -> None:
    """Wait until the process that was to die has died, and another runs."""
    moment = stack.data / "guards-off" / moments[-1]
    eventually(lambda: not moment.exists(), within_s=60)
    stack.wait_until_ready()


def passed_by(stack: RunningStack, gift: Gift) -> None:
    """Later gifts are thanked for; of this one, notify knows nothing and will hear nothing more."""
    for _ in range(3):
        Gift(stack, gift.campaign).give().until_thanked()
    assert ask(stack, "notify", "select 1 from emails where correlation_id = %s", gift.id) == []


def sent_and_unheard(stack: RunningStack, campaign: str) -> Gift:
    """A gift that the broker holds, and that notify, which is frozen, has not heard of."""
    gift = Gift(stack, campaign).give().until("settled")
    sent = "select count(*) from outbox where correlation_id = %s and published_at is not null"
    eventually(lambda: ask(stack, "giving", sent, gift.id)[0][0] > 0, within_s=60, every_s=0.1)
    assert not gift.thanks()
    return gift


def test_the_broker_may_die_and_come_back_empty(
    mortal: RunningStack, campaign: str, dice: random.Random, before: dict[str, Any]
) -> None:
    """The first time with a gift that only it knew of."""
    deaths = 0
    with frozen(mortal, "notify-worker"):
        gifts = [sent_and_unheard(mortal, campaign)]
        kill_and_wait(mortal, "broker")

    def kill(over: threading.Event) -> None:
        nonlocal deaths
        while not over.wait(dice.uniform(1, 3)):
            kill_and_wait(mortal, "broker")
            deaths += 1
            over.wait(5)

    with meanwhile(kill):
        gifts += give_many(mortal, campaign, [dice.uniform(0, 2) for _ in range(GIFTS)])

    print(f"{len(gifts)} gifts, {1 + deaths} brokers died")
    check_nothing_lost_or_doubled(mortal, gifts, before=before)


@pytest.mark.full
def test_control_with_another_cluster_taken_for_the_same_the_thanks_are_lost(
    mortal: RunningStack, campaign: str
) -> None:
    with without(mortal, "cluster-unknown"):
        with frozen(mortal, "notify-worker"):
            gift = sent_and_unheard(mortal, campaign)
            kill_and_wait(mortal, "broker")
        passed_by(mortal, gift)

    start_again(mortal, "giving-worker")  # with its guard, it finds what was lost
    assert len(gift.until_thanked().thanks()) == 1


def test_postgresql_may_be_away(
    mortal: RunningStack, campaign: str, dice: random.Random, before: dict[str, Any]
) -> None:
    """Stopped at once and gone for a minute: what was answered stays, the rest is asked again."""
    with ExitStack() as gone:
        with frozen(mortal, "notify-worker"):
            gifts = [sent_and_unheard(mortal, campaign)]
            gone.enter_context(away(mortal, "postgres", signal.SIGQUIT))

        def come_back(over: threading.Event) -> None:
            time.sleep(max(5.0, 60 * SCALE))
            gone.close()

        with meanwhile(come_back):
            gifts += give_many(mortal, campaign, [dice.uniform(0, 2) for _ in range(GIFTS)])

    check_nothing_lost_or_doubled(mortal, gifts, before=before)


@pytest.mark.full
def test_control_taking_illness_for_a_bug_the_thanks_are_lost(mortal: RunningStack, campaign: str) -> None:
    with without(mortal, "passes-over-what-fails", part="notify-worker"):
        with ExitStack() as gone:
            with frozen(mortal, "notify-worker"):
                gift = sent_and_unheard(mortal, campaign)
                gone.enter_context(away(mortal, "postgres", signal.SIGQUIT))
            eventually(lambda: "passed over" in mortal.log("notify-worker"), within_s=180, every_s=0.2)
        passed_by(mortal, gift)


def test_dropped_webhooks_are_found_by_comparing(
    mortal: RunningStack, campaign: str, dice: random.Random, before: dict[str, Any]
) -> None:
    """The control is in between: what was dropped is missing until the lists are compared."""
    misbehave(mortal, webhook_drop_percent=20)
    gifts = give_many(mortal, campaign, [0.0] * GIFTS)
    while not (lost := dropped(mortal, gifts)):
        gifts.append(Gift(mortal, campaign).give())
    misbehave(mortal)
    for gift in gifts:
        if gift.id not in lost:
            gift.until("settled")

    assert {gift.id for gift in gifts if gift.status == "pending"} == lost
    first = mortal.run("giving", sys.executable, "-m", "services.giving.reconcile", timeout_s=120)
    second = mortal.run("giving", sys.executable, "-m", "services.giving.reconcile", timeout_s=120)

    print(f"{len(gifts)} gifts, {len(lost)} webhooks of payments dropped\n{first.stdout}{second.stdout}")
    assert second.stdout.count(" 0 events taken") == 2
    assert second.returncode == 0, second.stdout + second.stderr
    check_nothing_lost_or_doubled(mortal, gifts, before=before)


def dropped(stack: RunningStack, gifts: list[Gift]) -> set[str]:
    """The gifts of whose payment no webhook told."""
    told = {
        row[0]
        for row in sandbox(
            stack,
            "select o.body ->> '$.data.object.client_reference_id' from deliveries d"
            " join objects o on o.id = d.event"
            " where d.note = 'dropped' and d.type = 'checkout.session.completed'",
        )
    }
    return {gift.id for gift in gifts if gift.id in told}


def asked_while_the_provider_is_late(stack: RunningStack, campaign: str, *off: str) -> Gift:
    """The provider opens the page and answers when nobody listens any more; every page it has is paid."""
    with without(stack, "impatient", *off, part="giving-api"):
        misbehave(stack, api_late_next=4, api_late_s=5)
        gift = Gift(stack, campaign).begin()
        misbehave(stack)
        for page in gift.pages():
            gift.donor.press_at_last(page)
    return gift.until("settled")


def test_a_provider_that_answers_too_late_charges_once(
    mortal: RunningStack, campaign: str, before: dict[str, Any]
) -> None:
    gift = asked_while_the_provider_is_late(mortal, campaign)

    assert len(gift.pages()) == 1
    check_nothing_lost_or_doubled(mortal, [gift], before=before)


@pytest.mark.full
def test_control_without_our_id_as_its_key_the_provider_charges_twice(
    mortal: RunningStack, campaign: str
) -> None:
    gift = asked_while_the_provider_is_late(mortal, campaign, "asks-without-a-key")

    assert gift.charges() > 1
