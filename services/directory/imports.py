"""Imports: a registrar's file of people, checked when it arrives, written when somebody confirms it.

Confirming writes nothing by itself: the worker takes the people in batches, each with its place in the
file in one transaction, so that a killed import goes on where it stopped and nothing is done twice.
"""

import hashlib
import uuid
from datetime import datetime
from typing import Any, BinaryIO

from flask_smorest.fields import Upload
from marshmallow import Schema, fields, validate
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from services.directory import enrolments, import_runs, refusals, sheets, trail
from services.directory.models import Import, ImportRow, Transaction, database
from services.directory.models.imports import STATUSES, ImportAlreadyConfirmed, ImportAlreadyDiscarded
from services.directory.rows import RowRefused, understand
from shared.auth import caller
from shared.bodies import holds_card_number
from shared.clock import now
from shared.db import lock, uuid7
from shared.errors import NotFound
from shared.http import Blueprint, IdempotencyKey, NotMultipart
from shared.limits import TooMany, limit
from shared.names import Name, tidy
from shared.once import once
from shared.pages import PageQuery, page, paged

routes = Blueprint("imports", __name__, url_prefix="/api/v1/directory/imports")

CHECKED_AT_ONCE = 1000
CELL_SHOWN = 2000
TAKEN_OUT = "[retiré / removed]"
CHECKS_AN_HOUR = 60
BODY_MAX = 25_000_000
"""A file of 24 MB with its form: as much as the gateway lets through, and web."""


class ImportFile(Schema):
    file = Upload(required=True, metadata={"description": "CSV, UTF-8 or Windows-1252, at most 24 MB"})


class ImportForm(Schema):
    informed_by = Name(
        load_default=None,
        metadata={"description": "how these people were told that their data is held here, if they were"},
    )


class Counts(Schema):
    created = fields.Integer()
    updated = fields.Integer()
    unchanged = fields.Integer()
    refused = fields.Integer()


class ImportShown(Schema):
    """`created`, `updated` and `unchanged` count people, `refused` counts rows; `emails_withheld` counts
    addresses of the file that staff had corrected or removed, and which are not added again.
    """

    id = fields.UUID()
    status = fields.String(validate=validate.OneOf(STATUSES))
    filename = fields.String()
    encoding = fields.String()
    delimiter = fields.String()
    columns = fields.Dict(keys=fields.String(), values=fields.String())
    ignored = fields.List(fields.String())
    rows = fields.Integer()
    people = fields.Integer()
    done = fields.Integer()
    counts = fields.Nested(Counts)
    emails_withheld = fields.Integer()
    checked_at = fields.AwareDateTime()
    checked_by = fields.UUID(allow_none=True)
    confirmed_at = fields.AwareDateTime(allow_none=True)
    confirmed_by = fields.UUID(allow_none=True)
    discarded_at = fields.AwareDateTime(allow_none=True)
    discarded_by = fields.UUID(allow_none=True)
    completed_at = fields.AwareDateTime(allow_none=True)
    failed_at = fields.AwareDateTime(allow_none=True)


class ImportWhole(ImportShown):
    """With the first hundred refused rows; all of them are in `refusals.csv`."""

    refusals = fields.List(fields.Nested(refusals.RefusalShown))


@routes.post(
    "",
    allow="people.import",
    body_max=BODY_MAX,
    refuses=(NotMultipart, TooMany, *sheets.FileRefused.__subclasses__()),
)
@routes.arguments(ImportFile, location="files")
@routes.arguments(ImportForm, location="form")
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, ImportWhole)
def create(files, form, header):
    """Check a file. Nothing is written about anybody until it is confirmed."""
    limit(database.engine, "import", str(caller().person_id), most=CHECKS_AN_HOUR, per_s=3600)
    file, at = files["file"], now()
    wish = {"filename": _named(file.filename or ""), "content": _digest(file.stream), **form}
    sheet = sheets.open_sheet(file.stream)
    values = _described(sheet, by=caller().person_id, at=at)
    with Transaction() as session:
        checked = once(session, Import, header["key"], values=values, claim_s=0, **wish)
        if not checked.repeated:
            take(session, checked, sheet, at=at)
        return whole(session, checked)


@routes.get("", allow="people.import")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(ImportShown))
def index(query):
    """Imports, the latest first."""
    with Transaction() as session:
        return page(session, select(Import), **query, keys=(Import.id.desc(),))


@routes.get("/<uuid:import_id>", allow="people.import")
@routes.response(200, ImportWhole)
def show(import_id):
    """One import: what it would do, how far it has come, or what it did."""
    with Transaction() as session:
        found = session.get(Import, import_id)
        if found is None:
            raise NotFound
        return whole(session, found)


@routes.post(
    "/<uuid:import_id>/confirmations",
    allow="people.import",
    refuses=(ImportAlreadyConfirmed, ImportAlreadyDiscarded),
)
@routes.response(202, ImportWhole)
def create_confirmation(import_id):
    """Write the people down; it happens in the background, and can be left and found again."""
    with Transaction() as session:
        return whole(session, confirm(session, import_id, by=caller().person_id, at=now()))


