"""Imports of people: choose a file, see what it would do, confirm or discard it, watch it being done."""

from io import SEEK_END
from typing import IO

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from web import clients, uploads
from web.clients import Problem, segment
from web.console.shell import then
from web.languages import language

routes = Blueprint("imports", __name__, url_prefix="/imports")

CHECKED_WITHIN_S = 180
"""200,000 rows take a minute of two cores that have nothing else to do."""


@routes.get("/")
def listed():
    """Past imports, and the place to begin one."""
    return _list()


@routes.post("/")
@uploads.takes_file("people.import")
def check():
    """Read a file and say what it would change; nothing is written before it is confirmed."""
    chosen = request.files.get("file")
    if chosen is None or not chosen.filename:
        return _list(error=_("Choose a file first.")), 422
    if length(chosen.stream) > uploads.FILE_MAX_BYTES:
        return _list(error=_too_large()), 413
    content = (chosen.filename, chosen.stream, "text/csv")
    try:
        made = clients.directory().call(
            "POST",
            "/imports",
            files={"file": content},
            data=_informed(),
            key=request.form["key"],
            timeout_s=CHECKED_WITHIN_S,
        )
    except Problem as problem:
        if problem.status not in {400, 409, 413, 422}:
            raise
        return _list(error=refusal(problem)), problem.status
    return redirect(url_for("console.imports.show", import_id=made["id"]), code=303)


@routes.get("/<import_id>")
def show(import_id: str):
    """One import: its counts, its refused rows, its progress."""
    return render_template(
        "console/import.html", done=clients.directory().get(f"/imports/{segment(import_id)}")
    )


@routes.get("/<import_id>/progress")
def progress(import_id: str):
    """The moving part alone."""
    done = clients.directory().get(f"/imports/{segment(import_id)}")
    return render_template("console/import_progress.html", done=done)


@routes.post("/<import_id>/confirm")
def confirm(import_id: str):
    """Write what was shown."""
    said = _("The import has begun. You may leave this page; it goes on.")
    return _decided(import_id, "confirmations", said)


@routes.post("/<import_id>/discard")
def discard(import_id: str):
    """Give up what was shown; its rows are forgotten."""
    said = _("Import discarded: nothing of it was written, and its rows are forgotten.")
    return _decided(import_id, "discards", said)


def _decided(import_id: str, decision: str, said: str) -> Response:
    """Back to the import, which says what became of it: a colleague may have decided otherwise meanwhile."""
    where = {"endpoint": "console.imports.show", "import_id": import_id}
    try:
        clients.directory().post(f"/imports/{segment(import_id)}/{decision}", {}, key=request.form["key"])
    except Problem as problem:
        if problem.status != 409:
            raise
        return then(_("Somebody already decided otherwise about this import."), **where, kind="bad")
    return then(said, **where)


@routes.get("/<import_id>/refused.csv")
def refused(import_id: str):
    """The refused rows with their reasons, to mend and import again."""
    path, words = f"/imports/{segment(import_id)}/refusals.csv", {"locale": language()}
    answer = clients.directory().raw("GET", path, params=words, timeout_s=30)
    clients.directory().check(answer)
    file = Response(answer.content, content_type="text/csv; charset=utf-8")
    name = {"fr": "amicale-lignes-refusees.csv", "en": "amicale-refused-rows.csv"}[language()]
    file.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return file


def refusal(problem: Problem) -> str:
    """Why a file was refused, and what to do."""
    row, columns = problem.body.get("row", ""), problem.body.get("columns", [])
    known = {
        "not_text": _(
            "This file is not CSV but a workbook, a picture or another document. "
            "Save the sheet as CSV, then choose that file."
        ),
        "encoding_unknown": _(
            "The accents of this file cannot be read. Save the sheet as “CSV UTF-8”, then choose that file."
        ),
        "file_empty": _("This file has no row of people: it is empty, or has only its header."),
        "file_too_long": _("This file has more than 200,000 rows. Import it in parts."),
        "body_too_large": _too_large(),
        "columns_too_many": _("Row %(row)s of this file has more than 200 columns.", row=row),
        "column_missing": _missing(columns, problem.body.get("found", [])),
        "column_twice": _(
            "Two columns mean the same: %(columns)s. Remove one, then import again.",
            columns=", ".join(columns),
        ),
        "quote_not_closed": _("In row %(row)s of this file a quotation mark is never closed.", row=row),
        "cell_too_long": _("In row %(row)s of this file a cell is far too long.", row=row),
    }
    if "informed_by" in problem.fields:
        return _("How these people were told cannot be kept as it is: write it in one plain line.")
    return known.get(problem.code) or _("This file could not be taken. Choose it again.")


def _too_large() -> str:
    return _("This file is larger than 24 MB. Import it in parts.")


def length(stream: IO[bytes]) -> int:
    """Bytes from here to the end; it is left where it was."""
    here = stream.tell()
    end = stream.seek(0, SEEK_END)
    stream.seek(here)
    return end - here


def _missing(columns: list[str], found: list[str]) -> str:
    names = {"school_id": _("student number"), "given_name": _("first name"), "family_name": _("name")}
    return _(
        "Missing from this file: %(missing)s. Columns found in its first row: %(found)s.",
        missing=", ".join(names.get(each, each) for each in columns),
        found=", ".join(found) or _("no column"),
    )


def _informed() -> dict[str, str]:
    """How the people of the file were told of it, when staff say so."""
    told = request.form.get("informed_by", "").strip()
    return {"informed_by": told} if told else {}


def _list(error: str = "") -> str:
    found = clients.directory().get("/imports", limit=50)
    limit = {"most_bytes": uploads.FILE_MAX_BYTES, "too_large": _too_large()}
    return render_template("console/imports.html", found=found, error=error, **limit)
