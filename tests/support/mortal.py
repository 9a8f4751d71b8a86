"""A stack to be broken: its parts killed, frozen, kept away, or without a guard; and what to look at then."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from deploy.local.layout import ROOT
from tests.support.controls.__main__ import FOLDER
from tests.support.donor import Donor, eventually, mailbox, received
from tests.support.stack import RunningStack, running_stack

PATIENCE_S = 180
"""A sender that dies with an email in its hands holds it for 90 s, and PostgreSQL is away for a minute."""

CAMPAIGNS = """
from services.giving import demo
from shared.clock import now
from services.giving.models import Transaction, database
from services.giving.settings import load
database.connect(load().database_url, pool_size=1)
with Transaction() as session:
    demo.found(session, at=now())
"""


@contextmanager
def mortal_stack(data: Path, **told: str) -> Iterator[RunningStack]:
    """A stack of the test's own, with campaigns and a partner, without people and past gifts."""
    with running_stack(data, program="tests.support.controls", AMICALE_DEMO_DATA="0", **told) as stack:
        guards(stack).mkdir()
        _once(stack, "giving", "-c", CAMPAIGNS)
        _once(stack, "notify", "-m", "services.notify.demo")
        yield stack


def _once(stack: RunningStack, service: str, *command: str) -> None:
    told = stack.layout.demo_environment(service)
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=told, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def guards(stack: RunningStack) -> Path:
    """The folder that names the guards to be left out."""
    return stack.data / FOLDER


@contextmanager
def without(stack: RunningStack, *names: str, part: str = "") -> Iterator[None]:
    """What starts meanwhile, `part` first of all, leaves these guards out; `part` gets them back."""
    for name in names:
        (guards(stack) / name).touch()
    try:
        if part:
            start_again(stack, part)
        yield
    finally:
        for name in names:
            (guards(stack) / name).unlink(missing_ok=True)
        if part:
            start_again(stack, part)


def start_again(stack: RunningStack, part: str) -> None:
    """End a part, and wait for the one that follows it."""
    stack.wait_for_another(part, stack.kill(part, signal.SIGTERM))
    stack.wait_until_ready()


@contextmanager
def frozen(stack: RunningStack, part: str) -> Iterator[None]:
    """A part does nothing, as in a long pause of its machine; it may be ended meanwhile."""
    pid = stack.kill(part, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def away(stack: RunningStack, part: str, how: signal.Signals) -> Iterator[None]:
    """A part is ended, and again as often as it comes back."""
    over = threading.Event()

    def end() -> None:
        ended = 0
        while not over.is_set():
            pid = stack.pids.get(part, ended)
            if pid != ended:
                with suppress(ProcessLookupError):
                    os.kill(pid, how)
                ended = pid
            over.wait(0.03)

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def misbehave(stack: RunningStack, **switches: Any) -> None:
    """Turn switches of the sandbox; without any, all are off again."""
    where = f"{stack.inside('sandbox')}/sandbox/control/switches"
    (httpx.put(where, json=switches) if switches else httpx.delete(where)).raise_for_status()


def sandbox(stack: RunningStack, statement: str, *values: Any) -> list[Any]:
    """What the sandbox remembers."""
    store = f"file:{stack.data}/sandbox/sandbox.sqlite3?mode=ro"
    with closing(sqlite3.connect(store, uri=True, timeout=10)) as db:
        return db.execute(statement, values).fetchall()


def ask(stack: RunningStack, service: str, statement: str, *values: Any) -> list[Any]:
    """What stands in a service's database."""
    with psycopg.connect(stack.database_url(service)) as connection:
        return connection.execute(statement, values).fetchall()


class Gift:
    """One donor's gift, made with patience whatever dies meanwhile, and what came of it."""

    def __init__(self, stack: RunningStack, campaign: str) -> None:
        self.stack, self.campaign, self.donor = stack, campaign, Donor(stack)
        self.begun: dict[str, Any] = {}

    def begin(self) -> "Gift":
        """Ask for the page until there is one."""
        wish = self.donor.wish(5_000, self.campaign)
        self.begun = self.donor.begin_at_last(wish, within_s=PATIENCE_S)
        return self

    def give(self) -> "Gift":
        """Begin, and pay until the provider has the money."""
        self.begin().donor.press_at_last(self.begun["checkout_url"], within_s=PATIENCE_S)
        return self

    def until(self, status: str) -> "Gift":
        """Wait until the donor's own page says so."""
        self.donor.until(self.begun, status, within_s=PATIENCE_S)
        return self

    @property
    def id(self) -> str:
        return str(self.begun["id"])

    @property
    def status(self) -> str:
        return str(self.donor.gift(self.begun)["status"])

    def thanks(self) -> Counter[str]:
        """How often each email of theirs arrived, by its Message-ID, by which a mailbox drops repeats."""
        return Counter(each["message_id"] for each in mailbox(self.stack, self.donor.email))

    def until_thanked(self) -> "Gift":
        """Wait for the email."""
        eventually(self.thanks, within_s=PATIENCE_S, every_s=0.3)
        return self

    def pages(self) -> list[str]:
        """The payment pages that the provider opened for it."""
        rows = sandbox(self.stack, PAGES, self.id)
        return [f"{self.stack.url}/sandbox/pay/{row[0]}" for row in rows]

    def charges(self) -> int:
        """How often it was charged."""
        return charged(self.stack)[self.id]


PAGES = "select id from objects where kind = 'checkout.session' and body ->> '$.client_reference_id' = ?"
CHARGED = """
select body ->> '$.metadata.donation_id', count(*) from objects
where kind = 'charge' and body ->> '$.paid' group by 1
"""


def charged(stack: RunningStack) -> Counter[str]:
    """How often each gift was charged, as the provider has it."""
    return Counter({row[0]: row[1] for row in sandbox(stack, CHARGED)})


def give_many(
    stack: RunningStack, campaign: str, pauses_s: Iterable[float], *, at_once: int = 4
) -> list[Gift]:
    """As many gifts as there are pauses, each by another donor, some at once."""

    def give(pause_s: float) -> Gift:
        threading.Event().wait(pause_s)
        return Gift(stack, campaign).give()

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(give, pauses_s))


