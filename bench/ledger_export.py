"""The books of a million entries: journal and FEC exported, with the memory that takes, and staff's queries.

    python -m bench.ledger_export [entries]

Entries are written as gifts and their fees are, with their guards off. The files are made in a process of its
own, which reads them to the end and throws them away: its memory is its largest resident size.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.settlement import data
from services.giving import (
    account_statements,
    books,
    fec_exports,
    journal_exports,
    journals,
    ledger_numbers,
    provider_balances,
    trial_balances,
)
from services.giving.ledger_accounts import Chart
from services.giving.models import Entity, LedgerTransaction, Transaction, database
from shared.spreadsheets import csv_parts
from tests.giving import world
from tests.support.postgres import ServiceDatabase

ENTRIES, YEAR = 1_000_000, 2026
PERIOD = {"first_day": date(YEAR, 1, 1), "last_day": date(YEAR, 12, 31)}

FILTERS: dict[str, dict[str, str]] = {
    "all": {},
    "one account": {"account": "627800"},
    "an account that never moved": {"account": "512000"},
    "a kind that never was": {"kind": "payout"},
    "by reference": {"reference": "pi_bench_77"},
}

# Half of the transactions are gifts, half their fees, spread over a year, two entries each.
FILL = """
with gift as (
  select n, uuidv7() as gift_id, uuidv7() as fee_id,
    timestamptz '2026-01-01 10:00+01' + n * interval '364 days' / {gifts} as at
  from generate_series(1, {gifts}) as n
), written as (
  insert into ledger_transactions (id, kind, entity_id, donation_id, reference, at, posted_at)
  select gift_id, 'gift', '{entity}'::uuid, null::uuid, 'pi_bench_' || n, at, at from gift union all
  select fee_id, 'fee', '{entity}'::uuid, null::uuid, 'txn_bench_' || n, at, at from gift
)
insert into ledger_entries
  (transaction_id, line, account, fund_id, campaign_id, currency, debit_minor, credit_minor)
select gift_id, 1, 'provider', null::uuid, null::uuid, 'EUR', 5000 + n % 977, 0 from gift union all
select gift_id, 2, 'gifts', '{fund}'::uuid, '{campaign}'::uuid, 'EUR', 0, 5000 + n % 977 from gift union all
select fee_id, 1, 'fees', null, null, 'EUR', 100, 0 from gift union all
select fee_id, 2, 'provider', null, null, 'EUR', 0, 100 from gift
"""


def main(entries: int = ENTRIES) -> None:
    """Fill, measure and print."""
    with tempfile.TemporaryDirectory(prefix="amicale-bench-") as folder, data(Path(folder)) as at:
        entity_id = _fill(at, entries)
        for what in ("journal", "fec"):
            _measure(what, at.app_url, entity_id, entries)
        _ask(entity_id)


def _fill(at: ServiceDatabase, entries: int) -> UUID:
    campaign_id = world.campaign()
    with Transaction() as session:
        entity_id = session.query(Entity).one().id
    with psycopg.connect(at.server.url, dbname=at.name, autocommit=True) as owner:
        [[fund_id]] = owner.execute("select fund_id from campaigns").fetchall()
        owner.execute("set session_replication_role = replica")
        values = {"entity": entity_id, "fund": fund_id, "campaign": campaign_id}
        owner.execute(FILL.format(gifts=entries // 4, **values))
        owner.execute("vacuum analyze")
        began = time.perf_counter()
        while _number(entity_id):
            pass
        took = time.perf_counter() - began
        print(f"numbers: {entries // 2 / took:,.0f} transactions/s")
        owner.execute("vacuum analyze")
    return entity_id


def _number(entity_id: UUID) -> int:
    with Transaction() as session:
        return ledger_numbers.give(session, entity_id, at=datetime.now(UTC), most=100_000)


def _measure(what: str, url: str, entity_id: UUID, entries: int) -> None:
    command = [sys.executable, "-m", "bench.ledger_export", what, url, str(entity_id)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rate, first_ms = entries / done["took_s"], done["first_s"] * 1000
    peak, grown = done["peak_kb"] / 1024, (done["peak_kb"] - done["before_kb"]) / 1024
    print(
        f"{what}: {rate:,.0f} entries/s, {done['bytes'] / 1e6:.0f} MB, begun after {first_ms:.0f} ms; "
        f"memory {peak:.0f} MB at most, {grown:.1f} MB above idle",
        flush=True,
    )


def _export(what: str, url: str, entity_id: UUID) -> None:
    """In a process of its own: the file read to its end."""
    database.connect(url, pool_size=1)
    with Transaction() as session:
        chart = Chart.of(session, entity_id)
    before, began, size, first = _peak_kb(), time.perf_counter(), 0, 0.0
    if what == "journal":
        found = journal_exports.rows(entity_id, chart, {}, locale="fr", **PERIOD)
        parts = csv_parts(journal_exports.HEADS["fr"], found)
    else:
        parts = fec_exports.lines(fec_exports.rows(entity_id, chart, year=PERIOD["first_day"]))
    for part in parts:
        first = first or time.perf_counter() - began
        size += len(part.encode())
    took = time.perf_counter() - began
    print(
        json.dumps(
            {"took_s": took, "first_s": first, "bytes": size, "before_kb": before, "peak_kb": _peak_kb()}
        )
    )


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _ask(entity_id: UUID) -> None:
    """What staff wait for, in the middle of the year."""
    with Transaction() as session:
        chart = Chart.of(session, entity_id)
        on_account = tuple(account_statements.on_account(chart, "517000"))
        asked = account_statements.Asked(
            entity_id, on_account, books.begins(date(YEAR, 7, 1)), books.ends(date(YEAR, 12, 31))
        )
        queries = {
            "trial balance": lambda: trial_balances.balance(session, entity_id, **PERIOD),
            "statement, opening": lambda: account_statements.opening(
                session, asked, kind="provider", first_day=date(YEAR, 7, 1)
            ),
            "statement, a page": lambda: account_statements._rows(session, asked, None, 101),
            "provider's balance": lambda: provider_balances.held(session, entity_id),
        } | {
            f"journal, {name}": partial(_page, session, chart, entity_id, **asked)
            for name, asked in FILTERS.items()
        }
        for name, query in queries.items():
            began = time.perf_counter()
            query()
            print(f"{name}: {(time.perf_counter() - began) * 1000:,.0f} ms")


def _page(session: Session, chart: Chart, entity_id: UUID, **asked: str) -> list[UUID]:
    """The newest of those that the filters fit."""
    fitting = journals.matching(chart, entity_id, **PERIOD, **asked)
    newest = select(LedgerTransaction.id).where(*fitting)
    newest = newest.order_by(LedgerTransaction.at.desc(), LedgerTransaction.id.desc()).limit(51)
    return list(session.execute(newest).scalars())


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _export(sys.argv[1], sys.argv[2], UUID(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
