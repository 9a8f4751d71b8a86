"""Two api and two worker processes of each service, under load, while any of them is killed.

What is shared is shared (requests, partitions), what one does at a time is done by one (relay, jobs), and
nothing is lost or doubled when it passes from one to the other. The controls of these guards stand where
they are proved one by one: two relays in test_courier.py, leases in tests/shared/test_jobs.py.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import pytest

from shared.kafka import Broker, TopicPartition
from tests.support.donor import Donor, eventually
from tests.support.mortal import ask, check_nothing_lost_or_doubled, give_many, mortal_stack
from tests.support.scale import sized
from tests.support.stack import RunningStack

pytestmark = [pytest.mark.chaos, pytest.mark.stack, pytest.mark.timeout(1800)]

GIFTS = sized(300)
COPIES = [
    f"{service}-{kind}{number}"
    for service in ("giving", "notify", "directory")
    for kind in ("api", "worker")
    for number in ("", "-2")
]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with two of each."""
    with mortal_stack(tmp_path_factory.mktemp("several") / "data", PROCESSES="2", TRACES="1") as stack:
        yield stack


def states(stack: RunningStack, service: str) -> list[dict[str, Any]]:
    """What each living worker of a service says of itself."""
    fresh = "select state from heartbeats where beat_at > clock_timestamp() - interval '6 seconds'"
    return [row[0] for row in ask(stack, service, fresh)]


def test_both_workers_hear_half_of_the_partitions_each(several: RunningStack) -> None:
    for service in ("giving", "notify"):

        def shared_out(of: str = service) -> list[int] | None:
            shares = [each["consumer"]["assigned"] for each in states(several, of)]
            return shares if len(shares) == 2 and all(shares) else None

        first, second = eventually(shared_out, within_s=60, every_s=0.5)
        assert first == second


def test_each_job_is_one_workers_at_a_time(several: RunningStack) -> None:
    """Who holds the lease of a job that looks often runs it every second or two; the other never does."""

    def lately() -> Counter[str] | None:
        at, ran = datetime.now(UTC), Counter[str]()
        for each in states(several, "giving"):
            for job, state in each["jobs"].items():
                moment = state["ran_at"] and datetime.fromisoformat(state["ran_at"])
                ran[job] += bool(moment and (at - moment).total_seconds() < 8)
        return ran if ran["retry_parked_events"] and ran["fetch_details"] else None

    ran = eventually(lately, within_s=30, every_s=0.5)
    assert max(ran.values()) == 1, ran


def test_both_api_processes_answer_on_one_address(several: RunningStack) -> None:
    """Each connection of its own is dealt out by the kernel; both count what they answered."""
    for _ in range(40):
        httpx.get(f"{several.inside('giving')}/api/v1/giving/campaigns").raise_for_status()

    counted = {int(each.stem.split("_")[1]) for each in several.layout.counters("giving").glob("counter_*")}
    for name in ("giving-api", "giving-api-2"):
        (answering,) = psutil.Process(several.pids[name]).children()
        assert answering.pid in counted, name


def test_the_traces_of_a_gift_tell_what_each_service_did(several: RunningStack) -> None:
    campaign = str(Donor(several).campaign()["id"])
    (gift,) = give_many(several, campaign, [0.0])
    gift.until("settled").until_thanked()
    asked = f"{several.inside('sandbox')}/sandbox/traces/?q={gift.id}&lang=en"

    def whole() -> str | None:
        page = httpx.get(asked).text
        wanted = (
            "POST /api/v1/giving/donations", "/webhooks/stripe/giving", "giving → notify", "send email",
            "push delivery",
        )  # fmt: skip
        return page if all(each in page for each in wanted) else None

    eventually(whole, within_s=30, every_s=0.5)


def test_two_relays_say_each_fact_once(several: RunningStack) -> None:
    campaign = str(Donor(several).campaign()["id"])
    before = Donor(several).total(campaign)

    gifts = give_many(several, campaign, [0.0] * sized(100, least=8))
    check_nothing_lost_or_doubled(several, gifts, before=before)

    said = Counter(facts_on(several, "amicale.giving"))
    committed = {str(row[0]) for row in ask(several, "giving", "select id from outbox")}
    assert set(said) == committed and set(said.values()) == {1}


def facts_on(stack: RunningStack, topic: str) -> list[str]:
    """The ids of all messages on a topic."""
    client = Broker(stack.broker).consumer(None)
    places = [TopicPartition(topic, each) for each in range(6)]
    client.assign(places)
    client.seek_to_beginning(*places)
    found, silent = list[str](), 0
    while silent < 4:
        polled = [record for records in client.poll(timeout_ms=500).values() for record in records]
        found += [dict(record.headers)["ce_id"].decode() for record in polled]
        silent = 0 if polled else silent + 1
    client.close(autocommit=False)
    return found


def test_any_copy_may_be_killed_under_load(several: RunningStack) -> None:
    seed = random.randrange(1_000_000)
    dice, campaign = random.Random(seed), str(Donor(several).campaign()["id"])
    before, killed = Donor(several).total(campaign), list[str]()

    def kill_in_turn() -> None:
        for name in dice.sample(COPIES, sized(len(COPIES), least=6)):
            time.sleep(dice.uniform(0.2, 0.8))
            several.wait_for_another(name, several.kill(name))
            killed.append(name)

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill_in_turn)
        gifts = give_many(several, campaign, [dice.uniform(0, 3) for _ in range(GIFTS)])
        killing.result()

    print(f"seed {seed}: {len(gifts)} gifts, killed {dict(Counter(killed))}")
    check_nothing_lost_or_doubled(several, gifts, before=before)
