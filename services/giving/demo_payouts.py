"""The demo's payouts: at the end of each month the provider sent to the bank what was available."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from services.giving import demo_gifts, ledger_numbers, payout_outcomes
from services.giving.models import Payout, Settlement, Transaction
from services.giving.settings import current

EVERY = timedelta(days=30)
MOST = 25


def make(*, at: datetime) -> int:
    """Told to the sandbox where an account had none, then taken from its list; how many are new."""
    taken = 0
    for account in current().accounts.values():
        with Transaction() as session:
            known = select(func.count()).where(Payout.account == account.account)
            first = select(func.min(Settlement.paid_at)).where(Settlement.account == account.account)
            paid_at = session.execute(first).scalar_one()
            if paid_at is None or session.execute(known).scalar_one():
                continue
        days = [at - EVERY * number - timedelta(days=1) for number in reversed(range(MOST))]
        wishes = [{"at": day.timestamp()} for day in days if day > paid_at]
        demo_gifts.tell_past(demo_gifts.use_of(account.account), "payouts", wishes)
        taken += payout_outcomes.catch_up(account, since=at, at=at)
    while payout_outcomes.tell_gifts(list(current().accounts), at=at):
        pass
    while ledger_numbers.give_all(at=at):
        pass
    return taken
