"""What giving does by the clock."""

from datetime import datetime, timedelta

from services.giving import (
    checkouts,
    debits,
    donations,
    gift_changes,
    ledger_numbers,
    payout_outcomes,
    provider_events,
    receipt_batches,
    receipt_cases,
    receipt_chain,
    reconciliations,
    refunds,
)
from services.giving.models import Transaction
from services.giving.settings import current
from shared.jobs import every
from shared.telemetry import log

MINUTE, HOUR = 60, 3600


@every(1)
def retry_parked_events(at: datetime) -> int:
    """Events that came before what they are about."""
    with Transaction() as session:
        return provider_events.retry_parked(session, at=at)


@every(2)
def fetch_details(at: datetime) -> int:
    """Means and fee of gifts just settled."""
    return reconciliations.fetch_details(list(current().accounts), at=at)


@every(2)
def announce_debits(at: datetime) -> int:
    """Donors who signed a mandate, not told yet when the debit comes."""
    return debits.announce_each(list(current().accounts), at=at)


@every(2)
def issue_receipts(at: datetime) -> int:
    """Receipts of gifts just settled, and of what waited and may be issued now."""
    with Transaction() as session:
        due = receipt_cases.due(session, at=at)
    for donation_id, entity_id in due:
        with Transaction() as session:
            receipt_cases.look(session, donation_id, entity_id=entity_id, at=at)
    return len(due)


@every(5)
def issue_yearly_receipts(at: datetime) -> int:
    """Batches of yearly receipts that staff asked for; one that was broken off goes on where it was."""
    return receipt_batches.work(at=at)


@every(MINUTE)
def chase_refunds(at: datetime) -> int:
    """Refunds that were interrupted, or that the bank takes its time for."""
    return refunds.chase(at=at)


@every(MINUTE)
def fill_refunded(at: datetime) -> int:
    """What went back of gifts that the code of before parts refunded, while it ran."""
    with Transaction() as session:
        return gift_changes.fill_refunded(session)


@every(MINUTE)
def tell_gifts_of_payouts(at: datetime) -> int:
    """Which gifts are in the payouts that we heard of."""
    return payout_outcomes.tell_gifts(list(current().accounts), at=at)


@every(10 * MINUTE)
def chase_checkouts(at: datetime) -> int:
    """Payment pages that must have closed, whose end nobody told us."""
    return checkouts.chase(at=at)


@every(10 * MINUTE)
def number_transactions(at: datetime) -> int:
    """What is in the books and has no number yet."""
    return ledger_numbers.give_all(at=at)


@every(HOUR)
def reconcile(at: datetime) -> int:
    """Each account against the provider's lists."""
    reconciliations.reconcile_each(current().accounts.values())
    return 0


@every(24 * HOUR)
def reconcile_the_week(at: datetime) -> int:
    """The same, a week back: what the provider corrected late."""
    reconciliations.reconcile_each(current().accounts.values(), since=at - timedelta(days=7))
    return 0


@every(HOUR)
def open_missed_cases(at: datetime) -> int:
    """Gifts settled before there were receipts."""
    with Transaction() as session:
        return receipt_cases.open_missed(session, at=at)


@every(HOUR)
def sign_receipt_chains(at: datetime) -> int:
    """The ends of the chains of receipts, for the log: against them a cut tail shows."""
    with Transaction() as session:
        for head in receipt_chain.sign_heads(session, at=at):
            log.info("receipt chain signed", head=head)
    return 0


@every(HOUR)
def forget(at: datetime) -> int:
    """What need not be kept: webhook bodies, and gifts that did not come."""
    with Transaction() as session:
        done = provider_events.clear_bodies(session, at=at)
    with Transaction() as session:
        return done + donations.forget_abandoned(session, at=at)
