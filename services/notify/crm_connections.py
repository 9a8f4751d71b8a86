"""CRM connections: a CiviCRM is asked for all that it needs before it is connected, and connected once."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.notify.connectors import Target
from services.notify.connectors.civicrm import preparation
from services.notify.deliveries import LOOPBACK
from services.notify.models import CIVICRM, Subscription
from services.notify.models.base import database
from services.notify.settings import NotifySettings
from shared.auth import caller
from shared.errors import Conflict
from shared.limits import TooMany, limit
from shared.once import scope_of

CHECKS_MOST, CHECKS_PER_S = 20, 600
CHECK_REFUSALS = (preparation.CrmBeingChecked, TooMany, *preparation.REFUSALS)


class CrmAlreadyConnected(Conflict):
    """This CRM is connected already: each change would go there twice. End that connection first."""


def check(url: str, api_key: str, settings: NotifySettings) -> None:
    """Ask a CRM for all that is needed: CrmBeingChecked while another is asked, TooMany for who asks on."""
    limit(database.engine, "crm.check", str(caller().person_id), most=CHECKS_MOST, per_s=CHECKS_PER_S)
    hosts = LOOPBACK if settings.demo else ()
    with one_check():
        preparation.prepare(Target(url, api_key, hosts))


@contextmanager
def one_check() -> Iterator[None]:
    """One at a time, of all processes: a CRM that is slow holds one thread of the portal and no more."""
    key = func.hashtext("amicale.crm_check")
    with database.alone() as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one():
            raise preparation.CrmBeingChecked
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(key)))


def check_new(session: Session, url: str, *, key: str) -> None:
    """CrmAlreadyConnected for a CRM that is told already, but by this same wish."""
    one_wish_at_a_time(session)
    living = select(Subscription).filter_by(connector=CIVICRM, deleted_at=None)
    repeated = select(Subscription.id).filter_by(**scope_of(key))
    told = session.execute(living.where(Subscription.id.not_in(repeated))).scalars()
    if any(_place(each.url) == _place(url) for each in told):
        raise CrmAlreadyConnected


def one_wish_at_a_time(session: Session) -> None:
    """Until the transaction ends: the next one sees what this one has connected."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("amicale.crm_connected"))))


def _place(url: str) -> tuple[str | None, int, str]:
    """Where an address leads, however it is written."""
    target = urlsplit(url)
    return target.hostname, target.port or (80 if target.scheme == "http" else 443), target.path.rstrip("/")
