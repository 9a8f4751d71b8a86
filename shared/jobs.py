"""Scheduled jobs: what a service does by the clock.

    @every(3600)
    def reconcile(at):
        '''Compare our books with the provider's.'''

Jobs stand in a service's schedule.py. A job opens its own transactions and returns how many things it
did: when any, it runs again at once. Each runs in a thread of its own in the worker; with `lease=True`
(the default) in one worker at a time, which keeps a row in `leases` while it works and renews it. A
lease that is lost (the worker froze for longer than LEASE_S) is taken by another: what must not happen
twice is guarded by the job's own rows.

Metrics: `amicale_job_runs_total`, `amicale_job_failures_total`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from types import ModuleType
from typing import Any, TypeVar
from uuid import UUID, uuid4

from prometheus_client import Counter
from sqlalchemy import text

from shared.clock import now
from shared.db import is_ill
from shared.dead_letters import reason_of
from shared.inbox import Transaction
from shared.relay import backoff_s
from shared.telemetry import followed, log, traced

LEASE_S = 15.0
RENEW_S = 5.0
OFTEN_S = 10.0
"""A job due more often keeps its lease between runs, and does not write down each run.

Nor is each a span for the collector: it is what was done in it that is one."""

RUNS = Counter("amicale_job_runs_total", "Runs of scheduled jobs.", ["job"])
FAILURES = Counter("amicale_job_failures_total", "Runs of scheduled jobs that raised.", ["job"])

Work = Callable[[datetime], int | None]
Marked = TypeVar("Marked", bound=Work)


@dataclass(frozen=True)
class Job:
    """A function and when it runs."""

    name: str
    work: Work
    seconds: float
    lease: bool = True


def every(seconds: float, *, lease: bool = True) -> Callable[[Marked], Marked]:
    """Mark the function `(at) -> how many things it did` that runs every so many seconds."""

    def mark(function: Marked) -> Marked:
        function.job = Job(function.__name__, function, seconds, lease)  # type: ignore[attr-defined]
        return function

    return mark


def jobs_of(module: ModuleType) -> list[Job]:
    """The jobs that a module marks."""
    found = {id(each): each.job for each in vars(module).values() if isinstance(_job(each), Job)}
    return list(found.values())


def _job(each: Any) -> Any:
    return getattr(each, "job", None)


@dataclass
class Lease:
    """The right of one process to run a job, until a moment on this process's own clock."""

    job: str
    holder: UUID
    transaction: Transaction
    until: float = field(default=0.0)

    @property
    def held(self) -> bool:
        """Whether it is surely ours for now."""
        return time.monotonic() < self.until

    def take(self, *, not_within_s: float = 0) -> bool:
        """Take or renew it. False when another holds it, or the job ran within the last seconds."""
        began = time.monotonic()
        values = {"job": self.job, "holder": self.holder, "lease": LEASE_S, "not_within": not_within_s}
        with self.transaction() as session:
            taken = session.execute(_TAKE, values).one_or_none() is not None
        self.until = began + LEASE_S if taken else 0.0
        return taken

    def renew(self) -> bool:
        """Hold it for longer; False when it was lost."""
        began = time.monotonic()
        with self.transaction() as session:
            values = {"job": self.job, "holder": self.holder, "lease": LEASE_S}
            kept = session.execute(_RENEW, values).one_or_none() is not None
        self.until = began + LEASE_S if kept else 0.0
        return kept

    def done(self, result: str, *, ran_at: datetime | None) -> None:
        """Write down the run, when `ran_at` is given, and let others have the lease."""
        values = {"job": self.job, "holder": self.holder, "result": result, "ran_at": ran_at}
        with self.transaction() as session:
            session.execute(_DONE, values)
        self.until = 0.0


