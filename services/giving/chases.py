"""Chases: what waits for the provider's word is asked about again, each row apart from the others."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Select, inspect
from sqlalchemy.orm import Session

from services.giving.models import Checkout, Debit, Payout, Refund, Settlement, Surplus
from shared.db import is_ill
from shared.payments import gateway
from shared.telemetry import log

Waiting = TypeVar("Waiting", bound=Checkout | Debit | Payout | Refund | Settlement | Surplus)


def take_due(
    session: Session, unknown: Select[tuple[Waiting]], *, since: str, at: datetime, most: int = 50
) -> list[Waiting]:
    """Rows of `unknown` that are due, those that wait longest first; each is due again after half the time
    that it has waited `since` (the name of its column), two seconds at least and six hours at most.
    """
    [model] = [told["entity"] for told in unknown.column_descriptions]
    due = unknown.where(model.retry_at <= at).order_by(model.retry_at).limit(most)
    found = list(session.execute(due.with_for_update(skip_locked=True, of=model)).scalars())
    for one in found:
        waited = at - getattr(one, since)
        one.retry_at = at + min(max(waited / 2, timedelta(seconds=2)), timedelta(hours=6))
    return found


def each(waiting: Iterable[Waiting], ends: Callable[[Waiting], bool]) -> tuple[int, list[Exception]]:
    """How many ended, and what the others raised. One that raises keeps its place and stops nobody else.

    An account whose provider does not answer is asked no more this time: each try may take half a minute.
    Only an illness of the database, which none of them would survive, is raised at once.
    """
    ended, failed, silent = 0, list[Exception](), set[str]()
    for one in waiting:
        if one.account in silent:
            continue
        try:
            ended += ends(one)
        except Exception as error:
            if is_ill(error):
                raise
            failed.append(error)
            if isinstance(error, gateway.ProviderUnavailable):
                silent.add(one.account)
            else:
                of, (id,) = one.__tablename__, inspect(one).identity
                log.error("chase fails", of=of, id=str(id), error=type(error).__name__)
    return ended, failed
