"""The worker of a service: relay, consumer, scheduled jobs. `python -m shared.worker services.giving`.

One process, a thread for each. It loads `consumers` and `schedule` of the service by name, says how it
is by a heartbeat row, and stops within 3 s of SIGTERM: what was not committed is done again.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn

from shared import audit, heartbeats, retention, telemetry
from shared.clock import now
from shared.consumer import Consumer
from shared.db import Database
from shared.dead_letters import reason_of
from shared.inbox import Inbox, handlers_of
from shared.jobs import OFTEN_S, RENEW_S, Job, JobRunner, jobs_of
from shared.kafka import Broker
from shared.outbox import Cards
from shared.pulse import Pulse
from shared.relay import Relay
from shared.replays import Replays
from shared.settings import Settings
from shared.telemetry import log

STOP_WITHIN_S = 2.0
ENDS = frozenset({signal.SIGTERM, signal.SIGINT})


class Worker:
    """The parts of one service's worker, put together from what its doors mark."""

    def __init__(
        self,
        service: str,
        database: Database,
        broker: Broker,
        doors: list[ModuleType],
        *,
        relays: bool = True,
        link_key: str = "",
    ) -> None:
        self.name = heartbeats.worker_name()
        self.database = database
        self.started_at = now()
        self.stopping = threading.Event()
        self.pulse = Pulse()
        transaction = database.transaction
        handlers = {name: each for door in doors for name, each in handlers_of(door).items()}
        inbox = Inbox(service, handlers, transaction)
        self.link_key = link_key
        self.relay = Relay(database.engine, broker, cards=cards_of(doors)) if relays else None
        self.consumer = Consumer(inbox, broker) if handlers else None
        own = [job for door in doors for job in jobs_of(door)]
        self.jobs = [JobRunner(job, transaction) for job in own + self._kit_jobs(inbox)]
        if self.consumer:
            self.consumer.on_handled = self.wake_jobs
        self._threads: list[threading.Thread] = []
        self._leases_kept_at = 0.0

    def start(self) -> None:
        """Begin everything, each in a thread of its own."""
        parts: list[tuple[str, Callable[[threading.Event], None]]] = [("heart", self._beat)]
        parts += [("relay", self.relay.run)] if self.relay else []
        parts += [("consumer", self.consumer.run)] if self.consumer else []
        parts += [(f"job {runner.job.name}", runner.run) for runner in self.jobs]
        for name, run in parts:
            thread = threading.Thread(target=run, args=(self.stopping,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> list[str]:
        """Have everything end; the names of what did not within 2 s, and ends with the process."""
        self.stopping.set()
        deadline = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def wake_jobs(self) -> None:
        """Have the jobs that look often look now: what was just handled may have given them work."""
        for runner in self.jobs:
            if runner.job.seconds < OFTEN_S:
                runner.wake()

    def state(self) -> dict[str, Any]:
        """How each part is, for the heartbeat row."""
        return {
            "lag": self.consumer.state["lag"] if self.consumer else None,
            "relay": self.relay.state if self.relay else None,
            "consumer": self.consumer.state if self.consumer else None,
            "jobs": {runner.job.name: runner.state for runner in self.jobs},
        }

    def _kit_jobs(self, inbox: Inbox) -> list[Job]:
        def keep_what_is_due(at: datetime) -> int:
            with self.database.transaction() as session:
                return retention.keep(session, at=at)

        def make_partitions(at: datetime) -> None:
            with self.database.transaction() as session:
                retention.make_room(session)

        def sign_audit_head(at: datetime) -> None:
            with self.database.transaction() as session:
                log.info("audit head", head=audit.sign_head(session, at=at, key=self.link_key))

        kept = [Job("keep", keep_what_is_due, 3600), Job("partitions", make_partitions, 86_400)]
        signed = [Job("sign_audit_head", sign_audit_head, 3600)] if self.link_key else []
        return [*kept, *signed, Job("replay_dead_letters", Replays(inbox).run, 1)]

    def _beat(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                self._say()
            except Exception as error:  # silence is what tells others that something is wrong
                log.warning("no heartbeat", reason=reason_of(error))
            self.pulse.beat()
            stopping.wait(heartbeats.BEAT_S)

    def _say(self) -> None:
        at = now()
        with self.database.transaction() as session:
            if self.relay:
                self.relay.watch(session)
            heartbeats.beat(session, self.name, started_at=self.started_at, state=self.state(), at=at)
        if time.monotonic() - self._leases_kept_at > RENEW_S - heartbeats.BEAT_S:
            self._leases_kept_at = time.monotonic()
            for runner in self.jobs:
                runner.keep_lease()


def cards_of(doors: list[ModuleType]) -> Cards | None:
    """The function that gives every card anew, when the service has one."""
    marked = {
        each for door in doors for each in vars(door).values() if getattr(each, "republishes_cards", None)
    }
    return next(iter(marked), None)


def doors_of(package: str) -> list[ModuleType]:
    """The service's consumers and schedule modules, those of them that it has."""
    names = (f"{package}.consumers", f"{package}.schedule")
    return [import_module(name) for name in names if find_spec(name)]


def settings_of(package: str) -> Settings:
    """The service's own settings when it has a settings module, else those that every service has."""
    if find_spec(f"{package}.settings"):
        load: Callable[[], Settings] = import_module(f"{package}.settings").load
        return load()
    return Settings.from_env(package.rpartition(".")[2])


def main(package: str) -> NoReturn:
    """Run the worker of a service until SIGTERM or SIGINT."""
    settings = settings_of(package)
    telemetry.setup(settings)
    database: Database = import_module(f"{package}.models").database
    database.connect(settings.database_url, pool_size=settings.database_pool_size)
    worker = Worker(
        settings.service, database, Broker.of(settings), doors_of(package), link_key=settings.link_key
    )
    # Waited for, not handled: a handler that sets an event while another does the same never returns.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    if settings.worker_port:
        worker.pulse.open(settings.host, settings.worker_port)
    worker.start()
    log.info("worker started", hears=sorted(worker.consumer.inbox.handlers) if worker.consumer else [])
    signal.sigwait(ENDS)
    left = worker.stop()
    if left:
        log.warning("worker stopped before all of it ended", left=left)
    else:
        log.info("worker stopped")
    # All that counts is committed; clients that wait for a network that is gone may not hold us.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
