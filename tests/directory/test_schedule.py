"""What the directory does by the clock, as the worker finds and runs it; and what a kill does to it."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import fields
from datetime import timedelta

from sqlalchemy import func, select

from services.directory import imports, schedule, sign_in_links
from services.directory.models import Import, Person, SignInSession, Transaction
from shared.jobs import jobs_of
from shared.worker import cards_of
from tests.directory.conftest import NOW, said
from tests.directory.doors import a_person, an_account, sign_in
from tests.directory.test_imports import ROW, check

WORKER = """
from sqlalchemy import select
from services.directory import import_runs, settings
from shared.clock import now
from services.directory.models import Import, Transaction, database

def runs():
    with Transaction() as session:
        return session.scalars(select(Import)).one().status == "running"

settings.use(settings.DirectorySettings.from_env("directory"))
database.connect(settings.current().database_url)
import_runs.WRITTEN_AT_ONCE = 4
while runs():
    with Transaction() as session:
        written = import_runs.write_some(session, at=now())
    print(written, flush=True)
"""


def test_the_worker_finds_the_jobs_and_the_cards():
    assert {job.name for job in jobs_of(schedule)} == {"issue_links", "write_imports", "forget"}
    assert cards_of([schedule]) is schedule.every_card


def test_a_link_leaves_within_a_turn_of_the_clock():
    with Transaction() as session:
        a_person(session)
        sign_in_links.ask(session, email="zoe@example.org", locale="en", next=None, at=NOW)

    assert schedule.issue_links(NOW) == 1
    assert schedule.issue_links(NOW) == 0

    with Transaction() as session:
        (message,) = said(session, "sign_in.link_issued")
        assert (message["contact"]["locale"], message["contact"]["typed"]) == ("en", True)
        assert "link" not in message


def test_an_import_is_written_by_the_clock():
    with Transaction() as session:
        checked = check(session, ROW)
        imports.confirm(session, checked.id, by=None, at=NOW)

    assert [schedule.write_imports(NOW) for _ in range(3)] == [1, 1, 0]

    with Transaction() as session:
        assert session.get(Import, checked.id).status == "done"


def test_what_ended_is_forgotten_by_the_clock():
    with Transaction() as session:
        an_account(session)
        sign_in(session)

    schedule.forget(NOW + timedelta(days=200))

    with Transaction() as session:
        assert session.scalar(select(func.count()).select_from(SignInSession)) == 0


def test_every_person_has_a_new_card_when_the_broker_was_emptied():
    with Transaction() as session:
        for _ in range(3):
            a_person(session)

    with Transaction() as session:
        again = list(schedule.every_card(session))

    assert [card.version for card in again] == [2, 2, 2]


def test_a_worker_killed_at_any_moment_doubles_and_loses_nothing(told):
    seed = int(os.environ.get("SEED", time.time_ns() % 10_000))
    print(f"SEED={seed}")
    chance, people = random.Random(seed), 120
    with Transaction() as session:
        lines = [ROW.replace("72100001", f"7210{number:04}") for number in range(people)]
        checked = check(session, *lines)
        imports.confirm(session, checked.id, by=None, at=NOW)

    kills = 0
    while not work(told, kill_after=chance.randint(0, 8) if kills < 3 else None):
        kills += 1

    assert kills == 3
    with Transaction() as session:
        done = session.get(Import, checked.id)
        assert (done.status, done.counts["created"], done.counts["updated"]) == ("done", people, 0)
        assert session.scalar(select(func.count()).select_from(Person)) == people
        assert [card["version"] for card in said(session, "person.card")] == [1] * people
        assert len(said(session, "import.completed")) == 1


def work(told, *, kill_after: int | None) -> bool:
    """Run the import's worker in a process of its own; True when it came to its end, False when killed."""
    names = [each.name for each in fields(told) if isinstance(getattr(told, each.name), str)]
    environment = {**os.environ, **{name.upper(): getattr(told, name) for name in names}}
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for turn, _ in enumerate(process.stdout):
            if turn == kill_after:
                process.send_signal(signal.SIGKILL)
                break
    return kill_after is None
