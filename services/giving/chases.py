"""Chases: what waits for the provider's word is asked about again, each row apart from the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from sqlalchemy import inspect

from services.giving.models import Checkout, Debit, Payout, Refund, Settlement, Surplus
from shared.db import is_ill
from shared.payments import gateway
from shared.telemetry import log

Waiting = TypeVar("Waiting", bound=Checkout | Debit | Payout | Refund | Settlement | Surplus)


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
