"""Comparisons with a CRM, from their begin to what they list."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from services.notify import comparisons, schedule
from services.notify.models import CrmComparison, CrmDifference, Transaction
from tests.support.civicrm import Crm
from tests.support.crm_changes import Clock
from tests.support.facts import NOW

KINDS = ("missing", "extra", "differing", "doubled")


def compare(crm: Crm, clock: Clock | None = None) -> CrmComparison:
    """A whole one."""
    comparison_id, clock = start(crm), clock or Clock()
    while schedule.compare_next(clock=clock):
        pass
    return read(comparison_id)


def start(crm: Crm, at: datetime = NOW) -> UUID:
    """One that nobody asked for."""
    assert crm.subscription_id is not None
    with Transaction() as session:
        started = comparisons.start(session, crm.subscription_id, by=None, at=at)
        assert started is not None
        return started.id


def read(comparison_id: UUID) -> CrmComparison:
    """As it is now."""
    with Transaction() as session:
        return session.get_one(CrmComparison, comparison_id)


def counts(comparison: CrmComparison) -> tuple[int, ...]:
    """How many it found, by kind."""
    return tuple(getattr(comparison, f"{kind}_count") for kind in KINDS)


def listed(comparison: CrmComparison) -> list[CrmDifference]:
    """What it found, in that order."""
    with Transaction() as session:
        found = select(CrmDifference).where(CrmDifference.comparison_id == comparison.id)
        return list(session.execute(found.order_by(CrmDifference.id)).scalars())


def repair(comparison: CrmComparison) -> CrmComparison:
    """Queue all that is to be told once more."""
    with Transaction() as session:
        comparisons.ask_repair(session, comparison.id, by=None, at=NOW)
    while schedule.repair_next(clock=Clock()):
        pass
    return read(comparison.id)
