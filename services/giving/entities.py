"""Legal entities: who receives."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.giving.models import Entity, Transaction
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


class EntityChange(Schema):
    """What staff set of an entity."""

    refund_alone_minor = Minor(required=True, allow_none=True, validate=validate.Range(min=0))


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
    """Set from which sum on a refund needs another person's agreement; those that wait go on waiting."""
    with Transaction() as session:
        return set_limit(session, entity_id, **wish, by=caller().person_id, at=now())


def set_limit(
    session: Session, entity_id: UUID, *, refund_alone_minor: int | None, by: UUID | None, at: datetime
) -> Entity:
    """Who raises it is in the audit trail, with what it was."""
    entity = lock(session, Entity, entity_id)
    before, entity.refund_alone_minor = entity.refund_alone_minor, refund_alone_minor
    audit.record(
        session,
        by=by,
        action="entity.changed",
        subject=("entity", entity_id),
        fields=("refund_alone_minor",),
        right="giving.manage",
        detail={"before": before, "after": refund_alone_minor},
        at=at,
        key=current().link_key,
    )
    return entity
