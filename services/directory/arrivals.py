"""Arrivals: how many people came into the directory since a moment."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.directory.models import Person, Transaction
from shared.db import uuid7
from shared.http import Blueprint

routes = Blueprint("arrivals", __name__, url_prefix="/api/v1/directory/arrivals")


EPOCH, MARGIN = datetime(1971, 1, 1, tzinfo=UTC), timedelta(minutes=1)


class ArrivalsQuery(Schema):
    since = fields.AwareDateTime(required=True)


class Arrivals(Schema):
    people = fields.Integer()


@routes.get("", allow="people.read")
@routes.arguments(ArrivalsQuery, location="query")
@routes.response(200, Arrivals)
def index(query):
    """How many people were written down since a moment, by whatever way."""
    with Transaction() as session:
        return {"people": counted(session, since=query["since"])}


def counted(session: Session, *, since: datetime) -> int:
    """People since then. Ids begin with the time, so the primary key leads to the latest ones."""
    latest = select(func.count(Person.id)).where(Person.id >= floor(since), Person.created_at >= since)
    return session.execute(latest).scalar_one()


def floor(at: datetime) -> UUID:
    """An id below all that are made from `at` on, with a minute for clocks that differ."""
    return uuid7(max(at, EPOCH) - MARGIN)
