"""Notes: schemas, routes, use cases."""

from typing import Any
from uuid import UUID

from flask import current_app
from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import links
from shared.auth import caller
from shared.db import lock
from shared.errors import NotFound
from shared.http import Blueprint, IdempotencyKey
from shared.limits import limit
from shared.money import Minor
from shared.once import once
from shared.pages import PageQuery, page, paged
from tests.support.small.models import Note, Transaction, database

routes = Blueprint("notes", __name__, url_prefix="/api/v1/small/notes")


class NoteWish(Schema):
    text = fields.String(required=True, validate=validate.Length(1, 500))
    amount_minor = Minor(load_default=0, validate=validate.Range(0, 10_000_000))


class NoteQuery(PageQuery):
    q = fields.String(load_default="", validate=validate.Length(max=100))


class NoteShown(Schema):
    id = fields.UUID(required=True)
    text = fields.String(required=True)
    amount_minor = Minor(required=True)
    link = fields.Function(lambda note: links.sign("note", note.id, note.link_version))


@routes.post("", allow="anyone")
@routes.arguments(NoteWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, NoteShown)
def create(wish: dict[str, Any], header: dict[str, Any]) -> Note:
    """Leave a note."""
    limit(database.engine, "notes", caller().key, most=current_app.config.get("NOTES_MOST", 1000), per_s=60)
    with Transaction() as session:
        note = once(session, Note, header["key"], values={"person_id": caller().person_id}, **wish)
    if hook := current_app.config.get("BETWEEN"):
        hook(note)
    with Transaction() as session:
        note = lock(session, Note, note.id)
        note.release()
    return note


@routes.get("", allow="giving.read")
@routes.arguments(NoteQuery, location="query")
@routes.response(200, paged(NoteShown))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Notes, newest first."""
    with Transaction() as session:
        found = select(Note).where(Note.text.ilike(f"%{query['q']}%"))
        keys = [Note.made_at.desc(), Note.id.desc()]
        return page(session, found, after=query["after"], limit=query["limit"], keys=keys)


@routes.get("/<uuid:note_id>", allow="signed_in")
@routes.response(200, NoteShown)
def show(note_id: UUID) -> Note:
    """One note of the caller's own."""
    with Transaction() as session:
        return _own(session, note_id, caller().person_id)


@routes.get("/by-link/<token>", allow="link")
@routes.response(200, NoteShown)
def show_by_link(token: str) -> Note:
    """The note that a signed link speaks of."""
    with Transaction() as session:
        note = session.get(Note, links.subject(token))
        if note is None:
            raise NotFound
        links.verify("note", token, note.link_version)
        return note


@routes.delete("/<uuid:note_id>", allow="giving.refund")
@routes.response(204)
def remove(note_id: UUID) -> None:
    """Take a note away; asks the directory for the right at that moment."""
    with Transaction() as session:
        session.delete(lock(session, Note, note_id))


@routes.get("/summary", allow="anyone")
@routes.response(200)
def summary() -> dict[str, Any]:
    """How many notes there are."""
    with Transaction() as session:
        return {"count": len(session.scalars(select(Note.id)).all())}


def _own(session: Session, note_id: UUID, person_id: UUID | None) -> Note:
    note = session.get(Note, note_id)
    if note is None or note.person_id != person_id:
        raise NotFound
    return note
