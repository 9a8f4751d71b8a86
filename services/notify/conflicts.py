"""Conflicts: fields that somebody changed in the CRM by hand, and what staff decided of each.

`ours` is pushed over it; `theirs` stays there and is not overwritten until ours changes again, and may be
undone. What became the same meanwhile is `gone`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.notify import changes, memories, parties
from services.notify.connectors import Clash
from services.notify.connectors.civicrm import records
from services.notify.models import GONE, OURS, THEIRS, CrmConflict, Gift, Guest, Transaction
from services.notify.models.crm_conflict import ConflictDecided, ConflictOpen
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.db import lock, uuid7
from shared.errors import Conflict
from shared.http import Blueprint
from shared.messages import CrmConflictFound
from shared.outbox import publish
from shared.pages import PageQuery, page, paged

routes = Blueprint("conflicts", __name__, url_prefix="/api/v1/notify/conflicts")
RIGHT = "integrations.manage"
DECIDED = "crm.conflict_decided"
READING = {"contact": "people.read", "contribution": "giving.read", "participant": "events.read"}
"""By what a record is over there, the right to read it here; guests are known by their gifts alone."""


class ConflictQuery(PageQuery):
    """Which conflicts: the open ones unless told otherwise."""

    open = fields.Boolean(load_default=True)
    subscription_id = fields.UUID()


class ConflictShown(Schema):
    """A field of a party's contact, of a gift's contribution or of a registration's participant that differs
    by another hand.

    Both values are null to who may not read whom or what they are about.
    """

    id = fields.UUID()
    subscription_id = fields.UUID()
    party_id = fields.UUID()
    entity = fields.String(validate=validate.OneOf(list(READING)))
    record = fields.String(metadata={"description": "`contact`, or the donation's or registration's id"})
    field = fields.String(metadata={"description": "as CiviCRM names it"})
    ours = fields.String(allow_none=True)
    theirs = fields.String(allow_none=True)
    found_at = fields.AwareDateTime()
    decision = fields.String(allow_none=True, validate=validate.OneOf([OURS, THEIRS, GONE]))
    decided_at = fields.AwareDateTime(allow_none=True)
    decided_by = fields.UUID(allow_none=True)


class ConflictAgain(Conflict):
    """The same field was changed there once more: that conflict is the one to decide."""


class DecisionWish(Schema):
    """Whose value stands."""

    keep = fields.String(required=True, validate=validate.OneOf([OURS, THEIRS]))


@routes.get("", allow=RIGHT)
@routes.arguments(ConflictQuery, location="query")
@routes.response(200, paged(ConflictShown))
def index(query):
    """Conflicts, the newest first."""
    found = select(CrmConflict)
    is_open = CrmConflict.decided_at.is_(None)
    found = found.where(is_open if query["open"] else ~is_open)
    if "subscription_id" in query:
        found = found.where(CrmConflict.subscription_id == query["subscription_id"])
    with Transaction() as session:
        shown = page(session, found, after=query["after"], limit=query["limit"], keys=[CrmConflict.id.desc()])
        return shown | {"items": [_shown(session, each) for each in shown["items"]]}


@routes.post("/<uuid:conflict_id>/decisions", allow=RIGHT, refuses=(ConflictDecided,))
@routes.arguments(DecisionWish)
@routes.response(201, ConflictShown)
def create_decision(wish, conflict_id):
    """Decide whose value stands; the same decision again changes nothing."""
    with Transaction() as session:
        conflict = lock(session, CrmConflict, conflict_id)
        if conflict.decision != wish["keep"]:
            decide(session, conflict_id, keep=wish["keep"], by=caller().person_id, at=now())
            _audit(session, "crm_conflict.decided", conflict, at=now())
        return _shown(session, conflict)


@routes.delete("/<uuid:conflict_id>/decisions", allow=RIGHT, refuses=(ConflictOpen, ConflictAgain))
@routes.response(200, ConflictShown)
def delete_decision(conflict_id):
    """Undo a decision that left theirs."""
    with Transaction() as session:
        conflict = undo(session, conflict_id)
        _audit(session, "crm_conflict.reopened", conflict, at=now())
        return _shown(session, conflict)


def _shown(session: Session, conflict: CrmConflict) -> dict[str, Any]:
    entity = _entity(session, conflict)
    values = {name: getattr(conflict, name) for name in ConflictShown._declared_fields if name != "entity"}
    guest = session.get(Guest, conflict.party_id) if entity == records.CONTACT else None
    right = "giving.read" if guest and not guest.person_id else READING[entity]
    hidden = {} if caller().has(right) else {"ours": None, "theirs": None}
    return values | {"entity": entity} | hidden


def _entity(session: Session, conflict: CrmConflict) -> str:
    if conflict.record == records.CONTACT:
        return conflict.record
    return "contribution" if session.get(Gift, UUID(conflict.record)) else "participant"


FIND = insert(CrmConflict)
FIND = FIND.on_conflict_do_update(
    index_elements=["subscription_id", "party_id", "record", "field"],
    index_where=CrmConflict.decided_at.is_(None),
    set_={name: FIND.excluded[name] for name in ("ours", "theirs", "our_mark", "their_mark")},
).returning(CrmConflict.id, literal_column("old.id is null").label("is_new"))


def found(
    session: Session,
    *,
    subscription_id: UUID,
    party_id: UUID,
    clashes: tuple[Clash, ...],
    key: str,
    at: datetime,
) -> None:
    """Keep what clashes now, and tell of what is new; what was open and clashes no more is gone."""
    values = {
        "subscription_id": subscription_id,
        "party_id": party_id,
    }
    for clash in clashes:
        told = session.execute(FIND, values | _of(clash, key) | {"id": uuid7(), "found_at": at}).one()
        if told.is_new:
            place = {"record": clash.record, "field": clash.field}
            publish(session, CrmConflictFound(conflict_id=told.id, found_at=at, **values, **place), at=at)
    known = select(CrmConflict).filter_by(**values, decided_at=None).with_for_update()
    still = {(clash.record, clash.field) for clash in clashes}
    for conflict in session.execute(known).scalars():
        if (conflict.record, conflict.field) not in still:
            conflict.decide(GONE, by=None, at=at)


def _of(clash: Clash, key: str) -> dict[str, str]:
    return {
        "record": clash.record,
        "field": clash.field,
        "ours": records.shown(clash.field, clash.ours),
        "theirs": records.shown(clash.field, clash.theirs),
        "our_mark": records.mark(key, clash.field, clash.ours),
        "their_mark": records.mark(key, clash.field, clash.theirs),
    }


def decide(session: Session, conflict_id: UUID, *, keep: str, by: UUID | None, at: datetime) -> CrmConflict:
    """Theirs may be overwritten from now on; at once, or when ours changes again."""
    conflict = lock(session, CrmConflict, conflict_id)
    conflict.decide(keep, by=by, at=at)
    party, place = _party(conflict), (conflict.record, conflict.field)
    memories.admit(session, **party, place=place, mark=conflict.their_mark)
    if keep == THEIRS:
        memories.keep(session, **party, place=place, mark=conflict.our_mark)
    else:
        _push(session, conflict, at=at)
    return conflict


def undo(session: Session, conflict_id: UUID) -> CrmConflict:
    """Open again, as if nobody had left theirs."""
    conflict = lock(session, CrmConflict, conflict_id)
    party, place = _party(conflict), (conflict.record, conflict.field)
    anew = select(CrmConflict.id).filter_by(**party, record=place[0], field=place[1], decided_at=None)
    if session.execute(anew.where(CrmConflict.id != conflict.id)).first():
        raise ConflictAgain
    conflict.undo()
    memories.disown(session, **party, place=place, mark=conflict.their_mark)
    memories.unkeep(session, **party, place=place, mark=conflict.our_mark)
    return conflict


def _party(conflict: CrmConflict) -> dict[str, UUID]:
    return {"subscription_id": conflict.subscription_id, "party_id": conflict.party_id}


def _push(session: Session, conflict: CrmConflict, *, at: datetime) -> None:
    """The party's state goes once more to every tool: what is there already stays as it is."""
    changes.record(
        session,
        party_id=parties.resolve(session, conflict.party_id),
        message_id=uuid7(),
        cause=DECIDED,
        occurred_at=at,
        at=at,
    )


def _audit(session: Session, action: str, conflict: CrmConflict, *, at: datetime) -> None:
    audit.record(
        session,
        by=caller().person_id,
        action=action,
        subject=("crm_conflict", conflict.id),
        at=at,
        fields=[conflict.field],
        right=RIGHT,
    )
