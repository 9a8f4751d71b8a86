"""Drift: whether every total equals the fold of the ledger and the sum of the gifts.

    python -m services.giving.drift

prints each difference and ends with 1, or says that there is none.
"""

import sys
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving.models import Transaction, database
from services.giving.settings import load


@dataclass(frozen=True)
class Drift:
    """One figure that is not what it should be."""

    subject: str
    figure: str
    stands: Any
    should: Any

    def __str__(self) -> str:
        return f"{self.subject}: {self.figure} is {self.stands}, should be {self.should}"


CAMPAIGNS = text(
    """
    with folded as (
      select campaign_id, sum(credit_minor - debit_minor) as raised from ledger_entries
      where campaign_id is not null group by campaign_id
    ), given as (
      select campaign_id, sum(amount_minor) as raised, count(*) as donations,
             count(distinct party_of(donor_id)) as donors
      from donations where settled_at is not null and refunded_at is null group by campaign_id
    )
    select c.slug, t.raised_minor, t.donations_count, t.donors_count,
           coalesce(folded.raised, 0) as folded, coalesce(given.raised, 0) as raised,
           coalesce(given.donations, 0) as donations, coalesce(given.donors, 0) as donors
    from campaigns c join campaign_totals t on t.campaign_id = c.id
    left join folded on folded.campaign_id = c.id left join given on given.campaign_id = c.id
    """
)

UNBALANCED = text(
    """
    select transaction_id, currency, sum(debit_minor) as debits, sum(credit_minor) as credits
    from ledger_entries group by transaction_id, currency having sum(debit_minor) <> sum(credit_minor)
    """
)

UNBOOKED = text(
    """
    select d.id, d.status, count(l.id) filter (where l.kind = 'gift') as gifts,
           count(l.id) filter (where l.kind = 'refund') as refunds, count(s.donation_id) as proofs
    from donations d left join ledger_transactions l on l.donation_id = d.id
    left join settlements s on s.donation_id = d.id and l.kind = 'gift'
    group by d.id
    having count(l.id) filter (where l.kind = 'gift') <> case when d.settled_at is null then 0 else 1 end
        or count(l.id) filter (where l.kind = 'refund') <> case when d.refunded_at is null then 0 else 1 end
        or count(s.donation_id) <> case when d.settled_at is null then 0 else 1 end
    """
)

COUNTED_DONORS = text(
    """
    with given as (
      select campaign_id, party_of(donor_id) as party_id, count(*) as n from donations
      where settled_at is not null and refunded_at is null group by 1, 2
    )
    select campaign_id, party_id, coalesce(k.donations_count, 0) as stands, coalesce(given.n, 0) as should
    from campaign_donors k full join given using (campaign_id, party_id)
    where coalesce(k.donations_count, 0) <> coalesce(given.n, 0)
    """
)


def drift_check(session: Session) -> list[Drift]:
    """Every difference: totals against ledger and gifts, unbalanced transactions, gifts not in the books."""
    found: list[Drift] = []
    for row in session.execute(CAMPAIGNS):
        pairs = [
            ("raised_minor (ledger)", row.raised_minor, row.folded),
            ("raised_minor (gifts)", row.raised_minor, row.raised),
            ("donations_count", row.donations_count, row.donations),
            ("donors_count", row.donors_count, row.donors),
        ]
        found += [Drift(row.slug, name, stands, should) for name, stands, should in pairs if stands != should]
    found += [
        Drift(f"ledger {r.transaction_id}", f"debits {r.currency}", r.debits, r.credits)
        for r in session.execute(UNBALANCED)
    ]
    found += [
        Drift(
            f"donation {r.id}",
            r.status,
            f"{r.gifts} gift, {r.refunds} refund, {r.proofs} proof",
            "as its state",
        )
        for r in session.execute(UNBOOKED)
    ]
    found += [
        Drift(f"campaign {r.campaign_id}", f"gifts of party {r.party_id}", r.stands, r.should)
        for r in session.execute(COUNTED_DONORS)
    ]
    return found


def main() -> int:
    """The command."""
    database.connect(load().database_url, pool_size=1)
    with Transaction() as session:
        found = drift_check(session)
    for each in found:
        print(each)
    print(f"{len(found)} differences" if found else "No difference: totals, ledger and gifts agree.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