def check_nothing_lost_or_doubled(stack: RunningStack, gifts: list[Gift], *, before: dict[str, Any]) -> None:
    """Each gift charged and settled once, each donor thanked once, the partner told once, the books agree."""
    stack.wait_until_ready(within_s=PATIENCE_S)
    for gift in gifts:
        gift.until("settled")
    assert Counter({gift.id: charged(stack)[gift.id] for gift in gifts}) == Counter(g.id for g in gifts)
    total = gifts[0].donor.total(gifts[0].campaign)
    assert total["raised_minor"] - before["raised_minor"] == 5_000 * len(gifts)
    assert total["donations_count"] - before["donations_count"] == len(gifts)
    once = Counter(gift.donor.email for gift in gifts)
    assert eventually(lambda: complete(thanked(stack), once), within_s=PATIENCE_S, every_s=0.5) == once
    assert eventually(lambda: complete(told(stack), once), within_s=PATIENCE_S, every_s=0.5) == once
    check_books(stack)


def check_books(stack: RunningStack) -> None:
    """No drift, no dead letter, nothing left unsaid."""
    drift = stack.run("giving", sys.executable, "-m", "services.giving.drift")
    assert drift.returncode == 0, drift.stdout + drift.stderr
    for service in ("giving", "events", "notify", "directory"):
        assert ask(stack, service, "select type, reason from dead_letters") == []
        unsaid = "select count(*) from outbox where published_at is null"
        eventually(lambda of=service, left=unsaid: ask(stack, of, left) == [(0,)], within_s=30, every_s=0.5)


def complete(found: Counter[str], expected: Counter[str]) -> Counter[str] | None:
    """What was found of the expected, once each of them was."""
    kept = Counter({name: count for name, count in found.items() if name in expected})
    return kept if set(kept) == set(expected) else None


def thanked(stack: RunningStack) -> Counter[str]:
    """How many emails came to each address; the same one arriving twice is one."""
    different = {(to, each["message_id"]) for each in mailbox(stack) for to in each["recipients"]}
    return Counter(to for to, _ in different)


def told(stack: RunningStack) -> Counter[str]:
    """How many gifts of each address the partner knows of, plus the deliveries that said nothing new."""
    items = received(stack)["items"]
    states = {each["webhook_id"]: json.loads(each["body"])["data"] for each in items}
    deliveries = Counter(state["email"] for state in states.values())
    gifts = {state["email"]: len(state["donations"]) for state in states.values()}
    return Counter({email: max(gifts[email], count) for email, count in deliveries.items()})
