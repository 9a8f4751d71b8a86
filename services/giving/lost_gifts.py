"""Lost gifts: paid after the backup that this database was restored from, and put back from the provider.

    python -m services.giving.lost_gifts

takes the events of thirty days that we do not have, and makes anew each gift that the provider was paid for
on a page of ours and that our books know nothing of; then prints what could not be put back, and ends with 1
when there is such. A second run changes nothing.

The gift has the ids, sum, campaign, address and moment of payment that the provider kept with its page; the
words of the donor and the choices made for the wall are lost. It settles by the same path as any other.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving import donors, provider_events, reconciliations
from services.giving.models import Campaign, Checkout, Donation, ProviderEvent, Transaction, database
from services.giving.provider_events import PAID
from services.giving.settings import current, load
from services.giving.told_events import Told
from shared import audit
from shared.clock import now


class CannotPutBack(Exception):
    """The provider does not tell enough; says what is missing."""


def put_back(*, at: datetime) -> Iterator[tuple[str, str]]:
    """(the page's id at the provider, what became of it) for each paid page that nobody here knows of."""
    for account in current().accounts.values():
        reconciliations.take_missed(account, since=at - reconciliations.FIRST_SPAN)
    with Transaction() as session:
        waiting = session.execute(_WAITING).all()
    for account_name, event_id, page_id in waiting:
        try:
            with Transaction() as session:
                outcome = _try(session, account_name, event_id, at=at)
        except CannotPutBack as error:
            outcome = f"not put back: {error}"
        except Exception as error:  # unforeseen or not, one page must not keep the others out of the books
            outcome = f"not put back: {type(error).__name__}"
        if outcome is not None:
            yield page_id, outcome


_WAITING = (
    select(ProviderEvent.account, ProviderEvent.event_id, ProviderEvent.object_id)
    .where(ProviderEvent.outcome == "parked", ProviderEvent.type.in_(PAID), ProviderEvent.body.is_not(None))
    .order_by(ProviderEvent.happened_at)
)


def _try(session: Session, account: str, event_id: str, *, at: datetime) -> str | None:
    """None when somebody else was quicker, or the page waits for its money."""
    parked = session.get_one(ProviderEvent, (account, event_id), with_for_update=True)
    if parked.outcome != "parked" or parked.body is None:
        return None
    told = Told.late(json.loads(parked.body), account=account)
    if told.text("payment_status") != "paid":
        return None
    donation = _donation(session, told)
    outcome = provider_events.apply(session, told)
    parked.outcome, parked.retry_at = outcome, at + timedelta(seconds=2) if outcome == "parked" else None
    audit.record(
        session,
        by=None,
        action="donation.put_back",
        subject=("donation", donation.id),
        detail={"event": event_id, "outcome": outcome},
        at=at,
        key=current().link_key,
    )
    return outcome


def _donation(session: Session, told: Told) -> Donation:
    """The donation of a paid page and its checkout, whichever of them is missing made anew."""
    checkout_id, donation_id = told.mark("checkout_id"), told.mark("donation_id")
    if checkout_id is None or donation_id is None:
        raise CannotPutBack("the page carries no ids of ours")
    donation = session.get(Donation, donation_id) or _made(session, told, donation_id)
    if session.get(Checkout, checkout_id) is None:
        # As a page that ran out: another may be open beside it, and the payment closes both.
        checkout = Checkout(
            id=checkout_id, donation_id=donation.id, account=told.account, created_at=told.happened_at,
            closed_at=told.happened_at, outcome="expired",
        )  # fmt: skip
        session.add(checkout)
        session.flush()
    return donation


def _made(session: Session, told: Told, donation_id: UUID) -> Donation:
    campaign_id = told.mark("campaign_id")
    campaign = session.get(Campaign, campaign_id) if campaign_id else None
    if campaign is None:
        raise CannotPutBack("the page names no campaign that is here")
    payer: dict[str, Any] = told.object.get("customer_details") or {}
    email = payer.get("email")
    if not email:
        raise CannotPutBack("the page names no address of the donor")
    locale = "en" if told.object.get("locale") == "en" else "fr"
    given, _, family = (payer.get("name") or email.partition("@")[0]).strip().rpartition(" ")
    donor = donors.guest(session, given, family, email, locale=locale, at=told.happened_at)
    donation = Donation(
        id=donation_id, campaign_id=campaign.id, donor_id=donor.id, amount_minor=told.whole("amount_total"),
        currency=told.text("currency").upper(), locale=locale, email=email, created_at=told.happened_at,
    )  # fmt: skip
    session.add(donation)
    session.flush()
    return donation


def main() -> int:
    """The command."""
    database.connect(load().database_url, pool_size=2)
    left = 0
    for page_id, outcome in put_back(at=now()):
        print(f"{page_id}: {'put back in the books' if outcome == 'applied' else outcome}")
        left += outcome != "applied"
    print(f"{left} payments need a person." if left else "No payment is missing from the books.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
