"""Drift: whether every total equals the fold of the ledger and the sum of the gifts.

    python -m services.giving.drift

prints each difference and ends with 1, or says that there is none.
"""

import sys
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.giving import closings
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
      select campaign_id, sum(amount_minor - refunded_minor - disputed_minor) as raised,
             count(*) as donations, count(distinct party_of(donor_id)) as donors
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

GIFTS = text(
    """
    with booked as (
      select donation_id,
        sum(credit_minor - debit_minor) filter (where kind = 'gift') as given,
        sum(debit_minor - credit_minor) filter (where kind in ('refund', 'refund_returned')) as refunded,
        sum(debit_minor - credit_minor) filter (where kind in ('dispute', 'dispute_won')) as disputed
      from ledger_transactions t join ledger_entries e on e.transaction_id = t.id
      where e.campaign_id is not null and donation_id is not null group by donation_id
    ), went as (
      select donation_id, sum(amount_minor) as refunded from refunds
      where completed_at is not null and returned_at is null and surplus_id is null group by donation_id
    ), held as (
      select donation_id, sum(withdrawn_minor) as disputed from disputes
      where surplus_id is null group by donation_id
    )
    select d.id, d.refunded_minor, d.disputed_minor, d.refunded_at is not null as is_gone,
           case when d.settled_at is null then 0 else d.amount_minor end as received,
           d.refunded_minor + d.disputed_minor = d.amount_minor as nothing_left,
           (d.settled_at is null) = (s.donation_id is null) as is_proved,
           coalesce(b.given, 0) as booked_given, coalesce(b.refunded, 0) as booked_refunded,
           coalesce(b.disputed, 0) as booked_disputed,
           coalesce(w.refunded, 0) as went, coalesce(h.disputed, 0) as held
    from donations d left join settlements s on s.donation_id = d.id
    left join booked b on b.donation_id = d.id left join went w on w.donation_id = d.id
    left join held h on h.donation_id = d.id
    where coalesce(b.given, 0) <> case when d.settled_at is null then 0 else d.amount_minor end
       or coalesce(b.refunded, 0) <> d.refunded_minor or coalesce(b.disputed, 0) <> d.disputed_minor
       or coalesce(w.refunded, 0) <> d.refunded_minor or coalesce(h.disputed, 0) <> d.disputed_minor
       or (d.refunded_at is not null) <> (d.refunded_minor + d.disputed_minor = d.amount_minor)
       or (d.settled_at is null) <> (s.donation_id is null)
    """
)
"""Each gift beside its lines in the books, by kind, and its refunds and disputes; only those that differ."""

SURPLUSES = text(
    """
    with booked as (
      select donation_id, sum(credit_minor - debit_minor) as held
      from ledger_transactions t join ledger_entries e on e.transaction_id = t.id
      where account = 'suspense' and donation_id is not null group by donation_id
    ), kept as (
      select donation_id, sum(amount_minor - refunded_minor - disputed_minor) as held
      from surpluses group by donation_id
    )
    select donation_id, coalesce(kept.held, 0) as stands, coalesce(booked.held, 0) as should
    from kept full join booked using (donation_id)
    where coalesce(kept.held, 0) <> coalesce(booked.held, 0)
    """
)
"""Second payments beside what the books hold for their donors."""

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


GAPS = text(
    """
    select entity_id, year, count(*) as count, max(number) as last from ledger_numbers
    group by entity_id, year having max(number) <> count(*)
    """
)

UNPAIRED = text(
    """
    select c.reference, e.account, sum(e.debit_minor - e.credit_minor) as stands
    from ledger_transactions c left join ledger_transactions u
      on u.entity_id = c.entity_id and u.kind = 'unexplained' and u.reference = c.reference
    join ledger_entries e on e.transaction_id in (c.id, u.id)
    where c.kind = 'correction'
    group by c.reference, e.account having sum(e.debit_minor - e.credit_minor) <> 0
    """
)


def books_check(session: Session) -> list[Drift]:
    """Numbers with gaps, corrections of nothing, and closed years that are not as they were closed."""
    found = [
        Drift(f"books {r.entity_id} of {r.year}", "transactions numbered", r.count, r.last)
        for r in session.execute(GAPS)
    ]
    found += [Drift(f"correction {r.reference}", r.account, r.stands, 0) for r in session.execute(UNPAIRED)]
    return found + [Drift(*each) for each in closings.changed(session)]


def drift_check(session: Session) -> list[Drift]:
    """Every difference: totals against ledger and gifts, unbalanced transactions, gifts not in the books, and
    books that are not in order.
    """
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
    for r in session.execute(GIFTS):
        pairs = [
            ("amount_minor (ledger)", r.received, r.booked_given),
            ("refunded_minor (ledger)", r.refunded_minor, r.booked_refunded),
            ("refunded_minor (refunds)", r.refunded_minor, r.went),
            ("disputed_minor (ledger)", r.disputed_minor, r.booked_disputed),
            ("disputed_minor (disputes)", r.disputed_minor, r.held),
            ("is refunded", r.is_gone, r.nothing_left),
            ("is proved", r.is_proved, True),
        ]
        name = f"donation {r.id}"
        found += [Drift(name, figure, stands, should) for figure, stands, should in pairs if stands != should]
    found += [
        Drift(f"donation {r.donation_id}", "surplus (ledger)", r.stands, r.should)
        for r in session.execute(SURPLUSES)
    ]
    found += [
        Drift(f"campaign {r.campaign_id}", f"gifts of party {r.party_id}", r.stands, r.should)
        for r in session.execute(COUNTED_DONORS)
    ]
    return found + books_check(session)


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
