"""Yearly receipts a second: numbered, sealed and told, and each printed as PDF.

    python -m bench.receipts [donors]

Issues the yearly receipts of 1,000 donors with two gifts each through the batch's own steps, then prints
every one. The goal of G13 is 10,000 in 5 minutes, PDF included: 33 a second.
"""

import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from services.giving import receipt_batches, receipt_cases, receipts
from services.giving.models import Receipt, ReceiptBatch, Transaction, database
from services.giving.settings import GivingSettings, use
from shared.clock import now, today
from shared.db import uuid7
from tests.giving import receipt_world, world
from tests.support.postgres import server, service_database


def main(donors: int) -> None:
    """Measure and say."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as running:
        made = service_database(running, "services.giving")
        accounts = Path(folder) / "accounts.json"
        accounts.write_text(
            '[{"account": "fondation", "entity": "fondation", "api_key": "sk_test_1",'
            ' "webhook_secrets": ["whsec_test"], "api_base": "http://127.0.0.1:9"}]'
        )
        use(
            GivingSettings(
                service="giving", public_url="http://127.0.0.1:8080", demo=True,
                database_url=made.app_url, kafka_bootstrap_servers="127.0.0.1:9",
                directory_url="http://127.0.0.1:9", link_key="l" * 43, email_key="e" * 43,
                message_key="m" * 43, provider_accounts_file=str(accounts),
            )
        )  # fmt: skip
        database.connect(made.app_url, pool_size=4)
        measure(donors)
        database.dispose()


def measure(donors: int) -> None:
    campaign = world.campaign()
    entity_id = receipt_world.complete()
    for number in range(donors):
        who = {"email": f"donor{number}@example.org"}
        for amount in (2_000, 3_000):
            receipt_world.settled(campaign, amount, receipt_rhythm="yearly", **who)
    while receipt_cases_due():
        receipt_world.issue_due()
    with Transaction() as session:
        told = {"asked_at": now(), "expected": donors, "done": 0, "issued": 0}
        session.add(ReceiptBatch(id=uuid7(), entity_id=entity_id, year=today(world.NOW).year, **told))
    began = time.perf_counter()
    while receipt_batches.work(at=now()):
        pass
    issued = time.perf_counter() - began
    with Transaction() as session:
        ids = list(session.execute(select(Receipt.id)).scalars())
    began = time.perf_counter()
    for each in ids:
        printed(each)
    print_s = time.perf_counter() - began
    both = issued + print_s
    print(f"{len(ids):,} yearly receipts issued in {issued:.1f} s, {len(ids) / issued:.0f} a second")
    print(f"printed in {print_s:.1f} s, {1000 * print_s / len(ids):.1f} ms each")
    print(f"together {len(ids) / both:.0f} a second: 10,000 in {10_000 * both / len(ids) / 60:.1f} minutes")


def receipt_cases_due() -> bool:
    """Whether gifts are still to be looked at."""
    with Transaction() as session:
        return bool(receipt_cases.due(session, at=now()))


def printed(receipt_id: UUID) -> bytes:
    """One document."""
    with Transaction() as session:
        return receipts.printed(session, session.get_one(Receipt, receipt_id))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
