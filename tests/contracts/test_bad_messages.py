"""What nobody of ours would say, on every topic, to every service that listens: set aside with a reason.

The real consumers of the services, a real broker: nothing of a bad message is written anywhere but among the
dead letters, and what comes right after it on the same topic is handled.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from shared.consumer import Consumer
from shared.db import uuid7
from shared.inbox import Inbox, handlers_of
from shared.messages import (
    AccountOpened,
    DonorAttached,
    Message,
    RegistrantAttached,
    SignInLinkIssued,
    by_type,
    seal,
)
from shared.outbox import row
from tests.contracts.conftest import SERVICES
from tests.support import broker as broker_support
from tests.support import facts
from tests.support.broker import EmbeddedBroker
from tests.support.postgres import ServiceDatabase

CANARY = "Zwischenrufer"
"""A name that only bad messages carry."""
LISTENERS = [name for name in SERVICES if (Path("services") / name / "consumers.py").exists()]
AT = datetime.now(UTC)


def link_issued() -> SignInLinkIssued:
    told = facts.contact(link=seal("https://amicale.test/l/sign-in/x", facts.MESSAGE_KEY))
    return SignInLinkIssued(link_id=uuid7(), expires_at=AT + timedelta(minutes=15), contact=told)


GOOD: dict[str, Callable[[], Message]] = {
    "person.card": lambda: facts.card(uuid7(), 1),
    "account.opened": lambda: AccountOpened(person_id=uuid7(), account_id=uuid7(), opened_at=AT),
    "sign_in.link_issued": link_issued,
    "donation.settled": lambda: facts.settled(at=AT),
    "debit.announced": lambda: facts.announced(at=AT),
    "donation.failed": lambda: facts.failed(at=AT),
    "donation.refunded": lambda: facts.refunded(facts.settled(at=AT), at=AT),
    "donation.refund_returned": lambda: facts.refund_returned(
        facts.refunded(facts.settled(at=AT), at=AT), at=AT, refunded_minor=0
    ),
    "donation.disputed": lambda: facts.disputed(facts.settled(at=AT), at=AT),
    "receipt.issued": lambda: facts.receipt(at=AT),
    "receipt.voided": lambda: facts.receipt(voided=True, at=AT),
    "donor.attached": lambda: DonorAttached(party_id=uuid7(), person_id=uuid7(), attached_at=AT),
    "registration.confirmed": lambda: facts.registered(at=AT),
    "registration.rescheduled": lambda: facts.moved(facts.registered(at=AT), at=AT),
    "registration.cancelled": lambda: facts.given_back(facts.registered(at=AT), at=AT),
    "registrant.attached": lambda: RegistrantAttached(party_id=uuid7(), person_id=uuid7(), attached_at=AT),
}


@dataclass(frozen=True)
class Record:
    """A record to be sent."""

    topic: str
    key: bytes
    headers: dict[str, bytes]
    value: bytes | None


def record(message: Message) -> Record:
    """As the relay of its speaker sends it."""
    told = row(message)
    value = json.loads(told["payload"] or "{}") | (
        {"contact": json.loads(told["contact"])} if told["contact"] else {}
    )
    headers = {name: each.encode() for name, each in json.loads(told["headers"] or "{}").items()}
    return Record(message.topic, message.key_text.encode(), headers, json.dumps(value).encode())


def headed(sent: Record, **headers: str | None) -> Record:
    """With other headers; None takes one away."""
    kept = {name: value for name, value in sent.headers.items() if name not in headers}
    return replace(
        sent, headers=kept | {name: value.encode() for name, value in headers.items() if value is not None}
    )


def of_another_topic(sent: Record) -> Record:
    """Said where its speaker may not speak for others."""
    return headed(
        sent, ce_type=next(name for name, each in sorted(by_type.items()) if each.topic != sent.topic)
    )


BAD: dict[str, tuple[Callable[[Record], Record], str]] = {
    "bare": (lambda sent: replace(sent, headers={}), "no type"),
    "unknown": (lambda sent: headed(sent, ce_type="gift.dreamt"), "unknown type"),
    "of another topic": (of_another_topic, "type of another topic"),
    "without an id": (lambda sent: headed(sent, ce_id=None), "id is not a UUID of version 7"),
    "of version 4": (
        lambda sent: headed(sent, ce_id="5f0f3c0e-5a43-4f0e-9d7e-6d8f4c1f2a10"),
        "id is not a UUID of version 7",
    ),
    "of next week": (
        lambda sent: headed(sent, ce_id=str(uuid7(AT + timedelta(days=7)))),
        "id is over a day ahead",
    ),
    "of the year 9999": (
        lambda sent: headed(sent, ce_time="9999-12-31T00:00:00+00:00"),
        "time is over a day ahead",
    ),
    "oversized": (
        lambda sent: replace(sent, value=b'{"x":"' + b"x" * 500_000 + b'"}'),
        "larger than a message may be",
    ),
    "no JSON": (lambda sent: replace(sent, value=b"<html>502 Bad Gateway</html>"), "not JSON"),
    "no text": (lambda sent: replace(sent, value=b"\xff\xfe\x00{"), "not JSON"),
    "not a number": (lambda sent: replace(sent, value=b'{"amount_minor": NaN}'), "not JSON"),
    "deep": (lambda sent: replace(sent, value=b"[" * 60_000), "not JSON"),
    "a list": (lambda sent: replace(sent, value=b"[]"), "not an object"),
    "empty": (lambda sent: replace(sent, value=b"{}"), ""),
    "of other kinds": (
        lambda sent: replace(
            sent, value=json.dumps({name: [True] for name in json.loads(sent.value or b"{}")}).encode()
        ),
        "",
    ),
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with broker_support.running(tmp_path) as embedded:
        yield embedded


@pytest.fixture
def producer(broker: EmbeddedBroker) -> Iterator[Any]:
    made = broker.broker.producer()
    yield made
    made.close(timeout=2)


@pytest.fixture(params=LISTENERS)
def listener(
    request: pytest.FixtureRequest, applications: dict[str, Flask], broker: EmbeddedBroker
) -> Iterator[Consumer]:
    """The consumer of a service, with its own handlers on its own database."""
    package = f"services.{request.param}"
    handlers = handlers_of(import_module(f"{package}.consumers"))
    inbox = Inbox(request.param, handlers, import_module(f"{package}.models").database.transaction)
    consumer, stopping = Consumer(inbox, broker.broker), threading.Event()
    consumer.try_delays_s = ()
    thread = threading.Thread(target=consumer.run, args=(stopping,), daemon=True)
    thread.start()
    yield consumer
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


def test_bad_messages_are_set_aside_and_what_follows_them_is_handled(
    listener: Consumer, producer: Any, databases: dict[str, ServiceDatabase]
) -> None:
    service, url = listener.inbox.consumer, databases[listener.inbox.consumer].owner_url
    databases[service].empty()
    expected, good = [], 0

    def send(sent: Record) -> None:
        headers = list(sent.headers.items())
        producer.send(sent.topic, value=sent.value, key=sent.key, headers=headers).get(timeout=10)

    for kind in sorted(listener.inbox.handlers):
        for spoil, reason in BAD.values():
            spoilt = spoil(record(GOOD[kind]()))
            if spoilt.value and spoilt.value.startswith(b'{"'):
                spoilt = replace(spoilt, value=spoilt.value[:-1] + f', "given_name": "{CANARY}"}}'.encode())
            send(spoilt)
            expected.append(reason)
            send(record(GOOD[kind]()))
            good += 1

    deadline = time.monotonic() + 60
    while listener.state["handled"] < good or listener.state["dead"] < len(expected):
        assert time.monotonic() < deadline and listener.state["stopped"] is None, listener.state
        time.sleep(0.1)
    found = _rows(url, "select reason from dead_letters")
    assert len(found) == len(expected) and listener.state["handled"] == good
    assert all(reason.startswith("MessageMalformed") for (reason,) in found)
    for words in set(expected) - {""}:
        assert sum(words in reason for (reason,) in found) == expected.count(words), words
    assert where_it_stands(url, CANARY) <= {"dead_letters"}
    assert _rows(
        url, "select count(*) from inbox where type not in (select unnest(%s::text[]))", list(GOOD)
    ) == [(0,)]


def _rows(url: str, statement: str, *values: Any) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).fetchall()


def where_it_stands(url: str, word: str) -> set[str]:
    """The tables that hold a word anywhere."""
    tables = [name for (name,) in _rows(url, "select tablename from pg_tables where schemaname = 'public'")]
    return {
        name
        for name in tables
        if _rows(url, f'select 1 from "{name}" t where t::text like %s limit 1', f"%{word}%")
    }


def test_every_message_that_a_service_hears_has_an_example() -> None:
    heard = {
        name for service in LISTENERS for name in handlers_of(import_module(f"services.{service}.consumers"))
    }

    assert heard == set(GOOD)
