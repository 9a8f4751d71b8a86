"""Receipt settings: what an entity must say before it issues tax receipts; until then what waits, waits.

There is no switch: an entity is entitled under an article of the tax code by the document that says so, and
by nothing else. So an alumni association has no receipts unless it has such a document.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from services.giving import receipt_cases
from services.giving.entities import EntityShown
from services.giving.models import Entity, Transaction
from services.giving.models.entities import CATEGORIES, MISSING
from services.giving.models.receipts import ARTICLES, INCOME_TAX
from services.giving.settings import current
from shared import audit
from shared.addresses import Address, Printed
from shared.auth import caller
from shared.clock import now, today
from shared.db import lock
from shared.errors import NotFound
from shared.http import Blueprint
from shared.siren import Rna, Siren

routes = Blueprint("receipt_settings", __name__, url_prefix="/api/v1/giving/entities")

DOCUMENTS = ("statute", "decree", "ruling", "approval")
"""Statutes, decree or order of recognition, ruling of the tax office (L. 80 C LPF), ministerial approval."""
MEANS = ("card", "sepa_debit", "transfer")
DATES = ("captured", "available", "arrived")


class Entitlement(Schema):
    """The document by which an entity may issue receipts under an article."""

    kind = fields.String(required=True, validate=validate.OneOf(DOCUMENTS))
    reference = Printed(required=True, most=200)
    dated_on = fields.Date(required=True)


class Entitlements(Schema):
    """By article of the tax code: 200 (income tax), 238 bis (companies), 978 (tax on real estate wealth)."""

    article_200 = fields.Nested(Entitlement, data_key="200", allow_none=True)
    article_238bis = fields.Nested(Entitlement, data_key="238bis", allow_none=True)
    article_978 = fields.Nested(Entitlement, data_key="978", allow_none=True)


class Signatory(Schema):
    """Who signs receipts, in which capacity, between two days; open ended without the second."""

    name = Printed(required=True)
    capacity = Printed(required=True, most=200, metadata={"description": "in French, as it is printed"})
    from_on = fields.Date(required=True)
    until_on = fields.Date(load_default=None, allow_none=True)

    @validates_schema
    def _order(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("until_on") and "from_on" in data and data["until_on"] < data["from_on"]:
            raise ValidationError("Ends before it starts.", "until_on")


class SettingsChange(Schema):
    """What of the settings changes; lists and maps are given whole."""

    siren = Siren(allow_none=True)
    rna = Rna(allow_none=True)
    address = fields.Nested(Address, allow_none=True)
    purpose = Printed(most=500, allow_none=True)
    category = fields.String(validate=validate.OneOf(CATEGORIES), allow_none=True)
    receipt_series = fields.String(validate=validate.Regexp(r"[A-Z0-9]{1,12}\Z"), allow_none=True)
    entitlements = fields.Nested(Entitlements)
    signatories = fields.List(fields.Nested(Signatory), validate=validate.Length(max=50))
    date_rules = fields.Dict(
        keys=fields.String(validate=validate.OneOf(MEANS)),
        values=fields.String(validate=validate.OneOf(DATES)),
        metadata={"description": "by means of payment, the date that counts: captured, available or arrived"},
    )


class SettingsShown(EntityShown):
    """The settings as they stand; `missing` names what must be said before anything is issued."""

    siren = fields.String(allow_none=True)
    rna = fields.String(allow_none=True)
    address = fields.Nested(Address, allow_none=True)
    purpose = fields.String(allow_none=True)
    category = fields.String(allow_none=True)
    receipt_series = fields.String(allow_none=True)
    entitlements = fields.Dict(required=True)
    signatories = fields.List(fields.Dict(), required=True)
    date_rules = fields.Dict(required=True)
    missing = fields.List(fields.String(validate=validate.OneOf(MISSING)), required=True)


@routes.get("/<uuid:entity_id>/receipt-settings", allow="giving.read")
@routes.response(200, SettingsShown)
def show(entity_id: UUID) -> Any:
    """What the entity says of itself on receipts, and what it has not said yet."""
    with Transaction() as session:
        entity = session.get(Entity, entity_id)
        if entity is None:
            raise NotFound
        return shown(entity, on=today(now()))


@routes.patch("/<uuid:entity_id>/receipt-settings", allow="giving.manage")
@routes.arguments(SettingsChange)
@routes.response(200, SettingsShown)
def change(wish: dict[str, Any], entity_id: UUID) -> Any:
    """Change some of it; when nothing is missing any more, what waited is issued within a minute."""
    with Transaction() as session:
        return shown(revise(session, entity_id, by=caller().person_id, at=now(), **wish), on=today(now()))


def shown(entity: Entity, *, on: date) -> dict[str, Any]:
    """The settings with what is missing."""
    names = (*EntityShown().fields, *SettingsChange().fields)
    return {name: getattr(entity, name) for name in names} | {"missing": entity.missing(on)}


def revise(session: Session, entity_id: UUID, *, by: UUID | None, at: datetime, **wish: Any) -> Entity:
    """Write the settings, and look again at every gift that waits for a receipt of this entity."""
    entity = lock(session, Entity, entity_id)
    if "entitlements" in wish:
        told = {name.removeprefix("article_"): value for name, value in wish["entitlements"].items()}
        wish["entitlements"] = {article: _plain(told[article]) for article in ARTICLES if told.get(article)}
        entity.can_issue_receipts = INCOME_TAX in wish["entitlements"]
    if "signatories" in wish:
        wish["signatories"] = [_plain(each) for each in wish["signatories"]]
    for name, value in wish.items():
        setattr(entity, name, value)
    audit.record(
        session,
        by=by,
        action="entity.receipt_settings_changed",
        subject=("entity", entity_id),
        fields=sorted(wish),
        right="giving.manage",
        detail={name: value for name, value in wish.items() if name != "signatories"},
        at=at,
        key=current().link_key,
    )
    session.flush()
    receipt_cases.look_again(session, entity_id=entity_id, at=at)
    return entity


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """As JSON holds it."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in told.items()}
