"""Legal entities: who receives."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving.models import Entity, Transaction
from services.giving.models.debits import is_creditor_id
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.http import Blueprint
from shared.money import Minor
from shared.pages import PageQuery, page, paged

routes = Blueprint("entities", __name__, url_prefix="/api/v1/giving/entities")


class EntityShown(Schema):
    """A body with its own books."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    can_issue_receipts = fields.Boolean(required=True)


class EntityForStaff(EntityShown):
    """What staff see of it besides."""

    refund_alone_minor = Minor(
        required=True,
        allow_none=True,
        metadata={"description": "up to this sum one person may refund; null: whatever the sum"},
    )
    creditor_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "SEPA creditor identifier; null: donors are offered no debit"},
    )


class CreditorId(fields.String):
    """A SEPA creditor identifier, with or without the spaces that people write in it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> str:
        typed = super()._deserialize(value, attr, data, **rest)
        plain = "".join(typed[:60].split()).upper()
        if not is_creditor_id(plain):
            raise ValidationError("Not a SEPA creditor identifier: its check digits are wrong.")
        return plain


class EntityChange(Schema):
    """What staff set of an entity; what is absent stays."""

    refund_alone_minor = Minor(allow_none=True, validate=validate.Range(min=0))
    creditor_id = CreditorId(allow_none=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(EntityForStaff))
def index(query: dict[str, Any]) -> Any:
    """Every entity, by name."""
    with Transaction() as session:
        return page(session, select(Entity), keys=[Entity.name, Entity.id], **query)


@routes.patch("/<uuid:entity_id>", allow="giving.manage")
@routes.arguments(EntityChange)
@routes.response(200, EntityForStaff)
def change(wish: dict[str, Any], entity_id: UUID) -> Entity:
    """Set from which sum on a refund needs another person's agreement, and whether donors may pay by debit.

    Refunds that wait go on waiting, and a payment page that is open stays as it is.
    """
    with Transaction() as session:
        return revise(session, entity_id, by=caller().person_id, at=now(), **wish)


def revise(
    session: Session, entity_id: UUID, *, by: UUID | None, at: datetime, **changed: int | str | None
) -> Entity:
    """Who changes what is in the audit trail, with what it was."""
    entity = lock(session, Entity, entity_id)
    before = {name: getattr(entity, name) for name in changed}
    for name, value in changed.items():
        setattr(entity, name, value)
    audit.record(
        session,
        by=by,
        action="entity.changed",
        subject=("entity", entity_id),
        fields=sorted(changed),
        right="giving.manage",
        detail={"before": before, "after": changed},
        at=at,
        key=current().link_key,
    )
    return entity
