"""Receipt facts: what eligibility asks about gifts, read for many at once."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.giving import tax_parameters
from services.giving.eligibility import Facts, Rules
from services.giving.models import (
    Campaign,
    Counterpart,
    Donation,
    Donor,
    Entity,
    Fund,
    LedgerEntry,
    LedgerTransaction,
    ReceiptCase,
    Settlement,
)
from services.giving.models.ledger import DISPUTES, REFUNDS
from shared.clock import today

MEANS = {"card": "card", "sepa_debit": "sepa_debit", "customer_balance": "transfer", "link": "card"}
"""The provider's names of what a donor paid with, in ours; what is not here has no rule."""


def rules(session: Session, *, on: date) -> Rules:
    """What the law sets on a day."""
    values = tax_parameters.on_day(session, on=on)
    return Rules(
        counterpart_share=tax_parameters.value(values, "counterpart_share_percent_hundredths"),
        counterpart_ceiling_minor=tax_parameters.value(values, "counterpart_ceiling_minor"),
        company_counterpart_share=tax_parameters.value(
            values, "company_counterpart_share_percent_hundredths"
        ),
    )


GIFTS = (
    select(
        Donation,
        Donor,
        Settlement,
        Campaign.fund_id,
        Fund.sheltered_body,
        Entity,
        ReceiptCase.receipt_id,
        func.party_of(Donor.id).label("party_id"),
    )
    .join(Donor, Donor.id == Donation.donor_id)
    .join(Settlement, Settlement.donation_id == Donation.id)
    .join(Campaign, Campaign.id == Donation.campaign_id)
    .join(Fund, Fund.id == Campaign.fund_id)
    .join(Entity, Entity.id == Campaign.entity_id)
    .join(ReceiptCase, ReceiptCase.donation_id == Donation.id)
)


def of_gifts(session: Session, donation_ids: Iterable[UUID], *, at: datetime) -> list[Facts]:
    """The facts of settled gifts, in the order of their ids."""
    ids = list(donation_ids)
    wanted = GIFTS.where(Donation.id.in_(ids)).order_by(Donation.id).execution_options(populate_existing=True)
    rows = session.execute(wanted).all()
    gone, given = _gone(session, ids), _counterparts(session, ids)
    return [_facts(row, gone.get(row.Donation.id, {}), _given(session, row, given), at=at) for row in rows]


def _facts(row: Any, gone: dict[str, int], given: tuple[int, int], *, at: datetime) -> Facts:
    gift, entity, settlement = row.Donation, row.Entity, row.Settlement
    means = MEANS.get(settlement.method_kind or "", settlement.method_kind or "")
    rule = entity.date_rules.get(means)
    received = _received(settlement, rule)
    return Facts(
        donation_id=gift.id,
        entity_id=entity.id,
        party_id=row.party_id,
        amount_minor=gift.amount_minor,
        currency=gift.currency,
        means=means,
        locale=gift.locale,
        to=gift.receipt_to,
        entity_missing=tuple(entity.missing(today(at))),
        entitled=frozenset(entity.entitlements),
        has_date_rule=rule is not None,
        received_on=today(received) if received else None,
        refunded_minor=gone.get(REFUNDS, 0),
        disputed=gone.get(DISPUTES, 0) > 0,
        erased=row.Donor.erased_at is not None,
        for_wealth_tax=gift.for_wealth_tax,
        rhythm=gift.receipt_rhythm,
        country=gift.country,
        counterparts_minor=given[0],
        counterparts_of_year_minor=given[1],
        receipt_id=row.receipt_id,
        frozen=_frozen(entity, row.sheltered_body, at=at),
    )


def _received(settlement: Settlement, rule: str | None) -> datetime | None:
    """The moment that counts by the entity's rule; None while it has not come."""
    if rule == "captured":
        return settlement.paid_at
    if rule == "available":
        return settlement.available_at
    return settlement.arrived_at if rule == "arrived" else None


def _frozen(entity: Entity, sheltered_body: str | None, *, at: datetime) -> dict[str, Any]:
    names = ("name", "siren", "rna", "address", "purpose", "category", "entitlements", "receipt_series")
    return {name: getattr(entity, name) for name in names} | {
        "sheltered_body": sheltered_body,
        "signatory": entity.signatory(today(at)),
    }


GONE = (
    select(
        LedgerTransaction.donation_id,
        LedgerEntry.account,
        func.sum(LedgerEntry.debit_minor - LedgerEntry.credit_minor),
    )
    .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
    .where(LedgerEntry.account.in_((REFUNDS, DISPUTES)))
    .group_by(LedgerTransaction.donation_id, LedgerEntry.account)
)
"""The books say what went back: whoever writes a refund or a dispute there has told it here."""


def _gone(session: Session, ids: list[UUID]) -> dict[UUID, dict[str, int]]:
    found: dict[UUID, dict[str, int]] = {}
    for donation_id, account, minor in session.execute(GONE.where(LedgerTransaction.donation_id.in_(ids))):
        found.setdefault(donation_id, {})[account] = int(minor)
    return found


def _counterparts(session: Session, ids: list[UUID]) -> dict[UUID, int]:
    summed = select(Counterpart.donation_id, func.sum(Counterpart.value_minor))
    own = summed.where(Counterpart.donation_id.in_(ids)).group_by(Counterpart.donation_id)
    return {donation_id: int(minor) for donation_id, minor in session.execute(own)}


OF_YEAR = text(
    """
    select coalesce(sum(c.value_minor), 0) from counterparts c join donations d on d.id = c.donation_id
    join settlements s on s.donation_id = d.id join campaigns on campaigns.id = d.campaign_id
    where party_of(d.donor_id) = :party_id and campaigns.entity_id = :entity_id
      and (s.paid_at, d.id) <= (cast(:paid_at as timestamptz), :donation_id)
      and date_trunc('year', s.paid_at at time zone 'Europe/Paris')
          = date_trunc('year', cast(:paid_at as timestamptz) at time zone 'Europe/Paris')
    """
)


def _given(session: Session, row: Any, own: dict[UUID, int]) -> tuple[int, int]:
    """What was given in return for this gift, and for this donor's in its year up to this one."""
    minor = own.get(row.Donation.id, 0)
    if not minor:
        return 0, 0
    told = {"party_id": row.party_id, "entity_id": row.Entity.id, "donation_id": row.Donation.id}
    told |= {"paid_at": row.Settlement.paid_at}
    return minor, int(session.execute(OF_YEAR, told).scalar_one())
