"""A gift with everyone it concerns: the donation, who gave, the campaign, and who receives.

What settling, failing and refunding lock first, and what their messages say.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, null, select
from sqlalchemy.orm import Session

from services.giving import donors
from services.giving.models import Campaign, Checkout, Donation, Donor, Entity, Settlement, Surplus
from services.giving.models.campaigns import GOALS
from services.giving.settings import current
from shared import links
from shared.messages import seal

Gift = Row[Any]

PURPOSE = "gift"

# Tables rather than entities: rows are read, not tracked, on the hottest path.
_donations, _checkouts, _donors = Donation.__table__.c, Checkout.__table__.c, Donor.__table__.c
_campaigns, _entities = Campaign.__table__.c, Entity.__table__.c
_people = Donor.__table__.alias("person")


def _gift(*more: Any) -> Select[Any]:
    person, donations, donors, campaigns = _people.c, _donations, _donors, _campaigns
    return select(
        donations.id.label("donation_id"),
        donations.donor_id,
        donations.amount_minor,
        donations.currency,
        donations.locale,
        donations.email.label("typed_email"),
        donations.link_version,
        donations.settled_at,
        donations.campaign_id,
        donors.person_id,
        donors.given_name.label("donor_given_name"),
        donors.family_name.label("donor_family_name"),
        donors.email.label("donor_email"),
        person.given_name,
        person.family_name,
        person.email,
        person.version,
        person.merged_into,
        campaigns.slug,
        campaigns.title,
        *(campaigns[name] for name in GOALS),
        campaigns.goal_reached_at,
        campaigns.fund_id,
        campaigns.entity_id,
        _entities.name.label("entity_name"),
        _entities.can_issue_receipts,
        _entities.creditor_id,
        *more,
    ).select_from(
        Donation.__table__.join(Donor.__table__, donors.id == donations.donor_id)
        .join(_people, person.id == donors.person_id, isouter=True)
        .join(Campaign.__table__, campaigns.id == donations.campaign_id)
        .join(Entity.__table__, _entities.id == campaigns.entity_id)
    )


def _locked(statement: Select[Any]) -> Select[Any]:
    return statement.with_for_update(key_share=True, of=[Donation.__table__, Donor.__table__])


READ = _gift().where(_donations.id == bindparam("donation_id"))
LOCK = _locked(READ)
LOCK_BY_CHECKOUT = _locked(
    _gift(_checkouts.id.label("checkout_id"), _checkouts.session_id, _checkouts.account, _checkouts.closed_at)
    .join(Checkout.__table__, _checkouts.donation_id == _donations.id)
    .where(_checkouts.id == bindparam("checkout_id"))
)


def read(session: Session, donation_id: UUID) -> Gift:
    """The gift as it stands, not locked."""
    return session.execute(READ, {"donation_id": donation_id}).one()


def lock(session: Session, donation_id: UUID) -> Gift:
    """The gift, its donation and donor locked: what is published about it then leaves in order."""
    return session.execute(LOCK, {"donation_id": donation_id}).one()


def lock_by_checkout(session: Session, checkout_id: UUID) -> Gift | None:
    """The gift that a checkout is for, locked, with that checkout; None when there is no such checkout."""
    return session.execute(LOCK_BY_CHECKOUT, {"checkout_id": checkout_id}).one_or_none()


def by_payment(session: Session, account: str, payment_id: str | None) -> Row[Any] | None:
    """The donation that a payment was for, since when it is ours, and, of a second one, its surplus."""
    paid = select(Settlement.donation_id, Settlement.settled_at, null().label("surplus_id")).where(
        Settlement.account == account, Settlement.payment_id == payment_id
    )
    again = select(Surplus.donation_id, Surplus.paid_at, Surplus.id).where(
        Surplus.account == account, Surplus.payment_id == payment_id
    )
    return session.execute(paid.union_all(again)).one_or_none()


def party_id(session: Session, gift: Gift) -> UUID:
    """Whom the donor counts as: the person, after all merges; a guest counts as themselves."""
    if gift.merged_into is not None:
        return donors.canonical(session, gift.person_id)
    return gift.person_id or gift.donor_id


def said(gift: Gift, party: UUID, *, with_link: bool = False) -> dict[str, Any]:
    """What every message about this gift says; `with_link`, the sealed address of its page too."""
    contact = _contact(gift, party)
    if contact and with_link:
        contact["link"] = seal(address(gift), current().message_key)
    return {
        "donation_id": gift.donation_id,
        "party_id": party,
        "person_id": party if gift.person_id else None,
        "campaign_id": gift.campaign_id,
        "campaign_slug": gift.slug,
        "campaign_title": gift.title,
        "entity_name": gift.entity_name,
        "receiptable": gift.can_issue_receipts,
        "amount_minor": gift.amount_minor,
        "currency": gift.currency,
        "contact": contact,
    }


def address(gift: Gift) -> str:
    """Address of the donor's own page of this gift: a secret, sealed wherever it travels in a message."""
    told = current()
    token = links.sign(PURPOSE, gift.donation_id, gift.link_version, key=told.link_key)
    return f"{told.public_url.rstrip('/')}/l/{PURPOSE}/{token}"


def _contact(gift: Gift, party: UUID) -> dict[str, Any] | None:
    """Whom to write to; None when no address is known."""
    email = gift.typed_email or gift.email or gift.donor_email
    if email is None:
        return None
    return {
        "party_id": party,
        "person_id": party if gift.person_id else None,
        "email": email,
        "given_name": gift.given_name or gift.donor_given_name,
        "family_name": gift.family_name or gift.donor_family_name,
        "locale": gift.locale,
        "typed": gift.typed_email is not None,
        "card_version": gift.version or 0,
    }
