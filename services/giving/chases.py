"""Chases: what waits for the provider's word is asked about again, each row apart from the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from services.giving.models import Checkout, Refund
from shared.errors import DomainError
from shared.payments import gateway
from shared.telemetry import log

Waiting = TypeVar("Waiting", Checkout, Refund)


def each(waiting: Iterable[Waiting], ends: Callable[[Waiting], bool]) -> int:
    """How many ended. One that raises keeps its place and stops nobody else.

    An account whose provider does not answer is asked no more this time: each try may take half a minute.
    """
    ended, silent = 0, set[str]()
    for one in waiting:
        if one.account in silent:
            continue
        try:
            ended += ends(one)
        except gateway.ProviderUnavailable:
            silent.add(one.account)
        except (DomainError, IntegrityError) as error:
            log.error("chase fails", of=one.__tablename__, id=str(one.id), error=type(error).__name__)
    return ended