class JobRunner:
    """Runs one job in one worker, again and again."""

    def __init__(self, job: Job, transaction: Transaction, *, holder: UUID | None = None) -> None:
        self.job = job
        self.lease = Lease(job.name, holder or uuid4(), transaction)
        self.state: dict[str, Any] = {"ran_at": None, "result": None, "failing_since": None}
        self._failures = 0
        self._ill_since: float | None = None
        self._working = False
        self._bell = Event()

    def _rest(self, pause_s: float, stopping: Event) -> None:
        """Until the pause is over, or somebody rings, or it is to stop (noticed within half a second)."""
        until = time.monotonic() + pause_s
        while not stopping.is_set() and (left := until - time.monotonic()) > 0:
            if self._bell.wait(min(left, 0.5)):
                break
        self._bell.clear()

    def wake(self) -> None:
        """Look at once whether there is something to do: what it waits for may just have been committed."""
        self._bell.set()

    def run(self, stopping: Event) -> None:
        """Run the job when it is due until told to stop."""
        while not stopping.is_set():
            self._rest(self._tick(stopping), stopping)
        if self.job.lease and self.lease.held:
            self._quietly(lambda: self.lease.done("stopped", ran_at=None))

    def _tick(self, stopping: Event) -> float:
        """Run it if it is due and ours; how long to wait."""
        try:
            if self.job.lease and not self._ours():
                return self._pause_s()
            self._work(stopping)
        except Exception as error:  # a job that raises is tried again, later and later
            return self._failed(error)
        self._failures, self.state["failing_since"] = 0, None
        if self._ill_since is not None:
            log.info("job goes on", job=self.job.name, waited_s=round(time.monotonic() - self._ill_since, 1))
            self._ill_since = None
        return self._pause_s()

    def keep_lease(self) -> None:
        """Renew the lease of a job that is at work; called every RENEW_S or so from another thread."""
        if not self._working or not self.job.lease:
            return
        try:
            if not self.lease.renew():
                log.error("lease lost while working", job=self.job.name)
        except Exception as error:  # tried again; others take it when it ends
            log.warning("lease not renewed", job=self.job.name, reason=reason_of(error))

    def _pause_s(self) -> float:
        """Till the next look: seldom jobs ask the database whether they are due."""
        return RENEW_S if self.job.lease and self.job.seconds >= OFTEN_S else self.job.seconds

    def _ours(self) -> bool:
        if self.job.seconds < OFTEN_S:
            return self.lease.until - time.monotonic() > LEASE_S - RENEW_S or self.lease.take()
        return self.lease.take(not_within_s=self.job.seconds)

    def _work(self, stopping: Event) -> None:
        """Run it until there is nothing more to do, or it is no longer ours."""
        at, total = now(), 0
        self._working = True
        try:
            with traced(f"job {self.job.name}") if self.job.seconds >= OFTEN_S else followed():
                while did := self.job.work(now() if total else at) or 0:
                    total += did
                    if stopping.is_set() or (self.job.lease and not self.lease.held):
                        break
        finally:
            self._working = False
        RUNS.labels(self.job.name).inc()
        self.state["ran_at"], self.state["result"] = at.isoformat(), total
        if self.job.lease and self.job.seconds >= OFTEN_S:
            self.lease.done(str(total), ran_at=at)

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        FAILURES.labels(self.job.name).inc()
        self.state["failing_since"] = self.state["failing_since"] or now().isoformat()
        self.state["result"] = reason_of(error)
        self._say(error)
        if self.lease.held:
            self._quietly(lambda: self.lease.done(reason_of(error), ran_at=None))
        return max(backoff_s(self._failures), min(self.job.seconds, 60.0) * min(self._failures, 5) / 5)

    def _say(self, error: Exception) -> None:
        """Each failure is an error; an illness of the database is told when it begins and when it is over."""
        if not is_ill(error):
            log.error("job failed", job=self.job.name, reason=reason_of(error))
        elif self._ill_since is None:
            self._ill_since = time.monotonic()
            log.warning("job waits for the database", job=self.job.name, reason=reason_of(error))

    def _quietly(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # the lease ends by itself
            if self._ill_since is None or not is_ill(error):
                log.warning("lease not given back", job=self.job.name, reason=reason_of(error))


_TAKE = text("""
    insert into leases (job, holder, until)
    values (:job, :holder, clock_timestamp() + make_interval(secs => :lease))
    on conflict (job) do update set holder = excluded.holder, until = excluded.until
    where (leases.until < clock_timestamp() or leases.holder = excluded.holder)
      and coalesce(leases.last_run_at, '-infinity')
          <= clock_timestamp() - make_interval(secs => :not_within)
    returning holder
""")
_RENEW = text("""
    update leases set until = clock_timestamp() + make_interval(secs => :lease)
    where job = :job and holder = :holder returning holder
""")
_DONE = text("""
    update leases set until = clock_timestamp(), last_result = :result,
      last_run_at = coalesce(cast(:ran_at as timestamptz), last_run_at)
    where job = :job and holder = :holder
""")