@routes.post("/<uuid:import_id>/discards", allow="people.import", refuses=(ImportAlreadyConfirmed,))
@routes.response(200, ImportWhole)
def create_discard(import_id):
    """Give a checked import up: nothing is written, and what the file said is forgotten."""
    with Transaction() as session:
        return whole(session, discard(session, import_id, by=caller().person_id, at=now()))


def whole(session: Session, found: Import) -> dict:
    """The import with its first refusals."""
    shown = {name: getattr(found, name) for name in ImportShown().fields}
    first = refusals.of_import(session, found.id, most=refusals.SHOWN)
    return {**shown, "refusals": [refusals.shown(found, row) for row in first]}


def check(
    session: Session, stream: BinaryIO, *, filename: str, by, at: datetime, informed_by: str | None = None
) -> Import:
    """Read a file and keep what it says beside the people, with what confirming it would do.

    FileRefused when it is not a table of people. A row that cannot be taken is kept with its reason and
    stops no other.
    """
    sheet = sheets.open_sheet(stream)
    described = _described(sheet, by=by, at=at)
    checked = Import(id=uuid7(), filename=_named(filename), informed_by=informed_by, **described)
    session.add(checked)
    session.flush()
    return take(session, checked, sheet, at=at)


def take(session: Session, checked: Import, sheet: sheets.Sheet, *, at: datetime) -> Import:
    """Keep what the rows of a sheet say, and count what confirming its new import would do."""
    _keep_rows(session, checked, sheet, at=at)
    if not checked.rows:
        raise sheets.FileEmpty
    for people, disagreeing in import_runs.batches(session, checked.id, after=None, size=CHECKED_AT_ONCE):
        _refuse(session, checked, disagreeing)
        _foresee(session, checked, people)
    trail.note(session, checked, by=checked.checked_by, action="import.checked", right="people.import", at=at)
    return checked


def _described(sheet: sheets.Sheet, *, by, at: datetime) -> dict[str, Any]:
    read = {name: getattr(sheet, name) for name in ("encoding", "delimiter", "columns", "ignored", "header")}
    return {**read, "checked_by": by, "checked_at": at}


def _named(filename: str) -> str:
    return filename[-200:]


def _digest(stream: BinaryIO) -> str:
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    stream.seek(0)
    return digest


def _keep_rows(session: Session, checked: Import, sheet: sheets.Sheet, *, at: datetime) -> None:
    batch = []
    for row, cells in sheet.rows():
        batch.append(_row(checked.id, row, cells, sheet, at=at))
        checked.rows += 1
        checked.refused += batch[-1]["reason"] is not None
        if len(batch) == CHECKED_AT_ONCE:
            session.execute(insert(ImportRow), batch)
            batch.clear()
    if batch:
        session.execute(insert(ImportRow), batch)


def _row(import_id: uuid.UUID, row: int, cells: list[str], sheet: sheets.Sheet, *, at: datetime) -> dict:
    kept = {"import_id": import_id, "row": row, "school_id": None, "wish": None, "reason": None}
    number = sheet.fields["school_id"] if len(cells) == len(sheet.header) else None
    kept["cells"] = [_kept(cell, may_be_long=place == number) for place, cell in enumerate(cells)]
    try:
        wish = understand(cells, sheet.fields, width=len(sheet.header), today=at.date())
    except RowRefused as refused:
        return {**kept, "reason": refused.code}
    return {**kept, "school_id": wish["school_id"], "wish": wish}


def _kept(cell: str, *, may_be_long: bool) -> str:
    """A cell as it is given back. A card's number is nowhere kept; a student's may look like one."""
    shown = cell.replace("\x00", "")[:CELL_SHOWN]
    return TAKEN_OUT if not may_be_long and holds_card_number(tidy(shown)) else shown


def _refuse(session: Session, checked: Import, rows: list[ImportRow]) -> None:
    for row in rows:
        row.reason, row.wish = "disagrees", None
        checked.refused += 1
    session.flush()


def _foresee(session: Session, checked: Import, people: list[enrolments.Enrolment]) -> None:
    known = enrolments.known(session, people)
    for each in people:
        person = known.get(each.school_id)
        checked.people += 1
        if person is None:
            checked.created += 1
            continue
        checked.emails_withheld += len(enrolments.withheld(each, person))
        if enrolments.changes(each, person) or (checked.informed_by and not person.informed_at):
            checked.updated += 1
        else:
            checked.unchanged += 1


def confirm(session: Session, import_id: uuid.UUID, *, by, at: datetime) -> Import:
    """Have the import written from now on; confirming again changes nothing."""
    checked = lock(session, Import, import_id)
    if checked.confirm(by=by, at=at):
        trail.note(session, checked, by=by, action="import.confirmed", right="people.import", at=at)
    return checked


def discard(session: Session, import_id: uuid.UUID, *, by, at: datetime) -> Import:
    """Give a checked import up and forget its rows; its counts stay. Discarding again changes nothing."""
    checked = lock(session, Import, import_id)
    if checked.discard(by=by, at=at):
        session.execute(delete(ImportRow).where(ImportRow.import_id == checked.id))
        trail.note(session, checked, by=by, action="import.discarded", right="people.import", at=at)
    return checked
