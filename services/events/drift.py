"""Drift: whether the seats taken of every event equal those of its live registrations.

    python -m services.events.drift

Prints what differs and ends with 1 when anything does.
"""

import sys
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.events.models import Transaction, database
from services.events.settings import load


@dataclass(frozen=True)
class Drift:
    """One difference: what stands, and what should."""

    where: str
    what: str
    stands: Any
    should: Any

    def __str__(self) -> str:
        return f"{self.where}: {self.what} is {self.stands}, should be {self.should}"


SEATS = text(
    """
    select e.slug, s.taken, coalesce(live.seats, 0) as should
    from events e left join event_seats s on s.event_id = e.id
    left join (select event_id, sum(seats) as seats from registrations
               where cancelled_at is null group by 1) live on live.event_id = e.id
    where s.taken is distinct from coalesce(live.seats, 0) order by 1
    """
)
NAMES = text(
    """
    select r.id, r.seats, count(a.position) as names
    from registrations r left join attendees a on a.registration_id = r.id
    group by r.id having count(a.position) <> r.seats order by 1
    """
)


def drift_check(session: Session) -> list[Drift]:
    """Every difference: seats against registrations, and seats without a name."""
    found = [Drift(row.slug, "taken", row.taken, row.should) for row in session.execute(SEATS)]
    found += [
        Drift(f"registration {row.id}", "names", row.names, row.seats) for row in session.execute(NAMES)
    ]
    return found


def main() -> int:
    """The command."""
    database.connect(load().database_url, pool_size=1)
    with Transaction() as session:
        found = drift_check(session)
    for each in found:
        print(each)
    print(f"{len(found)} differences" if found else "No difference: seats and registrations agree.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
