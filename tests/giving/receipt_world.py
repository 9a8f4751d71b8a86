"""Receipts in tests: an entity that may issue them, what the law sets, gifts that settle into receipts."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.giving import receipt_cases, receipt_settings, schedule
from services.giving.models import Entity, Receipt, ReceiptCase, Settlement, Transaction
from tests.giving import world

SIREN = "732829320"
ADDRESS = {"street": "12 rue des Tilleuls", "postal_code": "35000", "city": "Rennes", "country": "FR"}
TO = {"given_name": "Claire", "family_name": "Lemoine", "address": ADDRESS}
COMPANY = {
    "legal_name": "Ateliers Morvan",
    "legal_form": "SAS",
    "siren": "552100554",
    "address": ADDRESS | {"street": "3 quai Saint-Cast"},
}
DOCUMENT = {
    "kind": "ruling",
    "reference": "Rescrit 2021/114",
    "dated_on": (world.NOW - timedelta(900)).date(),
}
COMPLETE: dict[str, Any] = {
    "siren": SIREN,
    "address": ADDRESS,
    "purpose": "Soutenir la recherche, la formation et la vie étudiante de l’université.",
    "category": "university_foundation",
    "receipt_series": "FUV",
    "entitlements": {"article_200": DOCUMENT, "article_238bis": DOCUMENT, "article_978": DOCUMENT},
    "signatories": [
        {
            "name": "Hélène Marchetti",
            "capacity": "Directrice générale, par délégation du président",
            "from_on": (world.NOW - timedelta(days=400)).date(),
            "until_on": None,
        }
    ],
    "date_rules": {"card": "captured", "sepa_debit": "arrived"},
}
MIGRATION = Path(__file__).parents[2] / "services/giving/migrations/0015_receipts.py"


def law() -> None:
    """What the migration brings of the law, which emptying the tables took away."""
    told = MIGRATION.read_text().partition('PARAMETERS = """')[2].partition('"""')[0]
    with Transaction() as session:
        session.execute(text(told.replace(":", r"\:")))


def entity(slug: str = "fondation") -> UUID:
    with Transaction() as session:
        return session.execute(select(Entity.id).where(Entity.slug == slug)).scalar_one()


def complete(slug: str = "fondation", **changed: Any) -> UUID:
    """Say all that an entity must say before it issues."""
    with Transaction() as session:
        found = session.execute(select(Entity).where(Entity.slug == slug)).scalar_one()
        wish = COMPLETE | changed
        return receipt_settings.revise(session, found.id, by=None, at=world.NOW, **wish).id


def settled(campaign_id: UUID, amount_minor: int = 5000, **who: Any) -> world.Begun:
    """A gift whose donor asked for a receipt, settled, its means told; its receipt is not looked at yet."""
    gift = world.settled(campaign_id, amount_minor, **{"receipt_to": TO, **who})
    tell(gift)
    return gift


def tell(gift: world.Begun, kind: str = "card") -> None:
    """The provider told means and fee."""
    with Transaction() as session:
        settlement = session.get_one(Settlement, gift.id)
        settlement.method_kind, settlement.fee_minor, settlement.detailed_at = kind, 0, world.NOW
        settlement.available_at = world.NOW + timedelta(days=3)
        entity_id = session.execute(select(Entity.id).where(Entity.slug == gift.account)).scalar_one()
        receipt_cases.open(session, gift.id, entity_id=entity_id, at=world.NOW)


def issue_due(*, days: int = 0) -> None:
    """The clock comes by."""
    schedule.issue_receipts(world.NOW + timedelta(days=days, seconds=1))


def case(gift: world.Begun) -> ReceiptCase:
    with Transaction() as session:
        return session.get_one(ReceiptCase, gift.id)


def receipt_of(gift: world.Begun) -> Receipt | None:
    """The valid receipt that a gift is on."""
    with Transaction() as session:
        receipt_id = session.get_one(ReceiptCase, gift.id).receipt_id
        return session.get_one(Receipt, receipt_id) if receipt_id else None


def said(type: str) -> list[dict[str, Any]]:
    """What left by the outbox, with whom it is about."""
    with Transaction() as session:
        rows = session.execute(
            text("select payload, contact from outbox where type = :type order by position"), {"type": type}
        ).all()
    return [json.loads(row.payload) | {"contact": json.loads(row.contact or "null")} for row in rows]
