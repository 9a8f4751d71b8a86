"""Refusals: the rows of a file that could not be taken, with the reason, to be mended and sent again."""

import csv
import io
import uuid
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.directory.models import LOCALES, Import, ImportRow, Transaction
from services.directory.rows import REASONS
from shared.errors import NotFound
from shared.http import Blueprint
from shared.spreadsheets import harmless

routes = Blueprint("refusals", __name__, url_prefix="/api/v1/directory/imports")

SHOWN = 100


class RefusalShown(Schema):
    row = fields.Integer(metadata={"description": "line of the sheet; the header is line 1"})
    reason = fields.String()
    text = fields.Dict(keys=fields.String(), values=fields.String())
    school_id = fields.String(metadata={"description": "the student number, as the file has it"})
    name = fields.String(metadata={"description": "first name and name, as the file has them"})


class LocaleQuery(Schema):
    locale = fields.String(load_default="fr", validate=validate.OneOf(LOCALES))


@routes.get("/<uuid:import_id>/refusals.csv", allow="people.import")
@routes.arguments(LocaleQuery, location="query")
@routes.response(
    200, {"type": "string"}, content_type="text/csv", description="A CSV file, for a spreadsheet."
)
def show(query, import_id):
    """The refused rows as a CSV file, with a column that says why."""
    with Transaction() as session:
        found = session.get(Import, import_id)
        if found is None:
            raise NotFound
        text = as_csv(found, of_import(session, import_id), locale=query["locale"])
    word = {"fr": "refus", "en": "refusals"}[query["locale"]]
    name = {"Content-Disposition": f"attachment; filename={word}-{import_id}.csv"}
    return Response(text, content_type="text/csv; charset=utf-8", headers=name)


def of_import(session: Session, import_id: uuid.UUID, *, most: int | None = None) -> list[ImportRow]:
    """The refused rows, in their order."""
    statement = select(ImportRow).where(ImportRow.import_id == import_id, ImportRow.reason.is_not(None))
    return list(session.scalars(statement.order_by(ImportRow.row).limit(most)))


def shown(found: Import, row: ImportRow) -> dict[str, Any]:
    """A refused row as a page tells it: whose it seems to be, as its cells say, and why it was refused."""
    told = dict(zip(found.header, row.cells or (), strict=False))
    cell = {field: told.get(head, "") for field, head in found.columns.items()}
    names = (cell.get("given_name"), cell.get("family_name") or cell.get("birth_name"))
    return {
        "row": row.row,
        "reason": row.reason,
        "text": dict(zip(LOCALES, REASONS[row.reason or ""], strict=True)),
        "school_id": cell.get("school_id", ""),
        "name": " ".join(each for each in names if each),
    }


def as_csv(found: Import, rows: list[ImportRow], *, locale: str) -> str:
    """The refused rows as they came, with the reason in front; formulas are made plain text."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    reason, line = ("motif", "ligne") if locale == "fr" else ("reason", "row")
    writer.writerow([reason, line, *map(harmless, found.header)])
    for row in rows:
        text = REASONS[row.reason or ""][0 if locale == "fr" else 1]
        writer.writerow([text, row.row, *map(harmless, row.cells or ())])
    return "\ufeff" + out.getvalue()
