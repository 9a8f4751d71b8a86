"""Consents: what a person says yes or no to, each with the words shown to them and where it was said."""

import uuid
from datetime import datetime

from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from services.directory import cards, trail
from services.directory.models import CHANNELS, PURPOSES, Consent, Person, Transaction
from shared.auth import caller
from shared.clock import now
from shared.http import Blueprint
from shared.names import Name

routes = Blueprint("consents", __name__, url_prefix="/api/v1/directory/people")


class ConsentWish(Schema):
    purpose = fields.String(required=True, validate=validate.OneOf(list(PURPOSES)))
    channel = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(CHANNELS))
    said = fields.String(required=True, validate=validate.OneOf(["yes", "no"]))
    wording = Name(required=True, most=2000)


class StaffConsentWish(ConsentWish):
    source = Name(required=True, most=200, metadata={"description": "letter of 3 May, telephone call, …"})


class ConsentShown(ConsentWish):
    id = fields.UUID()
    source = fields.String()
    said_at = fields.AwareDateTime()
    recorded_by = fields.UUID(allow_none=True)


class ConsentList(Schema):
    items = fields.List(fields.Nested(ConsentShown))
    next = fields.String(allow_none=True, dump_default=None)


@routes.get("/me/consents", allow="signed_in")
@routes.response(200, ConsentList)
def index_mine():
    """What the person who is signed in has said, oldest first."""
    with Transaction() as session:
        return {"items": said(session, caller().person_id)}


@routes.post("/me/consents", allow="signed_in")
@routes.arguments(ConsentWish)
@routes.response(201, ConsentShown)
def say(wish):
    """The person who is signed in says yes or no to a purpose."""
    with Transaction() as session:
        me = caller().person_id
        return record(session, me, source="account", by=me, at=now(), **wish)


@routes.get("/<uuid:person_id>/consents", allow="people.read")
@routes.response(200, ConsentList)
def index(person_id):
    """What a person has said, oldest first."""
    with Transaction() as session:
        return {"items": said(session, person_id)}


@routes.post("/<uuid:person_id>/consents", allow="people.manage")
@routes.arguments(StaffConsentWish)
@routes.response(201, ConsentShown)
def note(wish, person_id):
    """Write down what a person said by letter, by telephone or on paper."""
    with Transaction() as session:
        return record(session, person_id, by=caller().person_id, at=now(), **wish)


def said(session: Session, person_id: uuid.UUID) -> list[Consent]:
    """Everything that the person said, in order; NotFound when there is no such person."""
    return cards.whole(session, person_id).consents


def record(
    session: Session,
    person_id: uuid.UUID,
    *,
    purpose: str,
    said: str,
    wording: str,
    source: str,
    by,
    at: datetime,
    channel: str | None = None,
) -> Consent:
    """A new dated fact; the card that follows carries what it means."""
    person = cards.whole(session, person_id)
    consent = Consent(
        purpose=purpose,
        channel=channel,
        said=said,
        wording=wording,
        source=source,
        said_at=at,
        recorded_by=by,
    )
    person.consents.append(consent)
    session.flush()
    cards.publish_card(session, person, at=at)
    trail.note(session, person, by=by, action="consent.recorded", fields=(purpose,), at=at)
    return consent


def object_by_file(person: Person, *, purposes, source: str, at: datetime) -> None:
    """The registrar's file says that a whole person does not want to be reached: an objection to each
    purpose that nothing was said about yet. What a person said is never overruled by a file.
    """
    spoken = {each.purpose for each in person.consents}
    person.consents += [
        Consent(purpose=purpose, said="no", wording="accord contact : N", source=source, said_at=at)
        for purpose in purposes
        if purpose not in spoken
    ]
