"""Say again what a service said: `python -m shared.republish services.giving [--since 2026-11-01]`.

For what the relay does not notice by itself: a broker that lost messages and kept its cluster id, or facts
older than the 8 days that the relay goes back. Consumers ignore what they have handled. The service's
running worker carries the rows.
"""

import argparse
from datetime import UTC, datetime
from importlib import import_module

from shared.clock import now
from shared.db import Database
from shared.outbox import REPUBLISHED_AGAIN, republish
from shared.worker import cards_of, doors_of, settings_of


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m shared.republish")
    parser.add_argument("package", help="the service, such as services.giving")
    parser.add_argument("--since", type=_day, help="first day (UTC); 8 days ago otherwise")
    told = parser.parse_args(arguments)
    settings = settings_of(told.package)
    database: Database = import_module(f"{told.package}.models").database
    database.connect(settings.database_url, pool_size=1)
    since = told.since or now() - REPUBLISHED_AGAIN
    with database.transaction() as session:
        facts, cards = republish(session, since=since, cards=cards_of(doors_of(told.package)))
    print(f"{settings.service}: {facts} facts and {cards} cards are published again")
    return 0


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    raise SystemExit(main())
