"""Legal entities: who receives."""

from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select

from services.giving.models import Entity, Transaction
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged

routes = Blueprint("entities", __name__, url_prefix="/api/v1/giving/entities")


class EntityShown(Schema):
    """A body with its own books."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    can_issue_receipts = fields.Boolean(required=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(EntityShown))
def index(query: dict[str, Any]) -> Any:
    """Every entity, by name."""
    with Transaction() as session:
        return page(session, select(Entity), keys=[Entity.name, Entity.id], **query)
