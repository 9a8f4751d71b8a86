"""Funds: what the money is for."""

from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from services.giving.entities import EntityShown
from services.giving.models import Fund, Transaction
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged

routes = Blueprint("funds", __name__, url_prefix="/api/v1/giving/funds")


class FundShown(Schema):
    """A purpose that gifts are kept apart for, with the entity it belongs to."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    entity = fields.Nested(EntityShown, required=True)


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(FundShown))
def index(query: dict[str, Any]) -> Any:
    """Every fund, by name."""
    with Transaction() as session:
        return page(
            session, select(Fund).options(joinedload(Fund.entity)), keys=[Fund.name, Fund.id], **query
        )
