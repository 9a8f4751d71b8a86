"""Compare every provider account with our books, now.

    python -m services.giving.reconcile

prints what each comparison found and ends with 1 when something waits to be looked at.
"""

import sys

from services.giving.models import database
from services.giving.reconciliations import reconcile_each
from services.giving.settings import load


def main() -> int:
    """The command."""
    told = load()
    database.connect(told.database_url, pool_size=2)
    made = reconcile_each(told.accounts.values())
    for each in made:
        print(
            f"{each.account}: {each.events_taken} events taken, {each.movements_seen} movements seen, "
            f"{each.findings_new} new findings"
        )
    return 1 if any(each.findings_new for each in made) else 0


if __name__ == "__main__":
    sys.exit(main())
