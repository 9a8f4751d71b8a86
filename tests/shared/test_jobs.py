"""Scheduled jobs: one worker at a time, renewed while at work, taken over when the holder is gone."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import ModuleType

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from shared import jobs
from shared.db import Database
from shared.jobs import Job, JobRunner, every, jobs_of
from tests.support.courier import Courier
from tests.support.donor import eventually


def runner(
    courier: Courier, work: Callable[[datetime], int | None], seconds: float, **options: bool
) -> JobRunner:
    return JobRunner(Job("tidy", work, seconds, **options), courier.transaction)


def run_for(seconds: float, *runners: JobRunner) -> None:
    stopping = threading.Event()
    threads = [threading.Thread(target=each.run, args=(stopping,)) for each in runners]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stopping.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_module_marks_its_jobs() -> None:
    module = ModuleType("schedule")

    @every(60)
    def tidy(at: datetime) -> None: ...

    @every(0.25, lease=False)
    def look(at: datetime) -> None: ...

    module.tidy, module.look, module.other = tidy, look, len  # type: ignore[attr-defined]

    assert [(job.name, job.seconds, job.lease) for job in jobs_of(module)] == [
        ("tidy", 60, True),
        ("look", 0.25, False),
    ]


def test_a_job_runs_again_and_again(courier: Courier) -> None:
    ran: list[datetime] = []

    run_for(1.0, runner(courier, ran.append, 0.1))

    assert 5 <= len(ran) <= 11
    assert abs((ran[0] - datetime.now(UTC)).total_seconds()) < 5


def test_a_job_that_did_something_runs_again_at_once(courier: Courier) -> None:
    left = [3]

    def work(at: datetime) -> int:
        left[0] -= 1
        return max(left[0], 0)

    run_for(0.5, runner(courier, work, 3600))

    assert left[0] == 0
    assert courier.one("select last_result from leases") == "3"


def test_a_job_that_is_woken_does_not_wait_for_its_time(courier: Courier) -> None:
    ran: list[datetime] = []
    sleeper = runner(courier, ran.append, 5)
    stopping = threading.Event()
    thread = threading.Thread(target=sleeper.run, args=(stopping,))
    thread.start()
    eventually(lambda: len(ran) == 1)

    sleeper.wake()

    eventually(lambda: len(ran) == 2, within_s=2)
    stopping.set()
    thread.join(2)
    assert not thread.is_alive()


def test_a_seldom_job_runs_once_in_its_time_across_workers_and_restarts(courier: Courier) -> None:
    ran: list[int] = []
    both = [runner(courier, lambda at: ran.append(1), 3600) for _ in range(2)]

    run_for(0.5, *both)
    run_for(0.5, runner(courier, lambda at: ran.append(1), 3600))
    assert len(ran) == 1

    courier.rows("update leases set last_run_at = now() - interval '2 hours'")
    run_for(0.5, runner(courier, lambda at: ran.append(1), 3600))
    assert len(ran) == 2


def overlapping(courier: Courier, *, lease: bool) -> int:
    """Three workers run a job that takes its time; how many were at it together, at most."""
    at_work, most = [0], [0]
    counting = threading.Lock()

    def work(at: datetime) -> None:
        with counting:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.05)
        with counting:
            at_work[0] -= 1

    run_for(1.0, *(runner(courier, work, 0.01, lease=lease) for _ in range(3)))
    return most[0]


def test_one_worker_at_a_time_has_the_lease(courier: Courier) -> None:
    assert overlapping(courier, lease=True) == 1


def test_control_without_a_lease_they_overlap(courier: Courier) -> None:
    assert overlapping(courier, lease=False) > 1


def test_a_lease_is_kept_by_renewal_and_taken_over_when_the_holder_is_gone(
    courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE_S", 0.4)
    gone, other = (runner(courier, lambda at: None, 3600).lease for _ in range(2))

    assert gone.take()
    for _ in range(3):
        time.sleep(0.2)
        assert gone.renew()
        assert not other.take()
    time.sleep(0.5)
    assert other.take()
    assert not gone.renew()
    assert not gone.held


def test_the_lease_is_renewed_while_the_job_works_only(courier: Courier) -> None:
    working, go_on = threading.Event(), threading.Event()

    def work(at: datetime) -> None:
        working.set()
        go_on.wait(5)

    one = runner(courier, work, 3600)
    thread = threading.Thread(target=run_for, args=(1.0, one))
    thread.start()
    working.wait(5)
    before = courier.one("select until from leases")
    one.keep_lease()
    during = courier.one("select until from leases")
    go_on.set()
    thread.join()
    one.keep_lease()

    assert during > before
    assert courier.one("select until < clock_timestamp() from leases")


def test_a_job_that_raises_is_tried_again_later_and_said(courier: Courier) -> None:
    def work(at: datetime) -> None:
        raise KeyError("claire@example.org")

    one = runner(courier, work, 0.05)
    run_for(0.5, one)

    assert one.state["failing_since"] is not None
    assert one.state["result"].startswith("KeyError at tests/shared/test_jobs.py:")


def test_a_database_that_is_away_is_told_when_it_goes_and_when_it_is_back(courier: Courier) -> None:
    away, ran = Database("away"), [0]
    away.connect("postgresql://nobody@127.0.0.1:1/none")
    here = courier.transaction

    def transaction() -> AbstractContextManager[Session]:
        return away.transaction() if 2 <= ran[0] < 6 else here()

    def work(at: datetime) -> None:
        ran[0] += 1
        with transaction() as session:
            session.execute(text("select 1"))

    with capture_logs() as lines:
        run_for(8.0, JobRunner(Job("tidy", work, 0.05), transaction))

    assert ran[0] > 6
    told = [(line["log_level"], line["event"]) for line in lines]
    assert told == [("warning", "job waits for the database"), ("info", "job goes on")]
    assert 0 < lines[1]["waited_s"] < 8


def test_a_fault_of_the_job_itself_is_an_error_each_time(courier: Courier) -> None:
    def work(at: datetime) -> None:
        raise KeyError("claire@example.org")

    with capture_logs() as lines:
        run_for(1.0, runner(courier, work, 0.05))

    assert len(lines) > 1
    assert {(line["log_level"], line["event"]) for line in lines} == {("error", "job failed")}


def test_a_stopped_worker_gives_its_lease_back(courier: Courier) -> None:
    run_for(0.3, runner(courier, lambda at: None, 0.05))

    assert courier.one("select until <= clock_timestamp() from leases")
