"""Timelines: the story of a party across the services, with source and time of each line."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from services.notify import parties
from services.notify.models import TimelineEntry, Transaction
from shared.auth import caller
from shared.db import uuid7
from shared.http import Blueprint
from shared.i18n import bilingual
from shared.pages import PageQuery, page, paged

routes = Blueprint("timelines", __name__, url_prefix="/api/v1/notify/timelines")


class TimelineQuery(PageQuery):
    """Which part of the story; `until` shows it as of that moment."""

    until = fields.AwareDateTime()


class EntryShown(Schema):
    """One line of a story: what, when, and who says so; `ref` is the id of what it is about."""

    id = fields.UUID()
    at = fields.AwareDateTime()
    kind = fields.String()
    source = fields.String()
    text = bilingual()
    amount_minor = fields.Integer(allow_none=True)
    currency = fields.String(allow_none=True)
    ref = fields.String(allow_none=True)
    correlation_id = fields.UUID(allow_none=True)


@routes.get("/<uuid:party_id>", allow="people.read")
@routes.arguments(TimelineQuery, location="query")
@routes.response(200, paged(EntryShown))
def show(query, party_id):
    """The story of a party, the latest first.

    Gifts, and what was written of them, only with `giving.read`; events likewise, with `events.read`.
    """
    with Transaction() as session:
        found = of_party(session, party_id, until=query.get("until"))
        for source, right in READERS.items():
            if not caller().has(right):
                found = without(found, source)
        keys = [TimelineEntry.at.desc(), TimelineEntry.id.desc()]
        return page(session, found, after=query["after"], limit=query["limit"], keys=keys)


READERS = {"giving": "giving.read", "events": "events.read"}
"""The right to read what each service told."""

ADD = insert(TimelineEntry.__table__).on_conflict_do_nothing()


def add(
    session: Session,
    *,
    message_id: UUID,
    party_id: UUID,
    kind: str,
    source: str,
    at: datetime,
    words: dict[str, str],
    correlation_id: UUID | None = None,
    **facts: Any,
) -> None:
    """Write one line, once per (message, kind, party); `facts` are amount_minor, currency, ref."""
    values = {
        "id": uuid7(),
        "message_id": message_id,
        "party_id": party_id,
        "kind": kind,
        "source": source,
        "at": at,
        "text_fr": words["fr"],
        "text_en": words["en"],
        "correlation_id": correlation_id,
    }
    session.execute(ADD, values | facts)


def without(story: Select[Any], source: str) -> Select[Any]:
    """The story without what this service told, nor what was written because of it: subjects name sums."""
    fact = aliased(TimelineEntry)
    told = (
        select(fact.id)
        .where(fact.source == source, fact.correlation_id == TimelineEntry.correlation_id)
        .where(fact.party_id == TimelineEntry.party_id)
    )
    return story.where(TimelineEntry.source != source, ~told.exists())


def of_party(session: Session, party_id: UUID, *, until: datetime | None = None) -> Select[Any]:
    """The statement that reads a party's story, whatever ids it was written under."""
    found = select(TimelineEntry).where(TimelineEntry.party_id.in_(parties.ids(session, party_id)))
    return found if until is None else found.where(TimelineEntry.at <= until)
